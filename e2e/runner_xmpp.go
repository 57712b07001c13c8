package e2e

import (
	"context"
	"encoding/xml"
	"fmt"
	"strings"

	"passerelle/internal/xmpptest"
)

// history is how many of the things that came last a failure shows.
const history = 15

// xmppActor is an XMPP client in a script.
type xmppActor struct {
	client  xmppClient
	network string              // the JID of the network
	pending []*xmpptest.Element // received, but not yet looked at
	came    []string            // what came so far, for people
	fences  int
}

func (a *xmppActor) send(ctx context.Context, stanza string) error { return a.client.Send(ctx, stanza) }

// next is the next stanza.
func (a *xmppActor) next(ctx context.Context) (*xmpptest.Element, error) {
	if len(a.pending) > 0 {
		e := a.pending[0]
		a.pending = a.pending[1:]
		return e, nil
	}
	return a.receive(ctx)
}

func (a *xmppActor) receive(ctx context.Context) (*xmpptest.Element, error) {
	e, err := a.client.Receive(ctx)
	if err != nil {
		return nil, err
	}
	a.came = remember(a.came, e.String())
	return e, nil
}

func remember(came []string, what string) []string {
	if came = append(came, what); len(came) > history {
		came = came[1:]
	}
	return came
}

// isAside reports whether a gateway may send e at any time: what it has to say in words, and what it asks of a client. A client
// that does not answer is normal.
func (a *xmppActor) isAside(e *xmpptest.Element) bool {
	if e.Name.Local == "iq" {
		return e.Get("type") == "get" || e.Get("type") == "set"
	}
	from := e.Get("from")
	return e.Name.Local == "message" && e.Get("type") != "error" && (from == gatewayDomain || from == a.network)
}

// expect waits for a stanza like pattern: the next one, or with skip one of the next.
func (a *xmppActor) expect(ctx context.Context, pattern *xmpptest.Element, vars xmpptest.Vars, skip bool) error {
	for {
		e, err := a.next(ctx)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, a.report(pattern))
		}
		err = xmpptest.Match(pattern, e, vars)
		if err == nil {
			return nil
		}
		if !skip && !a.isAside(e) {
			return fmt.Errorf("%w\n%s", err, a.report(pattern))
		}
	}
}

// refute fails if a stanza like pattern has come before the gateway's answer to a ping. It takes nothing away.
func (a *xmppActor) refute(ctx context.Context, pattern *xmpptest.Element, vars xmpptest.Vars) error {
	a.fences++
	id := fmt.Sprintf("fence-%d", a.fences)
	ping := "<iq type='get' id='" + id + "' to='" + gatewayDomain + "'><ping xmlns='urn:xmpp:ping'/></iq>"
	if err := a.client.Send(ctx, ping); err != nil {
		return err
	}
	for {
		e, err := a.receive(ctx)
		if err != nil {
			return fmt.Errorf("wait for the answer to a ping: %w", err)
		}
		if e.Name.Local == "iq" && e.Get("id") == id {
			break
		}
		a.pending = append(a.pending, e)
	}
	for _, e := range a.pending {
		if xmpptest.Match(pattern, e, vars) == nil {
			return fmt.Errorf("it came\n%s", a.report(pattern))
		}
	}
	return nil
}

// report shows what was expected and what came.
func (a *xmppActor) report(pattern *xmpptest.Element) string {
	return report(pattern.String(), a.came)
}

func report(expected string, came []string) string {
	return "expected\n" + indent(expected) + "\ncame, the last one last\n" + indent(strings.Join(came, "\n"))
}

func indent(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }

// quoteXML writes a value into a stanza of a script.
func quoteXML(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder never fails
	return b.String()
}
