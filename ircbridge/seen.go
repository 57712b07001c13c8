package ircbridge

import (
	"strings"

	"passerelle/transports"
)

// report is what a network says of somebody: nick!user@host or a part of that, or a word that may be any of the three.
type report struct {
	nick, user, host string
	word             bool // all three are the same word
}

// readReport reads what somebody copied from a network. A tilde before the user name is the network's own, and "*" is anything.
func readReport(s string) report {
	s = strings.ToLower(strings.TrimSpace(s))
	known := func(s string) string {
		if s = strings.TrimPrefix(s, "~"); s == "*" {
			return ""
		}
		return s
	}
	nick, rest, full := strings.Cut(s, "!")
	if !full {
		nick, rest = "", s
	}
	user, host, ok := strings.Cut(rest, "@")
	switch {
	case ok || full:
		return report{nick: known(nick), user: known(user), host: known(host)}
	default:
		return report{nick: known(s), user: known(s), host: known(s), word: true}
	}
}

// names reports whether the token of somebody is in the report: whatever his nick is by now, it is about him.
func (r *report) names(token, domain string) bool {
	return r.user == token || r.host == token+"."+domain
}

// fits reports whether somebody looks as in the report.
func (r *report) fits(nick, user, host string) bool {
	same := func(reported, is string) bool { return reported != "" && strings.EqualFold(reported, is) }
	user = strings.TrimPrefix(user, "~")
	if r.word {
		return same(r.nick, nick) || same(r.user, user) || same(r.host, host)
	}
	part := func(reported, is string) bool { return reported == "" || is == "" || strings.EqualFold(reported, is) }
	return (r.nick != "" || r.user != "" || r.host != "") && part(r.nick, nick) && part(r.user, user) && part(r.host, host) &&
		(same(r.nick, nick) || same(r.user, user) || same(r.host, host))
}

// Seen are the users whom what a network reports may be about, as the network sees them now; network is empty for any. It is safe to
// call from any goroutine.
func (t *Transport) Seen(reported, network string) []transports.Sighting {
	r := readReport(reported)
	t.mu.Lock()
	sessions := make([]*session, 0, len(t.sessions))
	for _, s := range t.sessions {
		if network == "" || s.net.ID == network {
			sessions = append(sessions, s)
		}
	}
	t.mu.Unlock()
	var seen []transports.Sighting
	for _, s := range sessions {
		if at, ok := s.sighting(); ok && (r.fits(at.Nick, at.Name, at.Host) || t.Names(reported, s.user)) {
			seen = append(seen, at)
		}
	}
	return seen
}

// sighting is how the network sees the user. It reports false where he is not connected.
func (s *session) sighting() (transports.Sighting, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return transports.Sighting{}, false
	}
	return transports.Sighting{User: s.user, Network: s.net.ID, Nick: s.nick, Name: s.conn.ident, Host: s.conn.hostname}, true
}

// Names reports whether what a network reports has the token of a user in it, who need not be connected. It is safe to call from any
// goroutine.
func (t *Transport) Names(reported string, user transports.Address) bool {
	i := &t.rules().Identity
	if len(i.Key) == 0 {
		return false
	}
	r := readReport(reported)
	return r.names(i.token(user), i.Domain)
}
