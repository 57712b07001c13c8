package component

import (
	"context"
	"testing"

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
	t.Run("wrong secret", func(t *testing.T) {
		t.Parallel()
		newWorld(t, at(func(o *Options) { o.Domain, o.Secret = "other.localhost", "wrong" })).logged("refused the secret of other.localhost")
	})
	t.Run("unknown domain", func(t *testing.T) {
		t.Parallel()
		newWorld(t, at(func(o *Options) { o.Domain = "unheard.localhost" })).logged("does not know unheard.localhost")
	})
	t.Run("connected", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, at(nil))
		w.logged("connected to the XMPP server")
		// The liveness ping goes to our own domain by way of the server.
		if err := w.gateway.ping(context.Background(), w.gateway.domain, w.gateway.domain, testWait); err != nil {
			t.Errorf("ping to oneself through Prosody: %v", err)
		}
		second := newWorld(t, at(nil))
		w.logged("another process has connected to the XMPP server as irc.localhost and took the place of this one")
		w.stop()
		p.Kill()
		second.logged("lost the stream to the XMPP server", "nobody answers")
		if err := p.Restart(context.Background()); err != nil {
			t.Fatal(err)
		}
		second.logged("lost the stream to the XMPP server", "connected to the XMPP server")
	})
}
