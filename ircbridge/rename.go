package ircbridge

import (
	"strings"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// moved takes that a channel has another name (IRCv3 channel-rename): whoever is in it is in it still.
func (s *session) moved(c *conn, e *girc.Event) {
	if len(e.Params) < 2 || !c.can(capRename) {
		return
	}
	name := strings.Clone(e.Params[1])
	if !c.isup.isChannel(name) || !validChannel(name) {
		return // no other one could name it, so the old name is as good
	}
	r, by := s.lookup(e.Params[0]), ""
	if e.Source != nil {
		by = e.Source.Name
	}
	switch {
	case r == nil:
		if c.forgetElsewhere(e.Params[0]) && len(c.elsewhere) < maxRooms {
			c.elsewhere = append(c.elsewhere, name)
		}
		return
	case c.isup.casemap.equal(r.name, name):
		r.name = name
		return
	case r.state != roomIn, s.lookup(name) != nil: // on the way in, or a network that makes one of two
		if r.state == roomIn {
			r.state = roomLost
		}
		s.refuse(r, refused(transports.Gone, "%s is called %s now: join that.", r.name, name))
		return
	}
	old := r.target
	delete(c.marks, c.isup.casemap.fold(r.name))
	if r.enter != nil { // it was asked again who is there
		r.enter.fail(s, refused(transports.Gone, "%s is called %s now: join that.", r.name, name))
		r.enter = nil
	}
	r.target, r.name, r.banned, r.catch = transports.Target{Kind: transports.TargetRoom, Network: s.net.ID, ID: lowerASCII(name)}, name, nil, nil
	s.post(transports.Moved{Room: old, To: r.target, Name: name, By: by, Reason: plain(append(e.Params, "")[2])})
}
