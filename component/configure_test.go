package component

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"passerelle/store"
	"passerelle/transports"
)

// settable is a scripted transport with settings.
type settable struct{ *scripted }

func (settable) Settings(on transports.Target) []transports.Setting {
	if on.Kind != transports.TargetNetwork {
		return nil
	}
	return []transports.Setting{
		{Field: transports.Field{Name: "nick", Label: "Nick"}},
		{Field: transports.Field{Name: "colour", Label: "Colour", Type: transports.FieldChoice, Values: []string{"red"}, Options: []transports.Option{{Value: "red", Label: "Red"}, {Value: "blue", Label: "Blue"}}}},
		{Field: transports.Field{Name: "ports", Label: "Ports", Type: transports.FieldLines}},
		{Field: transports.Field{Name: "lines", Label: "Lines", Type: transports.FieldLines, Mask: func(line string) string {
			if before, _, found := strings.Cut(line, "secret"); found {
				return before + "***"
			}
			return line
		}}},
		{
			Field: transports.Field{Name: "pass", Label: "Password", Type: transports.FieldSecret}, Kept: "password",
			Forget: transports.Field{Name: "forget-pass", Label: "Forget", Type: transports.FieldBool},
		},
	}
}

func (settable) SettingsChanged(context.Context, transports.Address, transports.Target) {}

func (settable) CheckSettings(_ string, _ transports.Target, set map[string]string) transports.Faults {
	if strings.Contains(set["nick"], " ") {
		return transports.Faults{{Field: "nick", Text: "A nick is one word."}}
	}
	return nil
}

// What is submitted is kept, what is left out stays, what is the default is not kept, and secrets are neither shown nor lost.
func TestConfigure(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	w := newWorld(t, func(o *Options) {
		o.Store, o.Transport = db, settable{o.Transport.(*scripted)}
		o.AlwaysOn.Policy = StayAllowed
	}).connected()
	alice := transports.Address{Local: "alice", Domain: "localhost"}
	run := func(on string, values ...string) transports.Outcome {
		t.Helper()
		op := transports.Operation{Command: "configure", User: alice, On: on, Values: transports.Values{}}
		for i := 0; i < len(values); i += 2 {
			op.Values[values[i]] = strings.Split(values[i+1], "|")
		}
		out, err := w.gateway.Operate(t.Context(), op)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	kept := func(scope string, want map[string]string, password string) {
		t.Helper()
		got, err := db.Settings(t.Context(), w.gateway.userID(alice), scope)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", scope, got, err, want)
		}
		if secret, _, err := db.Secret(t.Context(), w.gateway.userID(alice), scope, "password"); err != nil || secret.Reveal() != password {
			t.Errorf("%s: the password is %q, %v", scope, secret.Reveal(), err)
		}
	}
	const network = "network:irc.example"
	lines := func(want string) {
		t.Helper()
		if secret, _, err := db.Secret(t.Context(), w.gateway.userID(alice), "network:irc.example", "lines"); err != nil || secret.Reveal() != want {
			t.Errorf("the lines are %q, %v", secret.Reveal(), err)
		}
	}
	// Of lines what is secret is not shown, and stays where they are sent back as they are shown.
	run("irc.example", "lines", "mode|say secret words|say secret too")
	lines("mode\nsay secret words\nsay secret too")
	for _, f := range run("irc.example").Form.Fields {
		if f.Name == "lines" && strings.Join(f.Values, "|") != "mode|say ***|say ***" {
			t.Errorf("shown: %q", f.Values)
		}
	}
	run("irc.example", "lines", "say ***|more|say ***", "nick", "al")
	lines("say secret words\nmore\nsay secret too")
	run("irc.example", "nick", "")
	lines("say secret words\nmore\nsay secret too")
	for value, told := range map[string]bool{"more": false, "say secret": true} {
		out, err := w.gateway.Operate(t.Context(), transports.Operation{
			Command: "configure", User: alice, On: "irc.example", Values: transports.Values{"lines": {value}}, Open: []string{"lines"},
		})
		if err != nil || (out.Form != nil) != told {
			t.Errorf("%q where others read it: %+v, %v", value, out, err)
		}
	}
	run("irc.example", "lines", "")
	lines("")
	run("irc.example", "nick", " al ", "pass", "hunter2", "ports", "6697|6670", "colour", "blue", "persistent", "1")
	kept(network, map[string]string{"nick": "al", "colour": "blue", "ports": "6697\n6670", "persistent": "true"}, "hunter2")
	for _, f := range run("irc.example").Form.Fields {
		if shown := strings.Join(f.Values, "|"); f.Name == "pass" && shown != "" || f.Name == "ports" && shown != "6697|6670" || f.Name == "forget-pass" && shown != "false" {
			t.Errorf("%s is shown as %q", f.Name, shown)
		}
	}
	run("irc.example", "colour", "red", "pass", "", "persistent", "unset")
	kept(network, map[string]string{"nick": "al", "ports": "6697\n6670"}, "hunter2")
	run("irc.example", "ports", "", "forget-pass", "yes", "max_history_length", "5")
	kept(network, map[string]string{"nick": "al", "max_history_length": "5"}, "")
	for field, value := range map[string]string{"nick": "a b", "max_history_length": "many", "colour": "mauve", "persistent": "perhaps"} {
		form := run("irc.example", field, value, "ports", "1").Form
		if form == nil {
			t.Fatalf("%s = %s is taken", field, value)
		}
		for _, f := range form.Fields {
			if (f.Fault != "") != (f.Name == field) {
				t.Errorf("%s = %s: %s has the fault %q", field, value, f.Name, f.Fault)
			}
		}
	}
	kept(network, map[string]string{"nick": "al", "max_history_length": "5"}, "")
	// What biboumi takes is as much as there is here.
	run("irc.example", "max_history_length", "200")
	kept(network, map[string]string{"nick": "al", "max_history_length": "50"}, "")
	// What was wrong before, because it was brought from elsewhere or the operator has changed his mind, does not stop another change.
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		return tx.Set(w.gateway.userID(alice), network, "nick", "a b")
	}); err != nil {
		t.Fatal(err)
	}
	run("irc.example", "nick", "a b", "max_history_length", "5")
	kept(network, map[string]string{"nick": "a b", "max_history_length": "5"}, "")
	if run("irc.example", "nick", "c d").Form == nil {
		t.Error("a new fault is taken where there was one")
	}
	run("", "persistent", "true", "max_history_length", "20")
	kept("gateway", map[string]string{"persistent": "true"}, "")
	run("#go%irc.example", "persistent", "false")
	kept("room:#go%irc.example", map[string]string{"persistent": "false"}, "")
}

// A user cannot have settings kept for any number of rooms, but he can always take some back.
func TestConfigureIsBounded(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	w := newWorld(t, func(o *Options) {
		o.Store, o.Transport = db, settable{o.Transport.(*scripted)}
		o.AlwaysOn.Policy = StayAllowed
	}).connected()
	alice := transports.Address{Local: "alice", Domain: "localhost"}
	id := w.gateway.userID(alice)
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		for i := range maxSettingScopes {
			if err := tx.Set(id, fmt.Sprintf("room:#c%d%%irc.example", i), SettingPersistent, "false"); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	set := func(room, persistent string) error {
		_, err := w.gateway.Operate(t.Context(), transports.Operation{
			Command: "configure", User: alice, On: room, Values: transports.Values{SettingPersistent: {persistent}},
		})
		return err
	}
	if err := set("#more%irc.example", "false"); transports.AsError(err) == nil || transports.AsError(err).Kind != transports.Policy {
		t.Errorf("got %v", err)
	}
	if err := set("#c1%irc.example", "true"); err != nil {
		t.Error(err)
	}
	if err := set("#c0%irc.example", "unset"); err != nil {
		t.Error(err)
	}
	if err := set("#more%irc.example", "false"); err != nil {
		t.Error(err)
	}
}
