package mailbridge

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

func numeral(n int) string { return strconv.Itoa(n) }

// Commands implements transports.Transport.
func (t *Transport) Commands() []transports.Command {
	who := func(form transports.Form) func(context.Context, transports.Call) (*transports.Form, error) {
		return func(_ context.Context, call transports.Call) (*transports.Form, error) {
			if call.Values != nil || call.On.ID != "" {
				return nil, nil
			}
			form.Fields = []transports.Field{{Name: "who", Label: "Number or email address", Required: true}}
			return &form, nil
		}
	}
	both := []transports.TargetKind{transports.TargetDomain, transports.TargetContact}
	return append([]transports.Command{
		{
			Name: "accept", Title: "Accept mail of somebody", For: both, Run: t.runAccept,
			Next: who(transports.Form{Title: "Accept mail of somebody", Instructions: "Whose mail do you want? What waits of him comes, and what he writes from now on."}),
		},
		{
			Name: "block", Title: "Block mail of somebody", For: both, Run: t.runBlock,
			Next: who(transports.Form{Title: "Block mail of somebody", Instructions: "From whom do you want nothing? What waits of him is thrown away, and what he writes is refused."}),
		},
		{
			Name: "mute", Title: "Mute somebody", For: both, Run: t.runMute,
			Next: who(transports.Form{Title: "Mute somebody", Instructions: "Whose mail shall not be shown to you? It is taken and kept. A mailing list can be muted by its address."}),
		},
		{
			Name: "unmute", Title: "Unmute somebody", For: both, Run: t.runUnmute,
			Next: who(transports.Form{Title: "Unmute somebody", Instructions: "Whose mail shall be shown to you again? The last of what came meanwhile comes."}),
		},
		{Name: "queue", Title: "What waits", List: t.listQueue},
		{Name: "contacts", Title: "People you know by mail", List: t.listContacts},
		{Name: "send", Title: "Send what you have written", For: both, Run: t.runSend},
		{Name: "mail-queue", Title: "Mail that other servers have not taken", Admin: true, List: t.listSites},
		{Name: "original", Title: "The last mail as it came", For: []transports.TargetKind{transports.TargetContact}, Run: t.runOriginal},
		{Name: "original-html", Title: "The last mail as it was meant to look (HTML)", For: []transports.TargetKind{transports.TargetContact}, Run: t.runOriginalHTML},
	}, t.redirectCommands()...)
}

func (t *Transport) whoOf(ctx context.Context, call *transports.Call) (store.UserID, store.MailContact, error) {
	said := call.Values.Get("who")
	if call.On.ID != "" {
		said = call.On.ID
	}
	id := t.userID(call.User)
	if call.On.ID != "" {
		if c, ok, err := t.opt.Store.MailContact(ctx, id, call.On.ID); err == nil && ok {
			return id, c, nil
		}
	}
	c, err := t.named(ctx, call.Lang, id, said)
	return id, c, err
}

func (t *Transport) runAccept(ctx context.Context, call transports.Call) (string, error) {
	id, c, err := t.whoOf(ctx, &call)
	if err != nil {
		return "", err
	}
	err = t.write(ctx, func(tx *store.Tx) error {
		if err := tx.MeetMailContact(c); err != nil {
			return err
		}
		return t.acceptMail(tx, id, c.Contact)
	})
	if err != nil {
		return "", err
	}
	return text.Say(call.Lang, "What %s writes comes to you from now on.", c.Mailbox), nil
}

func (t *Transport) runBlock(ctx context.Context, call transports.Call) (string, error) {
	id, c, err := t.whoOf(ctx, &call)
	if err != nil {
		return "", err
	}
	if err := t.write(ctx, func(tx *store.Tx) error { return t.block(tx, id, c) }); err != nil {
		return "", err
	}
	return text.Say(call.Lang, "What %s writes is refused from now on. “accept %s” takes that back.", c.Mailbox, c.Mailbox), nil
}

func (t *Transport) runSend(ctx context.Context, call transports.Call) (string, error) {
	n, err := t.flush(ctx, call.User, call.On.ID)
	if err != nil {
		return "", err
	}
	return sayFlushed(call.Lang, n), nil
}

func sayFlushed(lang string, n int) string {
	switch n {
	case 0:
		return text.Say(lang, "Nothing waits to be sent: all that you wrote is on its way.")
	case 1:
		return text.Say(lang, "It goes out now.")
	}
	return text.Say(lang, "%d mails go out now.", n)
}

func (t *Transport) runOriginal(ctx context.Context, call transports.Call) (string, error) {
	return t.original(ctx, call.Lang, call.User, store.MailKey{Contact: call.On.ID}, false)
}

func (t *Transport) runOriginalHTML(ctx context.Context, call transports.Call) (string, error) {
	return t.original(ctx, call.Lang, call.User, store.MailKey{Contact: call.On.ID}, true)
}

// listQueue is what waits for a user and of his.
func (t *Transport) listQueue(ctx context.Context, call transports.Call, page transports.Page) (*transports.Table, error) {
	id := t.userID(call.User)
	table := &transports.Table{Title: "What waits", Empty: "Nothing waits.", Columns: []transports.Column{
		{Name: "who", Label: "Who"}, {Name: "what", Label: "What"}, {Name: "since", Label: "Since"},
	}}
	waiting, err := t.opt.Store.MailWaitingOf(ctx, id, "", maxWaiting)
	if err != nil {
		return nil, busy(err)
	}
	for _, w := range waiting {
		c, _, err := t.opt.Store.MailContact(ctx, id, w.Contact)
		if err != nil {
			return nil, busy(err)
		}
		what := text.Say(call.Lang, "from somebody unknown: “%s”", cutText(w.Subject, 100))
		if c.State == store.MailKnown {
			what = text.Say(call.Lang, "perhaps forged: “%s”", cutText(w.Subject, 100))
		}
		table.Rows = append(table.Rows, transports.Row{
			Key: fmt.Sprintf("in %019d", w.Mail), Pick: "accept " + c.Mailbox, Cells: []string{c.Mailbox, what, sayTime(w.ReceivedAt)},
		})
	}
	pending, err := t.opt.Store.PendingMail(ctx, id, maxWaiting)
	if err != nil {
		return nil, busy(err)
	}
	tried, err := t.tried(ctx, id)
	if err != nil {
		return nil, busy(err)
	}
	for _, m := range pending {
		h, err := fromJSON[head](m.Head)
		if err != nil {
			return nil, err
		}
		var to []string
		for _, r := range h.recipients() {
			to = append(to, r.String())
		}
		state := text.Say(call.Lang, "on its way: “%s”", cutText(h.Subject, 100))
		states, err := t.opt.Store.MailRecipients(ctx, m.ID)
		if err != nil {
			return nil, busy(err)
		}
		for _, r := range states {
			if r.Note != "" && (r.State == store.MailQueued || r.State == store.MailDelayed) {
				state = text.Say(call.Lang, "waits for a server: “%s”", cutText(h.Subject, 100)) + " " + text.Say(call.Lang, "The server said: %s", r.Note)
				break
			}
		}
		if !m.Composed {
			state = text.Say(call.Lang, "being written: “%s”", cutText(h.Subject, 100))
		} else if j, ok := tried[m.ID]; ok && j.Error != "" {
			state += "\n" + text.Say(call.Lang, "next attempt %s, the last answer was: %s", sayTime(j.Next), oneLine(j.Error))
		}
		table.Rows = append(table.Rows, transports.Row{Key: fmt.Sprintf("out %019d", m.ID), Cells: []string{strings.Join(to, ", "), state, sayTime(m.BegunAt)}})
	}
	return table.Cut(page), nil
}

// tried are the attempts to send mails of a user, by mail.
func (t *Transport) tried(ctx context.Context, id store.UserID) (map[int64]store.WaitingJob, error) {
	waiting, err := t.opt.Store.WaitingJobs(ctx, kindSend, maxSites)
	if err != nil {
		return nil, err
	}
	mine := make(map[int64]store.WaitingJob)
	for _, j := range waiting {
		if what, err := fromJSON[task](string(j.Payload)); err == nil && what.Domain == t.opt.Domain && what.User == id.JID {
			mine[what.Mail] = j
		}
	}
	return mine, nil
}

// listContacts are those whom a user knows, and those whom he has blocked.
func (t *Transport) listContacts(ctx context.Context, call transports.Call, page transports.Page) (*transports.Table, error) {
	id := t.userID(call.User)
	table := &transports.Table{Title: "People you know by mail", Empty: "You know nobody by mail yet.", Columns: []transports.Column{
		{Name: "who", Label: "Email address"}, {Name: "name", Label: "Name"}, {Name: "state", Label: "State"},
	}}
	for _, list := range []struct {
		state store.MailContactState
		said  string
	}{{store.MailBlocked, text.Say(call.Lang, "blocked")}, {store.MailKnown, text.Say(call.Lang, "known")}, {store.MailWaits, ""}} {
		all, err := t.opt.Store.MailContacts(ctx, id, list.state, maxWaiting)
		if err != nil {
			return nil, busy(err)
		}
		for _, c := range all {
			said := list.said
			if !c.Muted.IsZero() && c.State != store.MailBlocked {
				said = text.Say(call.Lang, "muted")
			}
			if said != "" { // who waits is in the queue
				table.Rows = append(table.Rows, transports.Row{Key: c.Contact, Cells: []string{c.Mailbox, c.Name, said}})
			}
		}
	}
	sortRows(table)
	return table.Cut(page), nil
}

// maxSites is how many lanes an administrator is shown.
const maxSites = 1000

// listSites is what an administrator sees of mail that waits: where it is to go, why it has not, and how much there is. Of whom it is he is not told.
func (t *Transport) listSites(ctx context.Context, _ transports.Call, page transports.Page) (*transports.Table, error) {
	table := &transports.Table{Title: "Mail that other servers have not taken", Empty: "Nothing waits.", Columns: []transports.Column{
		{Name: "site", Label: "Where to"}, {Name: "mails", Label: "Mails"}, {Name: "attempts", Label: "Attempts"}, {Name: "next", Label: "Next attempt"}, {Name: "error", Label: "Last answer"},
	}}
	waiting, err := t.opt.Store.WaitingJobs(ctx, kindSend, maxSites)
	if err != nil {
		return nil, busy(err)
	}
	for _, j := range waiting {
		what, err := fromJSON[task](string(j.Payload))
		if err != nil || what.Domain != t.opt.Domain {
			continue
		}
		table.Rows = append(table.Rows, transports.Row{
			Key: fmt.Sprintf("%019d", j.ID), Cells: []string{j.Site, fmt.Sprint(j.Behind + 1), fmt.Sprint(j.Attempts), sayTime(j.Next), oneLine(j.Error)},
		})
	}
	return table.Cut(page), nil
}
