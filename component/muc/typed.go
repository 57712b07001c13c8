package muc

import (
	"strings"

	"passerelle/component/downgrade"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// Typed cuts off the slash of what looks like a command of a client: a word of letters right behind a slash. Clients send what they do not
// know as a message, and a "/msg NickServ identify …" must be heard by nobody. "/me" is none (XEP-0245).
func Typed(body string) (line string, ok bool) {
	line, ok = strings.CutPrefix(body, "/")
	word, _, _ := strings.Cut(line, " ")
	word, _, _ = strings.Cut(word, "\n")
	if !ok || word == "" || strings.EqualFold(word, "me") {
		return "", false
	}
	for _, c := range strings.ToLower(word) {
		if c < 'a' || c > 'z' {
			return "", false // "/usr/bin", "//", "/s/a/b/"
		}
	}
	return line, true
}

// typed hands a command that was typed in the room to the network, which knows which of them are for a room.
func (r *Room) typed(from transports.Address, m *stanza.Element, t downgrade.Text, line string, out *Out) {
	p := pending{kind: pendingTyped, client: from, id: m.Attr("id"), body: t.Body, payload: Payload(m)}
	r.ask(out, p, func(ref transports.Ref) transports.Request {
		return transports.Raw{Ref: ref, Room: r.opt.Target, Line: line}
	})
}

// typedDone shows what the network said to a command. The message is reflected to the user's clients (XEP-0045 §7.4), which wait for that; to
// everybody else, and to the archive, it was none.
func (r *Room) typedDone(e transports.RawAnswer, out *Out) {
	p := r.pending[e.Ref]
	if p == nil || p.kind != pendingTyped {
		return
	}
	r.forget(e.Ref)
	said := strings.Join(e.Lines, "\n")
	if e.Refused {
		r.bounce(p.client, p.id, transports.NewError(transports.Denied, said, nil), out)
		return
	}
	l := line{nick: r.nick, id: p.id, body: p.body, payload: p.payload, occupant: r.OccupantID(r.nick), time: r.opt.Now()}
	for i := range r.clients {
		if c := &r.clients[i]; c.in {
			r.sendLine(c, l, false, out)
		}
	}
	if c := r.client(p.client); c != nil {
		r.sayTo(c, said, out)
	}
}
