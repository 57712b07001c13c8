package export

import (
	"bufio"
	"encoding/json"
	"iter"
	"strings"
	"time"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/store"
)

// conversation is an entry of messages.json.
type conversation struct {
	Room     string `json:"room,omitempty"` // JID; empty for all private conversations
	Messages int64  `json:"messages"`
	JSON     string `json:"json"`
	Text     string `json:"text"`
}

// message is a line of a conversation's JSON.
type message struct {
	Time     string `json:"time"`
	ID       string `json:"id"`
	Nick     string `json:"nick,omitempty"`     // who said it in a room; not there for the room itself
	With     string `json:"with,omitempty"`     // JID of the contact
	Outgoing bool   `json:"outgoing,omitempty"` // the user wrote it to the contact
	Body     string `json:"body,omitempty"`
	Subject  string `json:"subject,omitempty"`
	Stanza   string `json:"stanza"`
}

// progressEvery is how many messages are written until somebody is told.
const progressEvery = 1024

// conversation writes a room, or all private conversations where it is empty: first for programs, then for people. Nothing is there of
// one without messages.
func (a *archive) conversation(all []conversation, room string) ([]conversation, error) {
	c := conversation{JSON: "private.jsonl", Text: "private.txt"}
	part, since := store.Part{Private: true}, a.Since(room)
	if room != "" {
		part, c.Room = store.Part{Room: room}, room+"@"+a.User.Domain
		name := a.names.unique("rooms/", room)
		c.JSON, c.Text = name+".jsonl", name+".txt"
	}
	lines := func() iter.Seq2[store.Line, error] { return a.Store.Lines(a.ctx, a.User, part, since) }
	for _, err := range lines() {
		if err != nil {
			return nil, err
		}
		c.Messages = 1
		break
	}
	if c.Messages == 0 {
		return all, nil
	}
	if err := a.entry(c.JSON, func(w *bufio.Writer) error {
		c.Messages = 0
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		for l, err := range lines() {
			if err != nil {
				return err
			}
			c.Messages++
			if err := e.Encode(a.message(&l, room)); err != nil {
				return err
			}
			a.wrote()
		}
		return nil
	}); err != nil {
		return nil, err
	}
	err := a.entry(c.Text, func(w *bufio.Writer) error {
		w.WriteString(text.Say(a.Lang, "Times are UTC.") + "\n\n")
		n := int64(0)
		for l, err := range lines() {
			if err != nil {
				return err
			}
			if n++; n > c.Messages { // said meanwhile
				break
			}
			m := a.message(&l, room)
			if _, err := w.WriteString(a.sayLine(&m, l.Time)); err != nil {
				return err
			}
			a.wrote()
		}
		return nil
	})
	return append(all, c), err
}

func (a *archive) wrote() {
	if a.lines++; a.Progress != nil && a.lines%(2*progressEvery) == 0 {
		a.Progress(a.lines / 2)
	}
}

func (a *archive) message(l *store.Line, room string) message {
	m := message{Time: stanza.Time(l.Time), ID: l.ID, Stanza: l.Stanza}
	if room != "" {
		m.Nick = l.Who
	} else {
		m.With, m.Outgoing = l.Who+"@"+a.User.Domain, l.Outgoing
	}
	if st, err := stanza.Parse([]byte(l.Stanza), stanza.NSComponent, stanza.Limits{}); err == nil {
		m.Body = st.Root.Child(stanza.NSComponent, "body").Text()
		m.Subject = st.Root.Child(stanza.NSComponent, "subject").Text()
		st.Release()
	}
	return m
}

// sayLine writes a message as people read logs of IRC; one without words is not there.
func (a *archive) sayLine(m *message, at time.Time) string {
	who := m.Nick
	switch {
	case m.With != "" && m.Outgoing:
		who = a.User.JID + " → " + m.With
	case m.With != "":
		who = m.With
	}
	said := m.Body
	if m.Subject != "" && said == "" {
		said = text.Say(a.Lang, "Subject: %s", m.Subject)
	}
	if said == "" {
		return ""
	}
	if rest, action := strings.CutPrefix(said, "/me "); action { // XEP-0245 §2
		said = "* " + who + " " + rest
	} else if who == "" {
		said = "-- " + said
	} else {
		said = "<" + who + "> " + said
	}
	return at.UTC().Format("2006-01-02 15:04:05") + " " + plain(said) + "\n"
}

// plain is a text that does to a terminal nothing but show itself, and of whose lines none can be taken for another message.
func plain(s string) string {
	return strings.ReplaceAll(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0x7f && !(0x80 <= r && r < 0xa0) {
			return r
		}
		return -1
	}, s), "\n", "\n    ")
}
