package ircbridge

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"

	"passerelle/transports"
)

// rules are the options of the moment. They are not changed but replaced.
type rules struct {
	Options
	byID map[string]*Network
}

// Check fails where options make no sense.
func (opt *Options) Check() error {
	if opt.Burst < 0 || opt.Rate < 0 || opt.ConnectRate < 0 {
		return errors.New("irc: burst and rates must be positive")
	}
	seen := make(map[string]bool)
	for _, n := range opt.Networks {
		if !validNetwork(n.ID) {
			return fmt.Errorf("irc: %q is no name for a network: it may have lower-case letters, digits, dots, dashes and underscores", n.ID)
		}
		if seen[n.ID] {
			return fmt.Errorf("irc: network %q is configured twice", n.ID)
		}
		seen[n.ID] = true
	}
	return nil
}

// newRules completes options that were checked.
func newRules(opt Options) *rules {
	if opt.Rate == 0 {
		opt.Rate = 1
	}
	r := &rules{Options: opt, byID: make(map[string]*Network, len(opt.Networks))}
	for _, n := range opt.Networks {
		if n.Name == "" {
			n.Name = n.ID
		}
		if len(n.Addresses) == 0 {
			n.Addresses = []string{net.JoinHostPort(n.ID, defaultPort)}
		}
		n.configured = true
		r.byID[n.ID] = &n
	}
	return r
}

// rules are the options as they are at the moment.
func (t *Transport) rules() *rules { return t.current.Load() }

func (t *Transport) change(r *rules) {
	t.gates.space(r.ConnectRate)
	t.current.Store(r)
}

// Reload replaces the options, which were checked, but for Settings, Log, Metrics and Dial. Sessions that may not be connected any more
// to where they are end and say why; the others use what is new when they connect the next time. It waits for no network.
func (t *Transport) Reload(opt Options) {
	last := t.rules()
	t.change(newRules(opt))
	t.mu.Lock()
	open := t.open()
	t.mu.Unlock()
	for _, s := range open {
		s.review(last)
	}
}

// review ends the connection of a session that may not have it any more, and hurries one that waits to try an address that is not the
// network's any more.
func (s *session) review(last *rules) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.t.network("", s.net.ID)
	before := s.net.Addresses
	if old := last.byID[s.net.ID]; old != nil {
		before = old.Addresses
	}
	switch {
	case s.closed || s.phase == phaseIdle || s.phase == phaseOver:
	case s.conn != nil:
		if why := s.barred(s.conn); why != nil {
			s.conn.bar(why)
		}
	case s.phase == phaseWaiting && (err != nil || n.configured && !slices.Equal(n.Addresses, before)):
		s.hurryUp()
	} // Who is connecting sees by himself.
}

// barred says why a connection may not be, by the rules of the moment.
func (s *session) barred(c *conn) *transports.Error {
	n, err := s.t.network("", s.net.ID)
	if err != nil || n.configured || s.t.opt.Dial != nil {
		return transports.AsError(err)
	}
	reach := &s.t.rules().Reach
	switch {
	case !reach.names(cmp.Or(c.to.host, n.ID)):
		err = errDeniedAddress
	case c.to.Plain && !reach.Plain:
		return refused(transports.Denied, "The operator of this gateway does not let it connect to %s without encryption any more.", n.ID)
	case c.to.unverified && !reach.Unverified:
		return refused(transports.Denied, "The operator of this gateway does not let it connect to %s without a look at its certificate any more.", n.ID)
	default:
		err = reach.connects(c.nc.RemoteAddr().String())
	}
	if err != nil {
		return dialFault(c.to, err).err
	}
	return nil
}
