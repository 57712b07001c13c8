package mailbridge

import (
	"context"
	"errors"
	"slices"
	"strings"

	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/transports"
)

// addressOf is the address of a user, by which people of email know him.
func (t *Transport) addressOf(user transports.Address) (address.Mailbox, bool) {
	r := t.rules.Load()
	for _, d := range r.Domains {
		if user.Domain != d.Users || user.Local == "" {
			continue
		}
		local := transports.Unescape(user.Local)
		// What begins a sub-address, or looks like an address of ours, would be somebody else's.
		if address.HasToken(local) {
			return address.Mailbox{}, false
		}
		m, err := address.New(local, d.Name)
		return m, err == nil
	}
	return address.Mailbox{}, false
}

// sender is the address under which a user sends; the error says why he cannot.
func (t *Transport) sender(lang string, user transports.Address) (address.Mailbox, error) {
	r := t.rules.Load()
	m, ok := t.addressOf(user)
	switch {
	case !ok:
		return m, transports.NewError(transports.NotRegistered, text.Say(lang, "You have no email address here: it takes an account of %s.", r.users()), nil)
	case r.MaySend != nil && !r.MaySend(user.Bare()):
		return m, transports.NewError(transports.Denied, text.Say(lang, "The operator does not let you send mail."), nil)
	case t.opt.Relay == nil:
		return m, transports.NewError(transports.Unsupported, text.Say(lang, "This gateway sends no mail: its operator has not said which server does."), nil)
	}
	return m, nil
}

// users names the domains whose accounts have addresses.
func (r *Rules) users() string {
	var all []string
	for _, d := range r.Domains {
		if !slices.Contains(all, d.Users) {
			all = append(all, d.Users)
		}
	}
	return strings.Join(all, ", ")
}

// ours reports whether a domain has addresses of ours, and whose accounts have them.
func (r *Rules) ours(domain string) (users string, ok bool) {
	for _, d := range r.Domains {
		if d.Name == domain {
			return d.Users, true
		}
	}
	return "", false
}

// destination is where mail for an address of ours goes.
type destination struct {
	users []transports.Address
	// bounced is what a report is about, see reportRow; 0 for nothing.
	bounced int64
	// answered is that of the mail of a redirect which an answer is to; stale says that its address was for answers until not long ago.
	answered int64
	stale    bool
}

// destinationOf finds who gets mail for an address. Its errors are for the peer that brings it.
func (t *Transport) destinationOf(ctx context.Context, m address.Mailbox) (destination, error) {
	r := t.rules.Load()
	users, ok := r.ours(m.Domain)
	if !ok {
		return destination{}, transports.NewError(transports.Denied, "This server does not relay", nil) // RFC 5321 §3.6.2
	}
	if address.HasToken(m.Local) {
		kind, row, err := t.opt.Tokens.Row(m.Local, t.opt.Now())
		stale := errors.Is(err, address.ErrExpired)
		switch {
		case kind == address.TokenReply && (err == nil || stale):
			return destination{answered: row, stale: stale}, nil
		case err != nil || kind != address.TokenBounce:
			return destination{}, transports.NewError(transports.NotFound, "No mail was sent from this address, or too long ago", err)
		}
		return destination{bounced: row}, nil
	}
	local := strings.ToLower(m.Local)
	if r.Redirect != nil && local == r.Redirect.Sender {
		return destination{}, transports.NewError(transports.Policy, "This address takes no mail: answer to the address in Reply-To", nil)
	}
	if to := r.Aliases[local+"@"+m.Domain]; len(to) > 0 {
		return destination{users: to}, nil
	}
	user := transports.Address{Local: transports.Escape(local), Domain: users}
	exists, err := t.exists(ctx, user)
	if err == nil && !exists && r.Separate != "" {
		if base, _, found := strings.Cut(local, r.Separate); found && base != "" {
			if to := r.Aliases[base+"@"+m.Domain]; len(to) > 0 {
				return destination{users: to}, nil
			}
			user.Local = transports.Escape(base)
			exists, err = t.exists(ctx, user)
		}
	}
	switch {
	case err != nil:
		return destination{}, err
	case exists:
		return destination{users: []transports.Address{user}}, nil
	case local == "postmaster" || local == "abuse": // RFC 2142 §4, RFC 5321 §4.5.1
		if len(r.Admins) > 0 {
			return destination{users: r.Admins}, nil
		}
	}
	return destination{}, transports.NewError(transports.NotFound, "There is no such user here", nil)
}

// exists reports whether there is such a user, who may get mail.
func (t *Transport) exists(ctx context.Context, user transports.Address) (bool, error) {
	if _, err := transports.ParseAddress(user.String()); err != nil {
		return false, nil
	}
	if r := t.rules.Load(); r.MayReceive != nil && !r.MayReceive(user) {
		return false, nil
	}
	ok, err := t.gateway.Exists(ctx, user)
	if err != nil && transports.AsError(err).Kind == transports.NotFound {
		return false, nil
	}
	return ok, err
}
