package component

import (
	"net/url"
	"strings"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// nsAddress is the namespace of XEP-0033.
const nsAddress = "http://jabber.org/protocol/address"

// maxRecipientName is how much of a name is taken, in characters.
const maxRecipientName = 200

// readRecipients reads who else gets a letter (XEP-0033 §4). One that is written to the domain is for all of them alike, one to a contact for
// that one in any case.
func (u *user) readRecipients(m *stanza.Element, e entity, lang string) ([]transports.Recipient, *transports.Error) {
	var all []transports.Recipient
	waiting := e.kind == entityContact
	for a := range m.Child(nsAddress, "addresses").Children() {
		r := transports.Recipient{Name: clip(strings.TrimSpace(a.Attr("desc")), maxRecipientName), Delivered: a.AttrIs("delivered", "true")}
		switch a.Attr("type") {
		case "to":
			r.Kind = transports.RecipientTo
		case "cc":
			r.Kind = transports.RecipientCc
		case "bcc":
			r.Kind = transports.RecipientBcc
		case "replyto":
			r.Kind = transports.RecipientReplyTo
		default:
			continue // XEP-0033 §4.5.5 and others: for clients
		}
		if !a.Is(nsAddress, "address") {
			continue
		}
		switch who, err := u.readRecipient(&r, a, lang); {
		case err != nil:
			return nil, err
		case !who, e.kind == entityContact && r.Who == e.target && r.Kind != transports.RecipientReplyTo:
			continue
		case r.Kind == transports.RecipientBcc && r.Delivered:
			continue // XEP-0033 §4.4: nobody is to know of him
		}
		if all = append(all, r); len(all) > transports.MaxRecipients { // XEP-0033 §5
			return nil, transports.NewError(transports.TooLarge, text.Say(lang, "A message may be for %d people at a time.", transports.MaxRecipients), nil)
		}
		waiting = waiting || !r.Delivered && r.Kind != transports.RecipientReplyTo
	}
	if !waiting {
		return nil, transports.NewError(transports.BadRequest, text.Say(lang, "This message has no address that it could be sent to."), nil)
	}
	return all, nil
}

// readRecipient reads whom an address means. It reports false for the gateway and for the user himself, who have nothing of it.
func (u *user) readRecipient(r *transports.Recipient, a *stanza.Element, lang string) (bool, *transports.Error) {
	jid := a.Attr("jid")
	if uri := a.Attr("uri"); jid == "" && uri != "" {
		scheme, rest, _ := strings.Cut(uri, ":")
		rest, _, _ = strings.Cut(rest, "?")
		rest, err := url.PathUnescape(rest)
		switch {
		case err == nil && strings.EqualFold(scheme, "xmpp"): // RFC 5122
			jid = strings.TrimPrefix(rest, "//")
		case err == nil && strings.EqualFold(scheme, "mailto"): // RFC 6068 §2
			t, err := u.g.opt.Transport.Find(lang, rest, transports.TargetContact)
			if err == nil && t.Kind != transports.TargetContact {
				err = noRecipient(lang, uri)
			}
			r.Who = t
			return err == nil, transports.AsError(err)
		default:
			return false, noRecipient(lang, uri)
		}
	}
	who, err := transports.ParseAddress(jid)
	switch {
	case err != nil:
		return false, noRecipient(lang, jid)
	case who.Bare() == u.jid:
		return false, nil
	case who.Domain != u.g.domain.Domain:
		r.User = who.Bare()
		return true, nil
	}
	e, err := u.g.entity(who)
	if err != nil {
		return false, transports.AsError(err)
	}
	r.Who = e.target
	return e.kind == entityContact, nil
}

func noRecipient(lang, written string) *transports.Error {
	return transports.NewError(transports.BadRequest, text.Say(lang, "Nothing can be sent to “%s”.", clip(written, maxRecipientName)), nil)
}
