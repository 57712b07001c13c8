package component

import (
	"context"
	"testing"
	"time"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// What Prosody says to a component, and what we make of it.
func TestProsody(t *testing.T) {
	t.Parallel()
	p := realtest.Prosody(t, realservers.ProsodyOptions{Components: []realservers.Component{
		{Domain: testDomain, Secret: "s3cret"}, {Domain: "other.localhost", Secret: "s3cret"},
	}})
	at := func(change func(*Options)) func(*Options) {
		return func(o *Options) {
			o.Server = p.ComponentAddr
			if change != nil {
				change(o)
			}
		}
	}
	// One after the other: the last kills the server.
	t.Run("wrong secret", func(t *testing.T) {
		newWorld(t, at(func(o *Options) { o.Domain, o.Secret = "other.localhost", "wrong" })).logged("refused the secret of other.localhost")
	})
	t.Run("unknown domain", func(t *testing.T) {
		newWorld(t, at(func(o *Options) { o.Domain = "unheard.localhost" })).logged("does not know unheard.localhost")
	})
	t.Run("connected", func(t *testing.T) {
		// Whose place was taken must not take it back before it is stopped.
		w := newWorld(t, at(func(o *Options) { o.Timing.RefusedWait = time.Hour }))
		w.logged("connected to the XMPP server")
		// The liveness ping goes to our own domain by way of the server.
		if err := w.gateway.ping(context.Background(), w.gateway.domain, w.gateway.domain, testWait); err != nil {
			t.Errorf("ping to oneself through Prosody: %v", err)
		}
		second := newWorld(t, at(nil))
		w.logged("another process has connected to the XMPP server as irc.localhost and took the place of this one")
		second.logged("connected to the XMPP server") // the first may hear of it before
		w.stop()
		second.logged("connected to the XMPP server")
		p.Kill()
		second.logged("lost the stream to the XMPP server", "nobody answers")
		if err := p.Restart(context.Background()); err != nil {
			t.Fatal(err)
		}
		second.logged("lost the stream to the XMPP server", "connected to the XMPP server")
	})
}
