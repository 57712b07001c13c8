package muc

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"passerelle/transports"
)

func TestResource(t *testing.T) {
	t.Parallel()
	for nick, want := range map[string]string{
		"bob": "bob", "[a]\\`_^{|}-9": "[a]\\`_^{|}-9", "José": "José", "Ωmega": "Ωmega", "☕": "☕", "مرحبا": "مرحبا",
		"\u200b": `\u200b`, "\ufeff": `\ufeff`, "a\u00adb": `a\u00adb`, "ﬁ": `\ufb01`, "a\u2028": `a\u2028`, "\ue000": `\ue000`,
		"aمb": `a\u0645b`, "e\u0301": `e\u0301`, `\u0041`: `\u005cu0041`, "x\u00a0y": `x\u00a0y`, "": "",
	} {
		if got := Resource(nick); got != want {
			t.Errorf("%+q: got %q, want %q", nick, got, want)
		}
	}
}

// Everybody in a room has an address of his own, and is found by it.
func TestOddNicksAreFound(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.stanza(joinAlice)
	members := []transports.Member{{Person: &transports.Person{Nick: "alice"}}}
	odd := []string{"\u200b", "\ufeff", "ﬁ", "fi", "a\u00adb", "ab", "aمb", "e\u0301", "\u00e9", `\u200b`}
	for _, nick := range odd {
		members = append(members, transports.Member{Person: &transports.Person{Nick: nick}})
	}
	p.event(transports.Entered{Ref: 1, Room: goChannel, Nick: "alice", Members: members})
	seen := map[string]string{}
	for _, nick := range odd {
		res := Resource(nick)
		if other, twice := seen[res]; twice {
			t.Errorf("%+q and %+q have the same address %q", nick, other, res)
		}
		seen[res] = nick
		if person, ok := p.room.Occupant(res); !ok || person.Nick != nick {
			t.Errorf("%q leads to %+v, want %+q", res, person, nick)
		}
	}
	if _, ok := p.room.Occupant(`\u0041`); ok {
		t.Error("an escape that nobody has leads to somebody")
	}
}

func FuzzResource(f *testing.F) {
	for _, s := range []string{"bob", "\u200b", "aمb", "é", "ﬁ", "\\u0041", "\xff", " x ", "𝄞\u200d👍🏽"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, nick string) {
		if nick == "" || !utf8.ValidString(nick) || strings.ContainsRune(nick, utf8.RuneError) {
			return
		}
		res := Resource(nick)
		if res == "" || !norm.NFKC.IsNormalString(res) || strings.TrimSpace(res) != res {
			t.Errorf("%+q has the address %+q", nick, res)
		}
	})
}
