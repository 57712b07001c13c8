package config

import (
	"fmt"
	"slices"
	"strings"
)

// MailRedirect is what users' messages from XMPP may do in their mailboxes.
type MailRedirect struct {
	Enabled bool     `toml:"enabled" restart:"yes" doc:"Whether users may have what they get on XMPP mailed to a mailbox of theirs, and answer it from there. Each has to confirm his mailbox and can end it. What this gateway sees of their messages then, and what it keeps, is in docs/redirect.md."`
	Sender  string   `toml:"sender" restart:"yes" doc:"What stands before the @ of the address that such mails come from. Nobody else has it."`
	PerHour int      `toml:"mails_per_hour" doc:"How many such mails a user may get in an hour; what else comes waits and goes into later ones. 0 means no limit."`
	PerDay  int      `toml:"mails_per_day" doc:"The same for a day."`
	Kept    int      `toml:"messages_kept" doc:"How many messages may wait for a user's mails; of what is over that he is told the number."`
	Ways    []string `toml:"ways" sample:"module" doc:"By which ways users' messages may be learnt of: module, push, login, alias. Without it by all of them. With login this gateway keeps the passwords of users who want that, sealed."`
}

// redirectWays are the ways that there are.
var redirectWays = []string{"module", "push", "login", "alias"}

func (r *MailRedirect) setDefaults() {
	r.Sender = "redirect"
	r.PerHour, r.PerDay, r.Kept = 20, 100, 1000
}

// maxKept is how many messages an operator may let wait for a user.
const maxKept = 20_000

func (v validator) redirect(at string, r *MailRedirect) {
	for name, n := range map[string]int{"mails_per_hour": r.PerHour, "mails_per_day": r.PerDay} {
		if key := child(at, name); v.ok(key) && (n < 0 || n > maxKept) {
			v.add(key, fmt.Sprintf("it must be from 0 to %d", maxKept), "write a number, or 0 for no limit")
		}
	}
	if key := child(at, "messages_kept"); v.ok(key) && (r.Kept < 1 || r.Kept > maxKept) {
		v.add(key, fmt.Sprintf("it must be from 1 to %d", maxKept), "write a number, such as 1000")
	}
	if key := child(at, "sender"); v.ok(key) {
		r.Sender = strings.ToLower(r.Sender)
		if r.Sender == "" || len(r.Sender) > 64 || strings.Trim(r.Sender, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			v.add(key, fmt.Sprintf("%q is nothing that stands before an @", r.Sender), `write letters and digits, such as "redirect"`)
		}
	}
	for i, w := range r.Ways {
		if key := element(child(at, "ways"), i); v.ok(key) && !slices.Contains(redirectWays, w) {
			v.add(key, fmt.Sprintf("there is no way %q", w), "write "+strings.Join(redirectWays, ", "))
		}
	}
}
