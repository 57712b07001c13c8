package xmpptest

import (
	"maps"
	"slices"
)

// Grant lets a connected component see and change the contact lists of the server's users and tells it so (XEP-0356 §4.1, §4.2), with the
// privilege element that the test gives: servers write it in different ways.
func (s *Server) Grant(domain, privilege string) error {
	s.mu.Lock()
	if s.contacts == nil {
		s.contacts = make(map[string]map[string]string)
	}
	s.mu.Unlock()
	return s.SendRaw(domain, "<message from='"+s.host+"' to='"+domain+"'>"+privilege+"</message>")
}

// Contacts are the JIDs in a user's contact list, each with its subscription behind a space, sorted.
func (s *Server) Contacts(bare string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, jid := range slices.Sorted(maps.Keys(s.contacts[bare])) {
		out = append(out, jid+" "+s.contacts[bare][jid])
	}
	return out
}

// changeContacts takes a component's look at a contact list or its change, and reports whether it was one that is granted.
func (s *Server) changeContacts(bare string, e *Element) bool {
	query := e.Child(nsRoster, "query")
	if query == nil {
		return false
	}
	answer := reply(e, "result")
	s.mu.Lock()
	granted := s.contacts != nil
	switch {
	case !granted:
	case e.Get("type") == "get":
		list := element(nsRoster, "query")
		for _, jid := range slices.Sorted(maps.Keys(s.contacts[bare])) {
			list.Nodes = append(list.Nodes, Node{Element: element(nsRoster, "item", "jid", jid, "subscription", s.contacts[bare][jid])})
		}
		answer.Nodes = []Node{{Element: list}}
	default:
		if s.contacts[bare] == nil {
			s.contacts[bare] = make(map[string]string)
		}
		for _, item := range query.Elements() {
			if subscription := item.Get("subscription"); subscription == "remove" {
				delete(s.contacts[bare], item.Get("jid"))
			} else {
				s.contacts[bare][item.Get("jid")] = subscription
			}
		}
	}
	s.mu.Unlock()
	if granted {
		s.route(answer)
	}
	return granted
}
