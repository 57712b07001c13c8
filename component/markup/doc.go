// Package markup says in messages of XMPP how text looks, and reads of them how it does: by signs in the body, as Message Styling has them, and
// by XHTML-IM beside it.
//
// It is pure. What users want of it is handed in; the codes of networks are none of its business.
//
// Documents: XEP-0071 1.5.4, XEP-0245 1.0, XEP-0393 1.1.1.
package markup

import (
	"strings"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// Namespaces of what is written and read.
const (
	NSXHTMLIM = "http://jabber.org/protocol/xhtml-im"
	NSStyling = "urn:xmpp:styling:0"
	nsXHTML   = "http://www.w3.org/1999/xhtml"
)

// Show is how a user is shown how a text of others looks.
type Show uint8

const (
	ShowStyling Show = iota // by the signs that XEP-0393 has for it, and all of it by XHTML-IM
	ShowXHTML               // by XHTML-IM alone: the body is plain
	ShowPlain               // not at all
)

// Send is which look of what a user writes reaches the network.
type Send uint8

const (
	SendXHTML   Send = iota // what his client says by XHTML-IM; signs go as they are written, as people of networks write them too
	SendStyling             // what XEP-0393 makes of signs as well, in place of them
	SendPlain               // none
)

// Settings are what a user wants.
type Settings struct {
	Show Show
	Send Send
}

// Prefixes of bodies that are no part of what was said.
const (
	ActionPrefix = "/me "      // XEP-0245 §2
	NoticePrefix = "[notice] " // an announcement, which programs make: its body has no signs
)

// Append writes the body of a message, a prefix and a text that may have a look, and what else shows that.
func Append(b *stanza.Builder, prefix, text string, spans []transports.Span, show Show) {
	body := prefix + text
	if len(spans) == 0 || show == ShowPlain {
		b.Start("body").Text(body).End()
		return
	}
	spans = shown(transports.CutSpans(spans, 0, len(text), len(prefix)))
	said := body
	if show == ShowStyling && prefix != NoticePrefix {
		said = writeStyling(body, spans)
	}
	b.Start("body").Text(said).End()
	appendXHTML(b, body, spans)
}

// Read says how the text looks that a message is to the network, nil where it is plain. wants is asked only where that matters.
func Read(m *stanza.Element, text string, action bool, wants func() Settings) *transports.Styled {
	html := m.Child(NSXHTMLIM, "html").Child(nsXHTML, "body")
	signs := hasSigns(text)
	if html == nil && !signs || wants == nil {
		return nil
	}
	how := wants().Send
	if how == SendPlain {
		return nil
	}
	if html != nil {
		rich := readXHTML(html)
		if action {
			rich = rich.behind(ActionPrefix)
		}
		styled, ok := rich.align(text, false)
		if !ok && signs {
			styled, ok = rich.align(text, true)
		}
		if ok && len(styled.Spans) > 0 {
			return &styled
		}
	}
	if how != SendStyling || m.Child(NSStyling, "unstyled") != nil { // XEP-0393 §7
		return nil
	}
	return readStyling(text)
}

// Restyle is a message as Append wrote it with ShowXHTML, for somebody who is shown looks otherwise. What others wrote stays as it is. wants is
// asked only where that matters.
func Restyle(message string, wants func() Settings) string {
	if !strings.Contains(message, NSXHTMLIM) {
		return message
	}
	show := wants().Show
	if show == ShowXHTML {
		return message
	}
	st, err := stanza.Parse([]byte(message), stanza.NSComponent, stanza.Limits{})
	if err != nil {
		return message
	}
	defer st.Release()
	html := st.Root.Child(NSXHTMLIM, "html").Child(nsXHTML, "body")
	if html == nil {
		return message
	}
	body := st.Root.Child(stanza.NSComponent, "body").Text()
	styled, ok := readXHTML(html).align(body, false)
	if !ok || len(styled.Spans) == 0 {
		return message
	}
	if show == ShowStyling && strings.HasPrefix(body, NoticePrefix) {
		return message
	}
	return strings.Replace(message, Payload("", body, styled.Spans, ShowXHTML), Payload("", body, styled.Spans, show), 1)
}
