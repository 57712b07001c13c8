package component

import (
	"fmt"
	"testing"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// Servers of strangers that grant what nobody wants of them do not keep the operator's own from granting something.
func TestGrantsOfStrangers(t *testing.T) {
	t.Parallel()
	st, err := stanza.Parse([]byte(`<message from='localhost' to='irc.localhost'><privilege xmlns='`+nsPrivilege2+`'><perm access='roster' type='both'/></privilege></message>`), stanza.NSComponent, stanza.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var g grants
	for i := range 2 * maxGrants {
		g.take(transports.Address{Domain: fmt.Sprint("evil", i, ".example")}, st.Root, []string{"localhost"})
	}
	g.take(transports.Address{Domain: "localhost"}, st.Root, []string{"localhost"})
	if !g.of("localhost").change || len(g.m) > maxGrants+1 {
		t.Errorf("of %d servers: %+v", len(g.m), g.of("localhost"))
	}
}
