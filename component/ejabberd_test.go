package component

import (
	"context"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// What ejabberd says to a component, and what we make of it.
func TestEjabberd(t *testing.T) {
	t.Parallel()
	e := realtest.Ejabberd(t, realservers.EjabberdOptions{Components: []realservers.Component{
		{Domain: testDomain, Secret: "s3cret"}, {Domain: "other.localhost", Secret: "s3cret"},
	}})
	at := func(change func(*Options)) func(*Options) {
		return func(o *Options) {
			o.Server = e.ComponentAddr
			if change != nil {
				change(o)
			}
		}
	}
	// Nobody kills it before these are over.
	t.Run("refusals", func(t *testing.T) {
		t.Run("wrong secret", func(t *testing.T) {
			t.Parallel()
			newWorld(t, at(func(o *Options) { o.Domain, o.Secret = "other.localhost", "wrong" })).logged("refused the secret of other.localhost")
		})
		t.Run("unknown domain", func(t *testing.T) {
			t.Parallel()
			// It does not say that it is the domain that it does not know, so we say that it may be.
			newWorld(t, at(func(o *Options) { o.Domain = "unheard.localhost" })).
				logged("refused the secret of unheard.localhost (ejabberd says the same of a domain it does not know)")
		})
		t.Run("users' port", func(t *testing.T) {
			t.Parallel()
			newWorld(t, at(func(o *Options) { o.Server = e.C2SAddr })).logged("whether that is the port for components")
		})
	})
	t.Run("connected", func(t *testing.T) {
		w := newWorld(t, at(nil))
		w.logged("connected to the XMPP server")
		// The liveness ping goes to our own domain by way of the server.
		if err := w.gateway.ping(context.Background(), w.gateway.domain, w.gateway.domain, testWait); err != nil {
			t.Errorf("ping to oneself through ejabberd: %v", err)
		}
		e.Kill()
		w.logged("lost the stream to the XMPP server", "nobody answers")
		if err := e.Restart(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.logged("lost the stream to the XMPP server", "connected to the XMPP server")
		if err := w.gateway.ping(context.Background(), w.gateway.domain, w.gateway.domain, testWait); err != nil {
			t.Errorf("ping to oneself after the restart: %v", err)
		}
		// When it ends in order it says system-shutdown or just hangs up, as it happens. We come back after both.
		if err := e.Restart(context.Background()); err != nil {
			t.Fatal(err)
		}
		const connected = "connected to the XMPP server"
		w.logged(connected, connected, connected)
	})
}
