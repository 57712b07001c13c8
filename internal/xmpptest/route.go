package xmpptest

import (
	"encoding/xml"
	"maps"
	"slices"
	"strings"
)

// domainOf is the domain of a JID, folded.
func domainOf(jid string) string {
	bare, _, _ := strings.Cut(jid, "/")
	if i := strings.IndexByte(bare, '@'); i >= 0 {
		bare = bare[i+1:]
	}
	return strings.ToLower(bare)
}

// fold folds the bare part of a JID, as a server does before it looks for the receiver.
func fold(jid string) string {
	bare, resource, full := strings.Cut(jid, "/")
	bare = strings.ToLower(bare)
	if full {
		return bare + "/" + resource
	}
	return bare
}

func bareOf(jid string) string {
	bare, _, _ := strings.Cut(fold(jid), "/")
	return bare
}

// route delivers a stanza that has from and to. It is called by the goroutine of the sender, so that the stanzas of one sender to
// one receiver keep their order.
func (s *Server) route(e *Element) {
	to := fold(e.Get("to"))
	domain := domainOf(to)
	if _, ok := s.secrets[domain]; ok {
		s.toComponent(domain, e)
		return
	}
	if service, ok := s.services[to]; ok {
		s.toService(service, e)
		return
	}
	if to == s.host {
		s.toHost(e)
		return
	}
	s.toUser(to, e)
}

func (s *Server) toComponent(domain string, e *Element) {
	if st, err := s.link(domain); err == nil && st.out.put(e.XML(NSClient)) == nil {
		return
	}
	// As Prosody: the sender may try again.
	s.bounce(e, "wait", "remote-server-timeout", "Component unavailable")
}

// toUser delivers to a user's clients (RFC 6121 §8.5). There is no storage, so what finds no client is refused.
func (s *Server) toUser(to string, e *Element) {
	bare, resource, _ := strings.Cut(to, "/")
	if resource == "" && e.Name.Local == "iq" && s.changeContacts(bare, e) {
		return
	}
	s.mu.Lock()
	var receivers []*Client
	if c := s.clients[to]; c != nil && resource != "" {
		receivers = []*Client{c}
	}
	others := resource == "" && e.Name.Local != "iq" || e.Name.Local == "message"
	if len(receivers) == 0 && others && e.Get("type") != "groupchat" {
		// RFC 6121 §8.5.2.1 and, for a message to a client that is gone, §8.5.3.2.1.
		for _, full := range slices.Sorted(maps.Keys(s.clients)) {
			if bareOf(full) == bare {
				receivers = append(receivers, s.clients[full])
			}
		}
	}
	known := domainOf(bare) == s.host
	s.mu.Unlock()
	for _, c := range receivers {
		c.deliver(e)
	}
	switch {
	case len(receivers) > 0 || e.Name.Local == "presence":
	case !known:
		s.bounce(e, "cancel", "remote-server-not-found", "Server-to-server connection failed")
	default:
		s.bounce(e, "cancel", "service-unavailable", "")
	}
}

// bounce answers a stanza with an error, unless it is an answer itself (RFC 6120 §8.3.1).
func (s *Server) bounce(e *Element, typ, condition, text string) {
	if t := e.Get("type"); t == "error" || t == "result" {
		return
	}
	s.route(errorReply(e, typ, condition, text))
}

// reply is an answer to e of the given type, without content.
func reply(e *Element, typ string) *Element {
	r := &Element{Name: e.Name}
	for _, a := range []struct{ name, value string }{
		{"type", typ}, {"id", e.Get("id")}, {"to", e.Get("from")}, {"from", e.Get("to")},
	} {
		if a.value != "" {
			r.Attr = append(r.Attr, xml.Attr{Name: xml.Name{Local: a.name}, Value: a.value})
		}
	}
	return r
}

func errorReply(e *Element, typ, condition, text string) *Element {
	fault := element(NSClient, "error", "type", typ)
	fault.Nodes = append(fault.Nodes, Node{Element: element(nsStanzas, condition)})
	if text != "" {
		words := element(nsStanzas, "text")
		words.Nodes = []Node{{Text: text}}
		fault.Nodes = append(fault.Nodes, Node{Element: words})
	}
	r := reply(e, "error")
	r.Nodes = []Node{{Element: fault}}
	return r
}

// element makes an element; attrs are names and values in turn.
func element(space, local string, attrs ...string) *Element {
	e := &Element{Name: xml.Name{Space: space, Local: local}}
	for i := 0; i < len(attrs); i += 2 {
		e.Attr = append(e.Attr, xml.Attr{Name: xml.Name{Local: attrs[i]}, Value: attrs[i+1]})
	}
	return e
}
