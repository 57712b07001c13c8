package mailbridge

import (
	"testing"

	"passerelle/transports/transporttest"
)

// The bridge keeps the contract of all transports that store and forward.
func TestContract(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	transporttest.RunPostal(t, transporttest.PostalHarness{
		Transport: r.mail,
		Locals:    []string{"bob@example.com", "bob%example.com", `o'neil "jr"@example.com`, "bob@münchen.example"},
		Faulty:    []string{"", "bob", "@example.com", "bob@", "v@x.test> NOTIFY=NEVER"},
		User:      romeo, To: juliet, Far: contact("nobody@nowhere.example"),
	})
}
