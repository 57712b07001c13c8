package component

import (
	"bytes"
	"context"
	"strconv"

	"passerelle/component/stanza"
	"passerelle/internal/logging"
)

func (g *Gateway) tracing() bool { return g.log.Enabled(context.Background(), logging.LevelTrace) }

// traceIn shows a stanza that came.
func (g *Gateway) traceIn(e *stanza.Element) {
	g.log.Log(context.Background(), logging.LevelTrace, "received", "stanza", string(appendShape(nil, e, stanza.NSComponent)))
}

// traceOut shows stanzas that are sent.
func (g *Gateway) traceOut(p []byte) {
	r := stanza.NewReader(bytes.NewReader(p), stanza.Limits{})
	for {
		st, err := r.Next()
		if err != nil {
			return // the end
		}
		g.log.Log(context.Background(), logging.LevelTrace, "sent", "stanza", string(appendShape(nil, st.Root, stanza.NSComponent)))
		st.Release()
	}
}

// shown are the attributes whose values say what happens and not what somebody said.
var shown = [...]string{"type", "id", "code", "affiliation", "role", "node", "var", "category"}

// appendShape writes an element as its names, the values of harmless attributes, and the lengths of texts: who talks to whom about
// what stays out of the log, passwords most of all.
func appendShape(b []byte, e *stanza.Element, space string) []byte {
	b = append(b, '<')
	b = append(b, e.Name...)
	if e.Space != space {
		b = append(b, " xmlns='"...)
		b = append(b, e.Space...)
		b = append(b, '\'')
	}
	for _, name := range shown {
		if v := e.RawAttr(name); len(v) > 0 {
			b = append(b, ' ')
			b = append(b, name...)
			b = append(b, "='"...)
			b = append(b, v...)
			b = append(b, '\'')
		}
	}
	b = append(b, '>')
	for c := range e.Children() {
		b = appendShape(b, c, e.Space)
	}
	if n := len(e.RawText()); n > 0 {
		b = append(b, '[')
		b = strconv.AppendInt(b, int64(n), 10)
		b = append(b, " bytes]"...)
	}
	return append(b, "</>"...)
}
