package stanza

import "passerelle/transports"

// NSStanzas is the namespace of stanza error conditions (RFC 6120 §8.3.3).
const NSStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"

// condition is how a kind of error reads as a stanza error: its condition (RFC 6120 §8.3.3), its type (§8.3.2) and what a person
// is told where the error brings no text of its own.
type condition struct{ name, typ, text string }

// conditions has a row for each transports.Kind; docs/ARCHITECTURE.md shows the same table.
var conditions = [...]condition{
	transports.Internal:      {"internal-server-error", "cancel", "Something went wrong in the gateway. Its operator finds it in the log."},
	transports.BadRequest:    {"bad-request", "modify", "The gateway does not understand this request."},
	transports.NotFound:      {"item-not-found", "cancel", "There is nothing at this address."},
	transports.NotRegistered: {"registration-required", "auth", "This is only for registered people."},
	transports.NeedPassword:  {"not-authorized", "auth", "A password is needed."},
	transports.Denied:        {"forbidden", "auth", "You may not do this."},
	transports.NotJoined:     {"not-acceptable", "modify", "You are not in this room. Join it first."},
	transports.Conflict:      {"conflict", "cancel", "This name is in use."},
	transports.Full:          {"service-unavailable", "wait", "There is no place left."},
	transports.Unsupported:   {"feature-not-implemented", "cancel", "The gateway cannot do this here."},
	transports.TooLarge:      {"policy-violation", "modify", "This is too large."},
	transports.Policy:        {"policy-violation", "modify", "The operator of this gateway does not allow this."},
	transports.Busy:          {"resource-constraint", "wait", "The gateway has too much of yours waiting. Try again in a moment."},
	transports.Offline:       {"remote-server-timeout", "wait", "The network does not answer at the moment."},
	transports.NoServer:      {"remote-server-not-found", "cancel", "There is no such server."},
	transports.Gone:          {"gone", "cancel", "This does not exist any more."},
}

// Error appends the <error/> child of a stanza of type error (RFC 6120 §8.3). Only e.Text is written, never e.Err.
func (b *Builder) Error(e *transports.Error) *Builder {
	c := conditions[transports.Internal]
	if int(e.Kind) < len(conditions) {
		c = conditions[e.Kind]
	}
	text := e.Text
	if text == "" {
		text = c.text
	}
	return b.RawError(c.typ, c.name, text)
}

// RawError appends an <error/> child with a condition that no transports.Kind stands for.
func (b *Builder) RawError(typ, condition, text string) *Builder {
	b.Start("error").Attr("type", typ)
	b.StartNS(condition, NSStanzas).End()
	if text != "" {
		b.StartNS("text", NSStanzas).Text(text).End()
	}
	return b.End()
}
