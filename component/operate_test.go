package component

import (
	"path/filepath"
	"strings"
	"testing"

	"passerelle/transports"
)

// An operator runs a command with all its values at once; secrets must not come where others can read them.
func TestOperate(t *testing.T) {
	t.Parallel()
	ran := make(chan transports.Call, 1)
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	w := newWorld(t, func(o *Options) {
		o.Store, o.Transport.(*scripted).commands = db, []transports.Command{configureForTest(ran)}
	}).connected()
	alice := transports.Address{Local: "alice", Domain: "localhost"}
	values := func(pairs ...string) transports.Values {
		v := transports.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v[pairs[i]] = []string{pairs[i+1]}
		}
		return v
	}
	for name, test := range map[string]struct {
		op   transports.Operation
		want string // of an error, a fault or what is said; "form" for a form without faults
	}{
		"no such command":  {transports.Operation{Command: "conf"}, "There is no command “conf”."},
		"without a user":   {transports.Operation{Command: "configure", On: "irc.example"}, "say for whom"},
		"without network":  {transports.Operation{Command: "configure", User: alice}, "say on which"},
		"no network":       {transports.Operation{Command: "configure", User: alice, On: "nonsense"}, "neither a network nor a room"},
		"not for that":     {transports.Operation{Command: "users", On: "irc.example"}, "is not for “irc.example”"},
		"nothing given":    {transports.Operation{Command: "configure", User: alice, On: "irc.example"}, "form"},
		"a typo":           {transports.Operation{Command: "configure", User: alice, On: "Example", Values: values("away", "perhaps")}, "Away: This is yes or no."},
		"refused when run": {transports.Operation{Command: "configure", User: alice, On: "irc.example@irc.localhost", Values: values("nick", "a b")}, "A nick is one word."},
		"unknown value":    {transports.Operation{Command: "configure", User: alice, On: "irc.example", Values: values("nick", "a", "nicj", "b")}, "does not ask for “nicj”"},
		"open secret": {
			transports.Operation{Command: "configure", User: alice, On: "irc.example", Values: values("pass", "hunter2"), Open: []string{"pass"}}, "pass is a secret",
		},
		"not asked yet": {transports.Operation{Command: "remove-user", Values: values("user", "nobody@localhost")}, "nobody@localhost is not known here."},
		"a list":        {transports.Operation{Command: "users", Max: 5}, "Nobody is known here."},
	} {
		o, err := w.gateway.Operate(t.Context(), test.op)
		got := o.Said
		switch {
		case err != nil:
			got = transports.AsError(err).Text
		case o.Form != nil:
			got = "form"
			for _, f := range o.Form.Fields {
				if f.Fault != "" {
					got = f.Fault
				}
				if f.Type.Secret() && len(f.Values) > 0 {
					t.Errorf("%s: the form shows the secret %s", name, f.Name)
				}
			}
		}
		if !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	o, err := w.gateway.Operate(t.Context(), transports.Operation{Command: "configure", User: alice.WithResource("x"), On: "irc.example", Values: values("nick", "al", "pass", "hunter2"), Open: []string{"nick"}})
	if err != nil || o.Said != "Saved." {
		t.Fatalf("got %+v, %v", o, err)
	}
	if c := <-ran; c.User != alice || c.Values.Get("nick") != "al" || c.Values.Get("pass") != "hunter2" {
		t.Errorf("ran with %+v", c)
	}
}
