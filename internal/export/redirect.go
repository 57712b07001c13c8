package export

import (
	"bufio"
	"encoding/json"
	"strings"

	"passerelle/component/stanza"
	"passerelle/store"
)

// redirected is mail/redirect.json: where the user's messages go, and how they are learnt of.
type redirected struct {
	Mailbox  string          `json:"mailbox"`
	State    string          `json:"state"`
	Alias    string          `json:"alias"` // JID
	Rules    []string        `json:"rules"`
	Settings json.RawMessage `json:"settings,omitempty"`
	Asked    string          `json:"code_mailed,omitempty"`
	Failures int             `json:"mails_that_came_back,omitempty"`
	Failed   string          `json:"last_that_came_back,omitempty"`
	Dropped  int64           `json:"messages_dropped,omitempty"`
	Followed *followed       `json:"followed,omitempty"`
}

type followed struct {
	Way     int    `json:"way"`
	Kind    int    `json:"kind"`
	Node    string `json:"node,omitempty"`
	Reached string `json:"reached,omitempty"`
	At      string `json:"reached_at,omitempty"`
}

// copied is a line of mail/redirect/messages.jsonl: a message that waits or, without what it says, that did.
type copied struct {
	Time    string          `json:"time"`
	Taken   string          `json:"taken"`
	Peer    string          `json:"peer"`
	Author  string          `json:"author,omitempty"`
	ID      string          `json:"id,omitempty"`
	Archive string          `json:"archive_id,omitempty"`
	Said    json.RawMessage `json:"said,omitempty"`
}

// talk is a line of mail/redirect/conversations.jsonl.
type talk struct {
	Peer      string `json:"peer"`
	Waiting   int    `json:"waiting,omitempty"`
	More      int64  `json:"more,omitempty"`
	Due       string `json:"due,omitempty"`
	Read      string `json:"read,omitempty"`
	MessageID string `json:"message_id,omitempty"`
	Refers    string `json:"references,omitempty"`
	Known     bool   `json:"known,omitempty"`
	Nick      string `json:"nick,omitempty"`
}

// redirectMail is a line of mail/redirect/mails.jsonl: whom an answer to a mail is for.
type redirectMail struct {
	Mail    int64  `json:"mail"`
	Mailbox string `json:"mailbox"`
	Peer    string `json:"peer,omitempty"`
	Room    bool   `json:"room,omitempty"`
	Name    string `json:"name,omitempty"`
	Thread  string `json:"thread,omitempty"`
	ID      string `json:"id,omitempty"`
}

var redirectStates = map[store.RedirectState]string{store.RedirectAsked: "asked", store.RedirectOn: "on", store.RedirectPaused: "paused"}

// redirect writes what is kept of a user's redirect. A part of it that is empty is not there.
func (a *archive) redirect(from *store.Account) error {
	r, ok, err := a.Store.Redirect(a.ctx, a.User)
	if err != nil {
		return err
	}
	if f := from.Followed; ok || f.Way != 0 || f.Node != "" {
		out := redirected{Mailbox: r.Mailbox, State: redirectStates[r.State], Alias: a.jid(r.Alias), Rules: []string{}, Failures: r.Failures, Dropped: r.Dropped}
		if r.Rules != "" {
			out.Rules = strings.Split(r.Rules, "\n")
		}
		if json.Valid([]byte(r.Settings)) {
			out.Settings = json.RawMessage(r.Settings)
		}
		if !r.CodedAt.IsZero() {
			out.Asked = stanza.Time(r.CodedAt)
		}
		if r.Failures > 0 {
			out.Failed = stanza.Time(r.FailedAt)
		}
		if f.Way != 0 || f.Node != "" {
			out.Followed = &followed{f.Way, f.Kind, f.Node, f.Reached, timeOrNone(f.ReachedAt)}
		}
		if err := a.entry("mail/redirect.json", func(w *bufio.Writer) error { return writeJSON(w, out) }); err != nil {
			return err
		}
	}
	if err := eachLine(a, "mail/redirect/conversations", "", a.Store.RedirectTalksAfter, func(t store.RedirectTalk) (string, any, error) {
		return t.Peer, talk{t.Peer, t.Waiting, t.More, timeOrNone(t.Due), timeOrNone(t.ReadAt), t.MessageID, t.Refs, t.Known, t.Nick}, nil
	}); err != nil {
		return err
	}
	if err := eachLine(a, "mail/redirect/messages", 0, a.Store.RedirectLinesAfter, func(l store.RedirectLine) (int64, any, error) {
		return l.ID, copied{stanza.Time(l.SaidAt), stanza.Time(l.TakenAt), l.Peer, l.Author, l.XMPPID, l.ArchiveID, json.RawMessage(l.Copy)}, nil
	}); err != nil {
		return err
	}
	return eachLine(a, "mail/redirect/mails", 0, a.Store.RedirectMailsAfter, func(m store.RedirectMail) (int64, any, error) {
		return m.Mail, redirectMail{m.Mail, m.Mailbox, m.Peer, m.Room, m.Name, m.Thread, m.XMPPID}, nil
	})
}
