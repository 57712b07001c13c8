package component

import (
	"testing"

	"passerelle/component/stanza"
	"passerelle/transports"
)

func TestRenderLetter(t *testing.T) {
	t.Parallel()
	g := newWorld(t, nil).gateway
	bob := transports.Target{Kind: transports.TargetContact, Network: "net", ID: "bob"}
	user := transports.Address{Local: "alice", Domain: "localhost", Resource: "phone"}
	for _, c := range []struct {
		name   string
		letter transports.Letter
		want   string
	}{
		{
			"a letter",
			transports.Letter{ID: "l1", With: bob, Subject: "<Hi>", Thread: "t1", Body: "a & b", Formal: true},
			`<message from='bob%net@` + testDomain + `' to='alice@localhost' type='normal' id='l1'><subject>&lt;Hi&gt;</subject>` +
				`<body>a &amp; b</body><thread>t1</thread><origin-id xmlns='urn:xmpp:sid:0' id='l1'/></message>`,
		},
		{
			"a line",
			transports.Letter{ID: "l2", With: bob, Body: "yes"},
			`<message from='bob%net@` + testDomain + `' to='alice@localhost' type='chat' id='l2'><body>yes</body>` +
				`<origin-id xmlns='urn:xmpp:sid:0' id='l2'/></message>`,
		},
	} {
		var b stanza.Builder
		g.renderLetter(&b, user, &c.letter)
		if got := string(b.Bytes()); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
