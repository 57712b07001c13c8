package ircbridge

import (
	"context"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"passerelle/transports"
)

// A network that is reached without encryption may ask to be reached with (IRCv3 sts), and may ask so for a time: then it is never reached
// without until that is over. That goes for networks that users named. Where the operator wrote that a network has no TLS, he knows what stands
// between him and it, and nothing else is done; the log says what the network asks for.

// settingSTS is kept as a setting of the user on a network, though nobody sets it: what the network at a host has asked for.
const settingSTS = "sts"

const capSTS = "sts"

// Bounds of what a network may ask for.
const (
	maxStrict      = 366 * 24 * time.Hour
	strictSlack    = 24 * time.Hour  // by which what is kept may end too early, so that not each connection is a write
	strictSaveTime = 5 * time.Second // that the database may take
)

// strict is what a network asks of those who connect, as it said last.
type strict struct {
	port     uint16        // with TLS; 0 where it names none
	duration time.Duration // for which it is to hold
	lasts    bool          // there is a duration, which may be 0
	kept     strictPolicy  // as it is kept
	due      bool          // it is to be kept
	told     bool          // it was kept on this connection; what it asks for after that is kept at the end
	saving   chan struct{} // closed once it was written; nil before the first time
}

// strictPolicy is that a host is reached by TLS only, at a port, until some time.
type strictPolicy struct {
	host  string
	port  uint16
	until time.Time
}

// readStrict reads the value of the capability: "port=6697,duration=300", and more that nobody knows yet. Each key counts once.
func readStrict(value string) (s strict) {
	for token := range strings.SplitSeq(value, ",") {
		switch key, v, _ := strings.Cut(token, "="); {
		case key == "port" && s.port == 0:
			if n, err := strconv.ParseUint(v, 10, 16); err == nil {
				s.port = uint16(n)
			}
		case key == "duration" && !s.lasts:
			if n, err := strconv.ParseUint(v, 10, 62); err == nil {
				s.lasts, s.duration = true, time.Duration(min(n, uint64(maxStrict/time.Second)))*time.Second
			}
		}
	}
	return s
}

// readPolicy reads what String wrote; what it cannot read is no policy.
func readPolicy(value string) strictPolicy {
	host, rest, _ := strings.Cut(value, " ")
	port, until, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(port, 10, 16)
	at, err2 := strconv.ParseInt(until, 10, 64)
	if err != nil || err2 != nil || n == 0 {
		return strictPolicy{}
	}
	return strictPolicy{host: host, port: uint16(n), until: time.Unix(at, 0)}
}

func (p strictPolicy) String() string {
	return p.host + " " + strconv.Itoa(int(p.port)) + " " + strconv.FormatInt(p.until.Unix(), 10)
}

// holds reports whether a host may be reached by TLS only.
func (p strictPolicy) holds(host string, now time.Time) bool {
	return p.port != 0 && p.host == host && now.Before(p.until)
}

// strictly has a network that is set up without TLS reached with, where it asked for that. Whatever goes wrong then is no way back, and its
// certificate is checked.
func (n *Network) strictly(set map[string]string, ports []uint16) []uint16 {
	if p := readPolicy(set[settingSTS]); n.Plain && p.holds(n.host, time.Now()) {
		n.Plain, n.strict = false, true
		return []uint16{p.port}
	}
	return ports
}

// withStrict is what a user has set, with what the network asked for on the last connection of this session.
func (s *session) withStrict(set map[string]string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.strict.port == 0 {
		return set
	}
	own := maps.Clone(set)
	if own == nil {
		own = make(map[string]string)
	}
	own[settingSTS] = s.strict.String()
	return own
}

// mustBeStrict takes what a network asks for once its capabilities are known.
func (s *session) mustBeStrict(c *conn, value string) {
	asks := readStrict(value)
	asks.kept, asks.told, asks.saving = c.strict.kept, c.strict.told, c.strict.saving
	if !c.to.Plain {
		c.strict = asks
		c.strict.due = asks.lasts && !c.to.configured && !c.to.unverified && !asks.told
		return
	}
	switch {
	case asks.port == 0:
	case c.to.configured:
		s.log.Warn("the network asks to be reached with TLS: set tls = true and its address with TLS", "network", s.net.ID, "port", asks.port)
	case !s.t.rules().Reach.tries(asks.port):
		c.refuse(refused(transports.Denied, "%s is to be reached with TLS at port %d, where the operator of this gateway does not let it connect.", s.net.Name, asks.port), true)
	default:
		s.strict = strictPolicy{host: c.to.host, port: asks.port, until: time.Now().Add(maxStrict)}
		if c.fault == nil {
			c.fault = &cause{err: refused(transports.Offline, "%s asks to be reached with TLS.", s.net.Name), upgrade: true}
		}
	}
}

// keepStrict keeps what the network asks for, counted from now on. It is called on the session's goroutine without mu; nothing else touches what
// it reads. The database is waited for on another one, so that the network is not held back by it. With a mark it is kept only where that is set.
func (s *session) keepStrict(c *conn, mark string) {
	if !c.strict.due || s.t.opt.Settings == nil {
		return
	}
	c.strict.due, c.strict.told = false, true
	now := time.Now()
	until := now.Add(c.strict.duration)
	kept := c.strict.kept
	_, port, err := net.SplitHostPort(c.nc.RemoteAddr().String())
	n, err2 := strconv.ParseUint(port, 10, 16)
	if err != nil || err2 != nil {
		return
	}
	own := strictPolicy{host: c.to.host, port: uint16(n), until: until}
	value := own.String()
	switch {
	case c.strict.duration == 0 && kept.port == 0:
		return // there is nothing to forget
	case c.strict.duration == 0:
		value, own = "", strictPolicy{}
	case kept.host == own.host && kept.port == own.port && until.Sub(kept.until) < min(strictSlack, c.strict.duration/10):
		return
	}
	c.strict.kept = own
	last, done := c.strict.saving, make(chan struct{})
	c.strict.saving = done
	s.t.running.Go(func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), strictSaveTime)
		defer cancel()
		if last != nil { // one after the other
			<-last
		}
		if _, err := s.t.opt.Settings.Save(ctx, s.user, Scope(s.net.ID), mark, map[string]string{settingSTS: value}); err != nil {
			s.log.Error("what a network asks of TLS could not be kept", "network", s.net.ID, "error", err)
		}
	})
}

// strictAgain counts anew for how long it holds, at the end of a connection: it may have lasted for longer (IRCv3 sts). Who has had his settings
// deleted meanwhile gets none back.
func (s *session) strictAgain(c *conn) {
	c.strict.due = c.strict.lasts && !c.to.configured && !c.to.unverified
	s.keepStrict(c, settingSTS)
}

// upgraded forgets a connection that another one with TLS follows at once, and reports whether that is so: nothing was asked on it.
func (s *session) upgraded(c *conn, why *cause) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !why.upgrade || c.ready || s.closed {
		return false
	}
	s.conn = nil
	return true
}
