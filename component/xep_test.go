package component

import (
	"slices"
	"testing"

	"passerelle/component/xep"
)

// What discovery announces, wherever it does, is of an extension in the list, and what the list says that is announced is.
func TestDiscoAgreesWithTheList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	w.enter(alice)
	announced := map[string]bool{}
	for _, to := range []string{
		"irc.localhost", "help@irc.localhost", "irc.example@irc.localhost", "#go%irc.example@irc.localhost", "#other%irc.example@irc.localhost",
		"#go%irc.example@irc.localhost/bob", "bob%irc.example@irc.localhost",
	} {
		answer := alice.ask(`<iq type='get' id='d' to='`+to+`'><query xmlns='`+nsDiscoInfo+`'/></iq>`, `<iq type='result' id='d' from='`+to+`'/>`)
		for _, f := range answer.Child(nsDiscoInfo, "query").Elements() {
			if f.Name.Local == "feature" {
				announced[f.Get("var")] = true
			}
		}
	}
	// Beside them what hangs on settings of the gateway or the room.
	for _, s := range serviceTable() {
		announced[s.feature] = true
	}
	for _, m := range modeFeatures {
		announced[m.set], announced[m.un] = true, true
	}
	for _, e := range xep.List() {
		for _, f := range e.Features {
			if !announced[f] {
				t.Errorf("XEP-%04d should account for %s, which is announced nowhere", e.Number, f)
			}
		}
	}
	for f := range announced {
		if !slices.ContainsFunc(xep.List(), func(e xep.Extension) bool { return slices.Contains(e.Features, f) }) {
			t.Errorf("%s is announced, and no extension of the list accounts for it", f)
		}
	}
}
