package component

import (
	"testing"

	"passerelle/transports"
)

// TestNetworkTellsItsName has a network say what it is called, as almost all do: there is a session for each user, so it must cost none a table.
func TestNetworkTellsItsName(t *testing.T) {
	t.Parallel()
	var n network
	itself := transports.Target{Kind: transports.TargetNetwork, Network: "irc.example"}
	bob := transports.Target{Kind: transports.TargetContact, Network: "irc.example", ID: "Bob"}
	n.described(transports.Described{Of: itself, What: transports.DetailName, Value: "Example"})
	if got := n.detail(itself, transports.DetailName); got != "Example" || n.details != nil {
		t.Errorf("the network is called %q, with a table of %d", got, len(n.details))
	}
	if got := n.detail(bob, transports.DetailName); got != "" {
		t.Errorf("Bob is called %q", got)
	}
	n.described(transports.Described{Of: bob, What: transports.DetailName, Value: "Robert"})
	n.described(transports.Described{Of: itself, What: transports.DetailName})
	if got := n.detail(bob, transports.DetailName) + n.detail(itself, transports.DetailName); got != "Robert" {
		t.Errorf("they are called %q", got)
	}
	bob.ID = "bob"
	if n.described(transports.Described{Of: bob, What: transports.DetailName}); len(n.details) != 0 {
		t.Errorf("of nobody there is %v", n.details)
	}
}
