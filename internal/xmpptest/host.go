package xmpptest

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

const (
	nsPing   = "urn:xmpp:ping"
	nsInfo   = "http://jabber.org/protocol/disco#info"
	nsItems  = "http://jabber.org/protocol/disco#items"
	nsRoster = "jabber:iq:roster"
	nsLast   = "jabber:iq:last"
)

// toHost answers what is addressed to the server itself. It ignores messages and presence, as servers do.
func (s *Server) toHost(e *Element) {
	if e.Name.Local != "iq" || e.Get("type") != "get" && e.Get("type") != "set" {
		return
	}
	answer := errorReply(e, "cancel", "service-unavailable", "")
	if e.Get("type") == "get" {
		answer = s.hostAnswer(e, answer)
	}
	s.mu.Lock()
	if s.answerAs != "" {
		answer = answer.with("from", s.answerAs)
	}
	s.mu.Unlock()
	s.route(answer)
}

func (s *Server) hostAnswer(e, refusal *Element) *Element {
	result := reply(e, "result")
	switch {
	case e.Child(nsPing, "ping") != nil: // XEP-0199 §4.1
	case e.Child(nsInfo, "query") != nil: // XEP-0030 §3.1
		query := element(nsInfo, "query")
		query.Nodes = []Node{{Element: element(nsInfo, "identity", "category", "server", "type", "im", "name", "xmpptest")}}
		for _, feature := range []string{nsInfo, nsItems, nsPing} {
			query.Nodes = append(query.Nodes, Node{Element: element(nsInfo, "feature", "var", feature)})
		}
		result.Nodes = []Node{{Element: query}}
	case e.Child(nsItems, "query") != nil: // XEP-0030 §4.1
		query := element(nsItems, "query")
		for _, domain := range slices.Concat(slices.Sorted(maps.Keys(s.secrets)), slices.Sorted(maps.Keys(s.services))) {
			query.Nodes = append(query.Nodes, Node{Element: element(nsItems, "item", "jid", domain)})
		}
		result.Nodes = []Node{{Element: query}}
	case e.Child(nsLast, "query") != nil: // XEP-0012 §4
		s.mu.Lock()
		since := s.since
		s.mu.Unlock()
		if since.IsZero() {
			return refusal
		}
		result.Nodes = []Node{{Element: element(nsLast, "query", "seconds", strconv.Itoa(int(time.Since(since).Seconds())))}}
	default:
		return refusal
	}
	return result
}

// RunningSince has the server tell since when it is running. It tells nobody otherwise.
func (s *Server) RunningSince(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = t
}

// toAccount answers what a client asks of its own account: there is an empty roster and nothing else.
func (s *Server) toAccount(c *Client, e *Element) {
	answer := errorReply(e, "cancel", "service-unavailable", "")
	if e.Get("type") == "get" && e.Child(nsRoster, "query") != nil {
		answer = reply(e, "result")
		answer.Nodes = []Node{{Element: element(nsRoster, "query")}}
	}
	c.deliver(answer)
}
