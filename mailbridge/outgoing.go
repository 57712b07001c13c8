package mailbridge

import (
	"context"
	"errors"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"passerelle/internal/jobs"
	"passerelle/internal/safehttp"
	"passerelle/internal/text"
	"passerelle/mailbridge/compose"
	"passerelle/store"
	"passerelle/transports"
)

// Bounds of what is attached.
const (
	maxAttached = 20              // files of a mail
	fetchTime   = 2 * time.Minute // for one of them
	fetchAll    = 5 * time.Minute // for all of a mail; what is not there by then goes out as a link
	// Mails whose files are fetched at a time, in all and of a user. The next try again after fetchAgain: servers that are slow hold up those who name
	// them, and none of the places in which other mails are written.
	maxFetching     = 16
	maxFetchingUser = 2
	fetchAgain      = 10 * time.Second
)

// fetching counts mails whose files are being fetched. Safe to use from any goroutine.
type fetching struct {
	mu  sync.Mutex
	all int
	by  map[string]int // by user
}

// begin reports whether there is room for a mail; end is to be called then.
func (f *fetching) begin(user string) (end func(), ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all >= maxFetching || f.by[user] >= maxFetchingUser {
		return nil, false
	}
	f.all++
	f.by[user]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.all--
		if f.by[user]--; f.by[user] == 0 {
			delete(f.by, user)
		}
	}, true
}

// errFetching says that other mails with files come first.
var errFetching = errors.New("files of other mails are being fetched")

// errEdited says that a mail has changed while it was composed.
var errEdited = errors.New("its lines have changed")

// composed makes a mail of its lines, once, and has it sent.
func (t *Transport) composed(ctx context.Context, what task) jobs.Outcome {
	m, ok, err := t.opt.Store.MailOut(ctx, what.Mail)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if !ok || m.Composed {
		return jobs.Outcome{Verdict: jobs.Done}
	}
	lines, err := t.opt.Store.MailLines(ctx, m.ID)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	h, err := fromJSON[head](m.Head)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	user, err := transports.ParseAddress(m.JID)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	a, err := t.author(ctx, user)
	if err != nil {
		if transports.AsError(err).Kind == transports.Busy {
			return jobs.Outcome{Err: err}
		}
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	letters := make([]transports.Letter, len(lines))
	files := 0
	for i := range lines {
		if letters[i], err = fromJSON[transports.Letter](lines[i].Letter); err != nil {
			return jobs.Outcome{Verdict: jobs.Failed, Err: err}
		}
		files += len(letters[i].Files)
	}
	if files > 0 {
		end, ok := t.fetching.begin(m.JID)
		if !ok {
			return jobs.Outcome{Err: errFetching, After: fetchAgain}
		}
		defer end()
	}
	raw, err := t.render(ctx, &a, &m, &h, letters)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	to := h.recipients()
	names := make([]string, len(to))
	for i := range to {
		names[i] = to[i].String()
	}
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error {
		same, err := tx.ComposeMail(m.ID, m.Edits, raw, names)
		if err == nil && !same {
			err = errEdited // it is tried again with what there is now
		}
		if err != nil {
			return err
		}
		return t.enqueueSend(tx, &m, to)
	}}
}

// render writes a mail.
func (t *Transport) render(ctx context.Context, a *author, m *store.MailOut, h *head, letters []transports.Letter) ([]byte, error) {
	out := compose.Outgoing{
		From: compose.Person{Name: a.prefs.Name, Mailbox: a.from}, Subject: h.Subject, MessageID: m.MessageID, InReplyTo: h.Parent,
		References: h.Refs, Date: m.BegunAt.UTC(), HTML: a.prefs.HTML, Reaction: h.Reaction,
		// What programs answer is marked by them; this is what a person says (RFC 3834 §5).
		Auto: "no",
	}
	for _, l := range []struct {
		to   *[]compose.Person
		from []person
	}{{&out.To, h.To}, {&out.To, h.ToldTo}, {&out.Cc, h.Cc}, {&out.Cc, h.ToldCc}, {&out.ReplyTo, h.Reply}} {
		for _, p := range l.from {
			*l.to = append(*l.to, p.header())
		}
	}
	if a.prefs.Origin {
		out.Extra = append(out.Extra, compose.Header{Name: "X-Originating-JID", Value: a.id.JID})
	}
	budget, until := t.attachable(), time.Now().Add(fetchAll)
	for i := range letters {
		l := &letters[i]
		a.called(l)
		out.From.Name = a.prefs.Name
		said, files, err := t.attach(ctx, l, len(out.Files), &budget, until)
		if err != nil {
			return nil, err
		}
		out.Files = append(out.Files, files...)
		if said == "" {
			continue
		}
		if out.Text != "" {
			out.Text += "\n"
		}
		at := len(out.Text)
		for _, s := range l.Spans {
			if strings.HasPrefix(said, l.Body) { // else a link is missing in it
				out.Spans = transports.AppendSpan(out.Spans, at+s.From, at+s.To, s.Look)
			}
		}
		out.Text += said
	}
	if a.prefs.Signature != "" && !h.Reaction {
		out.Text += "\n\n-- \n" + a.prefs.Signature // RFC 3676 §4.3
	}
	raw, err := compose.Message(&out)
	if err != nil || t.opt.Signer == nil {
		return raw, err
	}
	return t.opt.Signer.Sign(a.from.ASCIIDomain(), raw)
}

// attachable is how many bytes of files go into a mail: base64 makes four of three, and others' limits are no larger than ours.
func (t *Transport) attachable() int64 { return t.rules.Load().MaxSize / 10 * 6 }

// attach fetches the files of a letter, and returns what is left to say: a file that cannot be fetched stays a link. What may be fetched later is
// an error only while ctx ends.
func (t *Transport) attach(ctx context.Context, l *transports.Letter, have int, budget *int64, until time.Time) (said string, files []compose.File, err error) {
	said = l.Body
	for _, f := range l.Files {
		data, kind, ok := t.fetch(ctx, f.URL, *budget, have+len(files), until)
		if err := ctx.Err(); err != nil {
			return "", nil, err
		}
		if !ok {
			if !strings.Contains(said, f.URL) {
				said = join(said, f.URL)
			}
			continue
		}
		*budget -= int64(len(data))
		files = append(files, compose.File{Name: attachedName(&f), Type: kind, Data: data})
		said = strings.TrimSpace(strings.Replace(said, f.URL, "", 1))
		if f.Description != "" && !strings.Contains(said, f.Description) {
			said = join(said, f.Description)
		}
	}
	return said, files, nil
}

func join(said, more string) string {
	if said == "" {
		return more
	}
	return said + "\n" + more
}

// fetch gets a file that may be attached. Only https is spoken, and only what the operator's rules for strangers' URLs let through.
func (t *Transport) fetch(ctx context.Context, link string, budget int64, have int, until time.Time) (data []byte, kind string, ok bool) {
	if t.opt.Files == nil || have >= maxAttached || budget <= 0 {
		return nil, "", false
	}
	u, err := url.Parse(link)
	if err != nil {
		return nil, "", false
	}
	files := t.opt.Files
	if own := t.isOwn(u); own && t.opt.OwnFiles != nil {
		files = t.opt.OwnFiles
	} else if u.Scheme != "https" {
		return nil, "", false
	}
	c, err := files.Fetch(ctx, link, safehttp.Limit{Bytes: budget, Time: min(fetchTime, time.Until(until))})
	if err != nil {
		return nil, "", false
	}
	data, err = io.ReadAll(c)
	if closed := c.Close(); err != nil || closed != nil {
		return nil, "", false
	}
	return data, c.Type, true
}

// isOwn reports whether a URL is of a server that the operator has named. A name below one of his domains is not enough, nor another port of the same
// host: who writes a message could have pages of his network mailed to himself.
func (t *Transport) isOwn(u *url.URL) bool {
	return slices.Contains(t.rules.Load().FileHosts, safehttp.Origin(u))
}

// attachedName is what a file is called: as its sender says, or as its URL ends.
func attachedName(f *transports.Attachment) string {
	if f.Name != "" {
		return f.Name
	}
	if u, err := url.Parse(f.URL); err == nil {
		return path.Base(u.Path)
	}
	return ""
}

// notComposed tells a user that a mail could not be made.
func (t *Transport) notComposed(tx *store.Tx, what task) error {
	m, ok, err := tx.MailOut(what.Mail)
	if err != nil || !ok {
		return err
	}
	user, err := transports.ParseAddress(m.JID)
	if err != nil {
		return nil
	}
	said := text.Say(t.langOf(tx, user), "Your mail was not sent: this gateway could not make it of what you wrote.")
	if err := t.eachLine(tx, &m, func(l *store.MailLine, client transports.Address) error {
		return t.gateway.Deliver(tx, user, transports.Failure{With: withOf(&m), ID: l.XMPPID, Client: client, Err: transports.NewError(transports.Internal, said, nil)})
	}); err != nil {
		return err
	}
	return tx.DropMailOut(m.ID)
}
