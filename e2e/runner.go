package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/xmpptest"
)

const (
	stepTime  = time.Minute            // for a step to get what it expects
	probeTime = 200 * time.Millisecond // for the answer to a ping, before the next is sent
)

// streamEnded finds in the gateway's log that a server ended its stream: for what it has sent, if the server did not die.
var streamEnded = regexp.MustCompile(`lost the stream to the XMPP server|the XMPP server ended the stream`)

// runner runs one scenario.
type runner struct {
	servers *servers
	gateway *gateway
	xmpp    map[string]*xmppActor
	irc     map[string]*ircActor
	vars    xmpptest.Vars
	printed string // by the operator's last command line, behind its exit code
	link    string // that was opened last
	fetched string // what was there, behind its status
}

// runScenario runs the steps with a gateway of their own.
func runScenario(t testing.TB, steps []step, program string, s *servers) {
	t.Helper()
	runOn(t, steps, s, newGateway(t, program, s))
}

// runOn runs the steps with a gateway that was not started yet.
func runOn(t testing.TB, steps []step, s *servers, g *gateway) {
	t.Helper()
	r := newRunner(t, s, g)
	if err := r.gateway.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !slices.ContainsFunc(steps, func(s step) bool { return s.actor == actorXMPP }) && streamEnded.MatchString(r.gateway.log.String()) {
			t.Error("the gateway's stream to the XMPP server has ended in between")
		}
	})
	r.play(t, steps)
}

// newRunner prepares a scenario with a gateway that was not started yet.
func newRunner(t testing.TB, s *servers, g *gateway) *runner {
	t.Helper()
	r := &runner{
		servers: s, gateway: g,
		xmpp: make(map[string]*xmppActor), irc: make(map[string]*ircActor),
		vars: xmpptest.Vars{"GW": gatewayDomain, "NET": networkName},
	}
	_, r.vars["PORT"], _ = net.SplitHostPort(s.ircAddr) // there may be no IRC server
	maps.Copy(r.vars, s.vars)
	t.Cleanup(func() {
		if err := r.close(); err != nil {
			t.Errorf("close the clients: %v", err)
		}
	})
	return r
}

// playScript plays a part of a test whose parts are written for themselves.
func (r *runner) playScript(t testing.TB, script string) {
	t.Helper()
	steps, err := parseScript(script)
	if err != nil {
		t.Fatal(err)
	}
	r.play(t, steps)
}

// play takes the steps, one after the other.
func (r *runner) play(t testing.TB, steps []step) {
	t.Helper()
	for _, s := range steps {
		ctx, cancel := context.WithTimeoutCause(t.Context(), stepTime, errors.New("it has not come in time"))
		err := r.run(ctx, s)
		cancel()
		if err != nil {
			t.Fatalf("line %d: %s\n%v", s.line, s.text, err)
		}
	}
}

// close ends the clients that the script has left.
func (r *runner) close() error {
	var errs []error
	for _, a := range r.xmpp {
		errs = append(errs, a.client.Close())
	}
	for _, a := range r.irc {
		errs = append(errs, a.conn.Close())
	}
	clear(r.xmpp)
	clear(r.irc)
	return errors.Join(errs...)
}

func (r *runner) run(ctx context.Context, s step) error {
	switch {
	case s.verb == "remembers":
		return poll(ctx, func() error { return r.gateway.remembers(ctx, s.arg) })
	case s.verb == "ages":
		return r.gateway.ages(ctx, s.arg)
	case s.verb == "set":
		line, err := expand(s.arg, r.vars, func(v string) string { return v })
		if err != nil {
			return err
		}
		table := "[[irc]]"
		if strings.HasPrefix(line, "[") {
			table, line = cut(line)
		}
		return r.gateway.set(table, line)
	case s.verb == "reload":
		return r.gateway.reload(ctx)
	case s.verb == "stop":
		r.gateway.process.Stop()
		return r.awaitGateway(ctx, false)
	case s.actor == actorGateway:
		if err := r.control(ctx, r.gateway, s.verb); err != nil || s.verb == "restart" {
			return err
		}
		return r.awaitGateway(ctx, false)
	case s.actor == actorXMPP:
		// Its clients go with it.
		for name, a := range r.xmpp {
			delete(r.xmpp, name)
			if err := a.client.Close(); err != nil {
				return err
			}
		}
		if err := r.control(ctx, r.servers.xmpp, s.verb); err != nil || s.verb == "kill" {
			return err
		}
		return r.awaitGateway(ctx, true)
	case s.actor == actorIRC:
		for name, a := range r.irc {
			delete(r.irc, name)
			if err := a.conn.Close(); err != nil {
				return err
			}
		}
		return r.control(ctx, r.servers.irc, s.verb)
	case s.actor == actorService:
		return r.control(ctx, r.servers.services, s.verb)
	case s.actor == actorOperator:
		return r.runOperator(ctx, s)
	case s.actor == actorWeb:
		return r.runWeb(ctx, s)
	case s.isIRC():
		return r.runIRC(ctx, s)
	default:
		return r.runXMPP(ctx, s)
	}
}

func (r *runner) control(ctx context.Context, s server, verb string) error {
	if s == nil {
		return errors.New("there is none")
	}
	if verb == "kill" {
		s.Kill()
		return nil
	}
	return s.Restart(ctx)
}

// awaitGateway waits until the XMPP server has the gateway, or has it no more: until a ping through the server is answered by a
// result or by an error.
func (r *runner) awaitGateway(ctx context.Context, there bool) error {
	c, err := r.servers.login(ctx, "carol", "probe")
	if err != nil {
		return err
	}
	want := "error"
	if there {
		want = "result"
	}
	asked := 0
	err = poll(ctx, func() error {
		asked++
		ping := fmt.Sprintf("<iq type='get' id='probe-%d' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", asked, gatewayDomain)
		if err := c.Send(ctx, ping); err != nil {
			return fmt.Errorf("%w: %w", errFinal, err)
		}
		// A ping that the server had passed on to a gateway that was just killed is never answered: then the next one tells.
		ctx, cancel := context.WithTimeout(ctx, probeTime)
		defer cancel()
		e, err := c.Receive(ctx)
		if err == nil && e.Get("type") != want {
			err = fmt.Errorf("a ping to the gateway is answered by %s", e)
		}
		return err
	})
	return errors.Join(err, c.Close())
}

func (r *runner) runXMPP(ctx context.Context, s step) error {
	if s.verb == "login" {
		user, resource, ok := strings.Cut(s.actor, "/")
		if !ok {
			resource = "home"
		}
		c, err := r.servers.login(ctx, user, resource)
		if err != nil {
			return err
		}
		r.xmpp[s.actor] = &xmppActor{client: c, network: networkName + "@" + gatewayDomain}
		r.vars[s.actor] = c.JID()
		return nil
	}
	a := r.xmpp[s.actor]
	if a == nil {
		return fmt.Errorf("%s is not logged in any more", s.actor)
	}
	if s.verb == "close" {
		delete(r.xmpp, s.actor)
		return a.client.Close()
	}
	stanza, err := expand(s.arg, r.vars, quoteXML)
	if err != nil {
		return err
	}
	if s.verb == ">" {
		return a.send(ctx, stanza)
	}
	pattern, err := xmpptest.Parse(stanza)
	if err != nil {
		return err
	}
	if s.verb == "<!" {
		return a.refute(ctx, pattern, r.vars)
	}
	return a.expect(ctx, pattern, r.vars, s.verb == "<*")
}

func (r *runner) runIRC(ctx context.Context, s step) error {
	nick := strings.TrimPrefix(s.actor, ircPrefix)
	if s.verb == "login" {
		a, err := dialIRC(ctx, r.servers.ircAddr, nick)
		if err != nil {
			return err
		}
		r.irc[s.actor] = a
		return nil
	}
	a := r.irc[s.actor]
	if a == nil {
		return fmt.Errorf("%s is not connected any more", s.actor)
	}
	if s.verb == "close" {
		delete(r.irc, s.actor)
		return a.conn.Close()
	}
	line, err := expand(s.arg, r.vars, func(v string) string { return v })
	if err != nil {
		return err
	}
	line = unescape(line)
	switch s.verb {
	case ">":
		a.sent = line
		return a.send(ctx, line)
	case "<!":
		return a.refute(ctx, line, r.vars)
	case "<~":
		return a.ask(ctx, line, r.vars)
	default:
		return a.expect(ctx, line, r.vars, s.verb == "<*")
	}
}
