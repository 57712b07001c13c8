package component

import (
	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// Namespaces of moderated retractions (XEP-0425), of today and of old.
const (
	nsModerate  = muc.NSModerate
	nsModerate0 = "urn:xmpp:message-moderate:0"
)

// refuseClearly answers requests that other rooms take and ours never will, with a sentence that says what to do instead. They are
// announced nowhere. It reports whether the request is one of them.
func (u *user) refuseClearly(in *inbound, e entity, payload *stanza.Element) bool {
	if u.readOwner(in, e, payload) {
		return true
	}
	lang, why := in.root().Attr("xml:lang"), ""
	switch {
	case payload.Is(nsRegister, "query") && e.kind == entityRoom: // XEP-0045 §7.10
		why = text.Say(lang, "Nicks are registered with the network, not with a room: write to its services, such as NickServ.")
	case payload.Is(nsVCardTemp, "vCard") && in.root().AttrIs("type", "set"): // XEP-0486 §3.2
		why = text.Say(lang, "The network has no pictures and no cards, so this one cannot be changed.")
	case e.kind == entityRoom && (payload.Is(nsModerate, "moderate") || payload.Child(nsModerate0, "moderate") != nil): // XEP-0425 §3
		if u.moderate(in, e, payload) {
			return true
		}
		why = text.Say(lang, "The network has shown the message to everybody and takes nothing back.")
	default:
		return false
	}
	u.refuse(in, transports.NewError(transports.Unsupported, why, nil))
	return true
}

// moderate takes that somebody's message be taken back (XEP-0425 §3), where the network does that. It reports whether it took it.
func (u *user) moderate(in *inbound, e entity, payload *stanza.Element) bool {
	room := u.networks.of(e.target.Network).room(e.target.ID)
	if room == nil || !room.Moderates() || !in.root().AttrIs("type", "set") {
		return false
	}
	id, what := payload.Attr("id"), payload
	if payload.Name != "moderate" { // before version 0.3 it was wrapped
		what = payload.Child(nsModerate0, "moderate")
	}
	room.Moderate(in.from, in.root().Attr("id"), id, what.Child("", "reason").Text(), u.out)
	return true
}

// isVoiceRequest reports whether a message asks a room for the right to speak (XEP-0045 §7.13).
func isVoiceRequest(root *stanza.Element) bool {
	for field := range root.Child(nsForm, "x").Children() {
		if field.AttrIs("var", "FORM_TYPE") && field.Child(nsForm, "value").Text() == muc.NS+"#request" {
			return true
		}
	}
	return false
}
