package socialbridge

import (
	"testing"

	"passerelle/transports/transporttest"
)

// The bridge keeps the contract of all transports that store and forward.
func TestContract(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	r.following(romeo, alice)
	if err := r.db.Write(t.Context(), r.publicFor(romeo)); err != nil {
		t.Fatal(err)
	}
	transporttest.RunPostal(t, transporttest.PostalHarness{
		Transport: r.s,
		Locals:    []string{"alice@social.example", "alice%social.example", "BOB@münchen.example", "club@gs2.test", "a.b-c@x.test:8443"},
		Faulty:    []string{"", "bob", "@example.com", "bob@", "a b@x.test", "a@b@c.test", "a@b/c", "x@..", "a\\b@x.test"},
		User:      romeo, To: alice, Far: contact("nobody@nowhere.example"),
	})
}
