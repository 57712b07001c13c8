package stanza

import "time"

// Time writes a time as XEP-0082 §3.2 has it, to the millisecond.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
