package export

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"passerelle/component/stanza"
	"passerelle/store"
)

// person is a line of mail/people.jsonl.
type person struct {
	Contact string `json:"contact"` // JID
	Mailbox string `json:"mailbox"`
	Name    string `json:"name,omitempty"`
	State   string `json:"state"`
	Seen    string `json:"seen"`
	Muted   bool   `json:"muted,omitempty"`
}

// letter is a line of mail/messages.jsonl: what a message is called on either side, and where the mail is, if it is kept still.
type letter struct {
	Time      string `json:"time"`
	Contact   string `json:"contact"` // JID
	Outgoing  bool   `json:"outgoing,omitempty"`
	ID        string `json:"id"`
	MessageID string `json:"message_id,omitempty"`
	Thread    string `json:"thread,omitempty"`
	Subject   string `json:"subject,omitempty"`
	Refers    string `json:"references,omitempty"`
	Others    string `json:"others,omitempty"`
	Mail      string `json:"mail,omitempty"` // of the archive
}

// held is a line of mail/waiting.jsonl: a mail of somebody whom the user has not said whether he wants to hear.
type held struct {
	Time    string `json:"time"`
	Contact string `json:"contact"` // JID
	Subject string `json:"subject,omitempty"`
	Mail    string `json:"mail,omitempty"` // of the archive
}

// written is a line of mail/outgoing.jsonl: a mail of the user's that is on its way.
type written struct {
	Begun      string            `json:"begun"`
	Contact    string            `json:"contact"` // JID
	MessageID  string            `json:"message_id"`
	Lines      []json.RawMessage `json:"lines"`
	Recipients []recipient       `json:"recipients"`
	Mail       string            `json:"mail,omitempty"` // of the archive, once it is composed
}

type recipient struct {
	Mailbox string `json:"mailbox"`
	State   string `json:"state"`
	Note    string `json:"note,omitempty"`
}

var (
	contactStates = map[store.MailContactState]string{store.MailWaits: "waits", store.MailKnown: "known", store.MailBlocked: "blocked"}
	mailStates    = map[store.MailState]string{
		store.MailQueued: "queued", store.MailDelayed: "delayed", store.MailSent: "sent", store.MailDelivered: "delivered", store.MailFailed: "failed",
	}
)

// mail writes what is kept of a user's mail. A part of it that is empty is not there.
func (a *archive) mail() error {
	if err := eachLine(a, "mail/people", "", a.Store.MailPeople, func(c store.MailContact) (string, any, error) {
		return c.Contact, person{a.jid(c.Contact), c.Mailbox, c.Name, contactStates[c.State], stanza.Time(c.SeenAt), !c.Muted.IsZero()}, nil
	}); err != nil {
		return err
	}
	raws := map[int64]bool{} // mails that are named, and whether the user wrote them
	incoming := func(id int64) (string, error) {
		kept, err := a.Store.HasMailIn(a.ctx, id)
		if err != nil || !kept {
			return "", err
		}
		raws[id] = false
		return rawName(id), nil
	}
	if err := eachLine(a, "mail/messages", 0, a.Store.MailHistory, func(m store.MailMessage) (int64, any, error) {
		l := letter{stanza.Time(m.At), a.jid(m.Contact), m.Outward, m.XMPPID, m.MessageID, m.Thread, m.Subject, m.Refs, m.Others, ""}
		var err error
		if !m.Outward {
			l.Mail, err = incoming(m.Mail)
		}
		return m.ID, l, err
	}); err != nil {
		return err
	}
	if err := eachLine(a, "mail/waiting", 0, a.Store.MailHeld, func(w store.MailWaiting) (int64, any, error) {
		name, err := incoming(w.Mail)
		return w.Mail, held{stanza.Time(w.ReceivedAt), a.jid(w.Contact), w.Subject, name}, err
	}); err != nil {
		return err
	}
	if err := eachLine(a, "mail/outgoing", 0, a.Store.MailWritten, func(id int64) (int64, any, error) {
		w, err := a.written(id)
		if w.Mail != "" {
			raws[id] = true
		}
		return id, w, err
	}); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(raws)) {
		if err := a.raw(id, raws[id]); err != nil {
			return err
		}
	}
	return nil
}

func rawName(id int64) string { return fmt.Sprintf("mail/%d.eml", id) }

func (a *archive) written(id int64) (written, error) {
	m, _, err := a.Store.MailOut(a.ctx, id)
	if err != nil {
		return written{}, err
	}
	w := written{Begun: stanza.Time(m.BegunAt), Contact: a.jid(m.Contact), MessageID: m.MessageID, Lines: []json.RawMessage{}, Recipients: []recipient{}}
	lines, err := a.Store.MailLines(a.ctx, id)
	if err != nil {
		return w, err
	}
	for _, l := range lines {
		w.Lines = append(w.Lines, json.RawMessage(l.Letter))
	}
	to, err := a.Store.MailRecipients(a.ctx, id)
	for _, r := range to {
		w.Recipients = append(w.Recipients, recipient{r.Mailbox, mailStates[r.State], r.Note})
	}
	if len(m.Raw) > 0 {
		w.Mail = rawName(id)
	}
	return w, err
}

// raw writes a mail as it came, or goes out. One that is not kept any more meanwhile is not there.
func (a *archive) raw(id int64, outgoing bool) error {
	var raw []byte
	if outgoing {
		m, _, err := a.Store.MailOut(a.ctx, id)
		if err != nil {
			return err
		}
		raw = m.Raw
	} else {
		m, _, err := a.Store.MailIn(a.ctx, id)
		if err != nil {
			return err
		}
		raw = m.Raw
	}
	if len(raw) == 0 {
		return nil
	}
	return a.entry(rawName(id), func(w *bufio.Writer) error {
		_, err := w.Write(raw)
		return err
	})
}

// eachLine writes one of the files, a line of JSON for each row, which are read page by page behind the key of the last one.
func eachLine[Row, Key any](a *archive, name string, first Key, page func(ctx context.Context, id store.UserID, after Key) ([]Row, error), line func(Row) (Key, any, error)) error {
	after := first
	rows, err := page(a.ctx, a.User, after)
	if err != nil || len(rows) == 0 {
		return err
	}
	return a.entry(name+".jsonl", func(w *bufio.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		for len(rows) > 0 {
			for _, row := range rows {
				key, v, err := line(row)
				if err == nil {
					err = e.Encode(v)
				}
				if err != nil {
					return err
				}
				after = key
			}
			if rows, err = page(a.ctx, a.User, after); err != nil {
				return err
			}
		}
		return nil
	})
}
