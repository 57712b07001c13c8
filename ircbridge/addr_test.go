package ircbridge

import (
	"testing"

	"passerelle/transports"
)

// With a fixed network addresses do not name it, as with biboumi's fixed_irc_server.
func TestFixedNaming(t *testing.T) {
	t.Parallel()
	n := Naming{Fixed: testNet}
	room := func(id string) transports.Target {
		return transports.Target{Kind: transports.TargetRoom, Network: testNet, ID: id}
	}
	person := func(id string) transports.Target {
		return transports.Target{Kind: transports.TargetContact, Network: testNet, ID: id}
	}
	for local, want := range map[string]transports.Target{
		"#go":                    room("#go"),
		"&local":                 room("&local"),
		"#50%off":                room("#50%off"),
		"#go%" + testNet:         room("#go%" + testNet),
		"bob":                    person("bob"),
		"help%" + testNet:        person("help"), // the bot is at help
		testNet:                  {Kind: transports.TargetNetwork, Network: testNet},
		testNet + "%" + testNet:  person(testNet),
		"alice/matrix":           person("alice/matrix"),
		"irc.elsewhere.example.": person("irc.elsewhere.example."),
	} {
		got, err := n.Parse(local)
		if err != nil || got != want || n.Format(got) != local {
			t.Errorf("%q: got %+v, %q, %v", local, got, n.Format(got), err)
		}
	}
	if got, err := n.Parse("bob%" + testNet); err != nil || got != person("bob") {
		t.Errorf("in full: got %+v, %v", got, err)
	}
	for _, local := range []string{"", "bob%irc.elsewhere.example", "%" + testNet, "a!b@c", "#a,b", "@#go"} {
		_, err := n.Parse(local)
		wantKind(t, err, transports.BadRequest)
	}
}

func TestFixedFind(t *testing.T) {
	t.Parallel()
	tr := newTransport(t, Options{Fixed: testNet, Networks: plainNet("127.0.0.1:1")})
	for input, want := range map[string]string{
		"#go": "#go", "Bob": "bob", "#go " + testNet: "#go", "help": "help%" + testNet, "irc://" + testNet + "/go": "#go", testNet: testNet,
	} {
		got, err := tr.Find("", input, transports.TargetDomain)
		if err != nil || tr.Format(got) != want {
			t.Errorf("%q: got %q, %v; want %q", input, tr.Format(got), err, want)
		}
	}
	_, err := tr.Find("", "#go on irc.elsewhere.example", transports.TargetDomain)
	wantKind(t, err, transports.NotFound)
}
