package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"passerelle/internal/xmpptest"
)

// A comparison plays the same steps with biboumi and with passerelle and keeps all that clients get. After each step it waits until
// nothing that the step has caused can still be on its way: a message goes the whole way there and back, twice, since a gateway may ask
// the network something when it has nothing else to say.

// fenceNick is somebody on IRC who sends back what he gets. He is in no channel, and what is said with him is not compared.
const fenceNick = "fence"

// played is what came of a part of a script.
type played struct {
	title string
	steps []string
	got   map[string][]*xmpptest.Element // by XMPP client
	lines map[string][]string            // by IRC client
}

// player plays parts of a script with one gateway.
type player struct {
	r      *runner
	irc    *ircActor // called fenceNick
	at     string    // his JID
	fences int
	now    *played
}

// recorder keeps what a client gets.
type recorder struct {
	xmppClient
	name string
	p    *player
}

func (c *recorder) Receive(ctx context.Context) (*xmpptest.Element, error) {
	e, err := c.xmppClient.Receive(ctx)
	if err == nil && c.p.now != nil && !isFence(e) {
		c.p.now.got[c.name] = append(c.p.now.got[c.name], e)
	}
	return e, err
}

func isFence(e *xmpptest.Element) bool {
	body := e.Child("", "body")
	return strings.HasPrefix(e.Get("id"), fenceNick) || body != nil && strings.HasPrefix(body.Text(), fenceNick)
}

// part is a part of a script: a title behind "==" and steps.
type part struct {
	title string
	steps []step
}

// parseParts reads a script for a comparison.
func parseParts(script string) ([]part, error) {
	var parts []part
	known := knownActors()
	for text := range strings.SplitSeq("\n"+script, "\n== ") {
		title, text, _ := strings.Cut(text, "\n")
		steps, err := parseSteps(text, known)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", title, err)
		}
		if title != "" {
			parts = append(parts, part{title, steps})
		}
	}
	return parts, nil
}

// play plays the parts of a script.
func (p *player) play(ctx context.Context, parts []part) ([]*played, error) {
	login := p.r.servers.login
	p.r.servers.login = func(ctx context.Context, user, resource string) (xmppClient, error) {
		c, err := login(ctx, user, resource)
		return &recorder{c, user + "/" + resource, p}, err
	}
	var all []*played
	for _, part := range parts {
		p.now = &played{title: part.title, got: make(map[string][]*xmpptest.Element), lines: make(map[string][]string)}
		all = append(all, p.now)
		for i, s := range part.steps {
			p.now.steps = append(p.now.steps, s.text)
			// Until when to wait may be said by the next step, and who leaves then may never get as far as to be connected.
			settle := i+1 == len(part.steps) || !strings.HasPrefix(part.steps[i+1].verb, "<") && part.steps[i+1].verb != "close"
			if err := p.step(ctx, s, settle); err != nil {
				return all, fmt.Errorf("%s: %s\n%w", part.title, s.text, err)
			}
		}
	}
	return all, nil
}

func (p *player) step(ctx context.Context, s step, settle bool) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	if s.verb == ">" {
		for _, a := range p.r.xmpp {
			a.pending = nil // "<*" looks for what comes from now on
		}
		for _, a := range p.r.irc {
			a.pending = nil
		}
	}
	if err := p.r.run(ctx, s); err != nil {
		return err
	}
	if a := p.r.irc[s.actor]; s.verb == "login" && a != nil {
		a.heard = func(line string) {
			if numeric(line) == "" && !strings.Contains(line, " PONG ") {
				p.now.lines[s.actor] = append(p.now.lines[s.actor], line)
			}
		}
	}
	if !settle {
		return nil
	}
	for range 2 {
		for _, name := range slices.Sorted(maps.Keys(p.r.irc)) {
			if err := p.r.irc[name].refute(ctx, "no such line", nil); err != nil {
				return err
			}
		}
		users := make(map[string][]*xmppActor)
		for _, name := range slices.Sorted(maps.Keys(p.r.xmpp)) {
			user, _, _ := strings.Cut(name, "/")
			users[user] = append(users[user], p.r.xmpp[name])
		}
		for _, name := range slices.Sorted(maps.Keys(users)) {
			if err := p.fence(ctx, users[name]); err != nil {
				return fmt.Errorf("fence of %s: %w", name, err)
			}
		}
	}
	return nil
}

// fence returns when all that was on its way between the clients of a user and the network before has come: where he is not connected
// there, between them and the gateway.
func (p *player) fence(ctx context.Context, clients []*xmppActor) error {
	a := clients[0]
	// What is said to an occupant connects nobody, where what is said to a person may.
	_, refused, err := p.say(ctx, a, "#"+p.at+"/"+fenceNick)
	if err != nil || refused != nil && strings.Contains(refused.XML(xmpptest.NSClient), "<remote-server-timeout ") {
		return err
	}
	token, refused, err := p.say(ctx, a, p.at)
	if err != nil || refused != nil {
		return err
	}
	for {
		line, err := p.irc.receive(ctx)
		if err != nil {
			return err
		}
		if strings.HasSuffix(line, " :"+token) {
			nick, _, _ := strings.Cut(strings.TrimPrefix(line, ":"), "!")
			if err := p.irc.send(ctx, "PRIVMSG "+nick+" :"+token); err != nil {
				return err
			}
			break
		}
	}
	if err := awaitBody(ctx, clients, token); err != nil {
		return err
	}
	for _, a := range clients {
		if _, err := p.ping(ctx, a, ""); err != nil {
			return err
		}
	}
	return nil
}

// say has a client send a message that is its text and its id, and returns it with the error that comes at once, nil for none.
func (p *player) say(ctx context.Context, a *xmppActor, to string) (token string, refused *xmpptest.Element, err error) {
	p.fences++
	token = fmt.Sprintf("%s-%d", fenceNick, p.fences)
	if err := a.client.Send(ctx, "<message type='chat' id='"+token+"' to='"+to+"'><body>"+token+"</body></message>"); err != nil {
		return token, nil, err
	}
	refused, err = p.ping(ctx, a, token)
	return token, refused, err
}

// ping waits for the gateway's answer to a ping, and returns the error with an id that has come before, nil for none.
func (p *player) ping(ctx context.Context, a *xmppActor, id string) (failed *xmpptest.Element, err error) {
	p.fences++
	ping := fmt.Sprintf("%s-%d", fenceNick, p.fences)
	if err := a.client.Send(ctx, "<iq type='get' id='"+ping+"' to='"+gatewayDomain+"'><ping xmlns='urn:xmpp:ping'/></iq>"); err != nil {
		return nil, err
	}
	for {
		e, err := a.receive(ctx)
		if err != nil {
			return nil, err
		}
		a.pending = append(a.pending, e)
		if id != "" && e.Get("id") == id && e.Get("type") == "error" {
			failed = e
		}
		if e.Get("id") == ping {
			return failed, nil
		}
	}
}

// awaitBody waits until one of the clients gets a message with that text.
func awaitBody(ctx context.Context, clients []*xmppActor, text string) error {
	for {
		for _, a := range clients {
			turn, cancel := context.WithTimeout(ctx, pollTime)
			e, err := a.receive(turn)
			cancel()
			switch {
			case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
				continue
			case err != nil:
				return err
			}
			a.pending = append(a.pending, e)
			if body := e.Child("", "body"); body != nil && body.Text() == text {
				return nil
			}
		}
	}
}
