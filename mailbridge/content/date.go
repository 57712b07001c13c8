package content

import (
	"strconv"
	"strings"
	"time"
)

// zones are the names of zones that mail has (RFC 5322 §4.3, and some more), in hours east of Greenwich.
var zones = map[string]int{
	"UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
	"WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MET": 1, "MEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9,
}

// months by the first three letters of their names in the languages in which programs write them, wrongly.
var months = map[string]time.Month{
	"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
	"mär": 3, "mrz": 3, "mai": 5, "okt": 10, "dez": 12, "fév": 2, "avr": 4, "juin": 6, "juil": 7, "aoû": 8, "déc": 12,
	"ene": 1, "abr": 4, "ago": 8, "dic": 12, "gen": 1, "mag": 5, "giu": 6, "lug": 7, "set": 9, "ott": 10, "maj": 5, "mei": 5, "fev": 2, "out": 10,
}

// readDate reads a date (RFC 5322 §3.3, §4.3) in any of the shapes that programs give it. It is the zero Time where that is none, or before
// there was mail.
func readDate(s string) time.Time {
	s = cut(decodeWords(s), 100)
	for { // comments, such as the name of the zone
		i := strings.IndexByte(s, '(')
		if i < 0 {
			break
		}
		_, n := cutComment(s[i:])
		if n == 0 {
			n = len(s) - i
		}
		s = s[:i] + " " + s[i+n:]
	}
	if t, err := time.Parse(time.RFC3339, strings.TrimSpace(s)); err == nil {
		return sane(t)
	}
	var day, year int
	var month time.Month
	var clock time.Duration
	hasClock, offset := false, 0
	early := false // the month stood before the day: in some languages a day of the week reads like one
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		if c, ok := readClock(w); ok && !hasClock {
			clock, hasClock = c, true
			continue
		}
		if (w[0] == '+' || w[0] == '-') && hasClock {
			if o, ok := readOffset(w); ok {
				offset = o
			}
			continue
		}
		name, sign := w, strings.IndexAny(w, "+-")
		if sign > 0 { // GMT+0100
			name = w[:sign]
		}
		if hours, ok := zones[strings.ToUpper(name)]; ok && hasClock {
			offset += hours * 3600
			if sign > 0 {
				o, _ := readOffset(w[sign:])
				offset += o
			}
			continue
		}
		if strings.EqualFold(w, "PM") && clock < 12*time.Hour {
			clock += 12 * time.Hour
			continue
		}
		for piece := range strings.SplitSeq(w, "-") { // 02-Jan-2006
			piece = strings.TrimRight(piece, ".")
			if n, err := strconv.Atoi(piece); err == nil && n >= 0 {
				switch {
				case len(piece) <= 2 && day == 0 && n > 0:
					day = n
				case year == 0:
					year = n
					if len(piece) <= 3 { // RFC 5322 §4.3
						if year += 1900; n < 50 {
							year += 100
						}
					}
				}
				continue
			}
			if m := readMonth(piece); m != 0 && (month == 0 || early && day > 0) {
				month, early = m, day == 0
			}
		}
	}
	if day < 1 || day > 31 || month == 0 || year == 0 || clock >= 25*time.Hour {
		return time.Time{}
	}
	return sane(time.Date(year, month, day, 0, 0, 0, 0, time.FixedZone("", offset)).Add(clock))
}

// sane keeps dates that a mail can have.
func sane(t time.Time) time.Time {
	if t.Year() < 1970 || t.Year() > 2200 {
		return time.Time{}
	}
	return t.UTC()
}

func readMonth(s string) time.Month {
	s = strings.ToLower(s)
	for _, n := range []int{4, 3} {
		runes := []rune(s)
		if len(runes) < n {
			continue
		}
		if m, ok := months[string(runes[:n])]; ok {
			return m
		}
	}
	return 0
}

func readClock(s string) (time.Duration, bool) {
	fields := strings.Split(strings.ReplaceAll(s, ".", ":"), ":")
	if len(fields) < 2 || len(fields) > 4 || strings.Contains(s, ".") && strings.Count(s, ":") == 0 && len(fields) != 3 {
		return 0, false
	}
	var d time.Duration
	for i, unit := range []time.Duration{time.Hour, time.Minute, time.Second} {
		if i >= len(fields) {
			break
		}
		n, err := strconv.Atoi(fields[i])
		if err != nil || n < 0 || n > 60 || len(fields[i]) > 2 {
			return 0, false
		}
		d += time.Duration(n) * unit
	}
	return d, true
}

func readOffset(s string) (int, bool) {
	digits := strings.ReplaceAll(s[1:], ":", "")
	n, err := strconv.Atoi(digits)
	if err != nil || len(digits) > 4 {
		return 0, false
	}
	if len(digits) <= 2 {
		n *= 100
	}
	seconds := n/100*3600 + n%100*60
	if seconds > 24*3600 {
		return 0, false
	}
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}
