package component

import (
	"crypto/sha1" //nolint:gosec // XEP-0115 §5.1 names the hash; nothing secret depends on it
	"encoding/base64"
	"math/bits"
	"slices"
	"strings"

	"passerelle/component/stanza"
	"passerelle/component/xep"
)

const (
	nsCaps = "http://jabber.org/protocol/caps"
	// capsNode names the software (XEP-0115 §4).
	capsNode = xep.Homepage + "caps"
)

// identity is what an entity calls itself (XEP-0030 §3.1). Each has a name: some clients fail at gateways without.
type identity struct{ category, typ, name string }

// identities are those of what is there for everybody alike: names are of the kind, not of the one who was asked.
func (r *ruleset) identities(k entityKind) []identity {
	switch k.first() {
	case entityBot:
		return []identity{{"client", "bot", r.about.Name + " help"}}
	case entityGateway, entityNetwork:
		ids := []identity{{"gateway", r.about.Kind, r.about.Name}}
		if r.about.Rooms { // XEP-0045 §6.1: clients look there for rooms
			ids = append(ids, identity{"conference", r.about.Kind, r.about.Name})
		}
		return ids
	case entityContact:
		// XEP-0163 §6.1: a person who has nodes of his own is an account.
		return []identity{{"account", "registered", r.about.Name}, {"client", r.about.Kind, r.about.Name}, {"pubsub", "pep", r.about.Name}}
	}
	return nil
}

// features are what an entity answers and supports.
func (g *Gateway) features(k entityKind) []string {
	var out []string
	for i := range g.services {
		if s := &g.services[i]; g.serves(s, k) && !slices.Contains(out, s.feature) {
			out = append(out, s.feature)
		}
	}
	return out
}

// infoForm is a form of service discovery (XEP-0128).
type infoForm struct {
	typ    string
	fields []infoField
}

type infoField struct {
	name   string
	values []string
}

// forms are those of what is there for everybody alike.
func (r *ruleset) forms(k entityKind) []infoForm {
	if k&entityGateway == 0 || len(r.Contact) == 0 {
		return nil
	}
	// XEP-0157 §2: whom to ask about this service.
	f := infoForm{typ: "http://jabber.org/network/serverinfo"}
	for _, name := range []string{"abuse-addresses", "admin-addresses", "support-addresses"} {
		f.fields = append(f.fields, infoField{name, r.Contact})
	}
	return []infoForm{f}
}

func (f *infoForm) append(b *stanza.Builder) {
	b.StartNS("x", nsForm).Attr("type", "result")
	b.Start("field").Attr("var", "FORM_TYPE").Attr("type", "hidden").Start("value").Text(f.typ).End().End()
	for _, field := range f.fields {
		b.Start("field").Attr("var", field.name).Attr("type", "list-multi")
		for _, v := range field.values {
			b.Start("value").Text(v).End()
		}
		b.End()
	}
	b.End()
}

// capsKinds is how many kinds of entities there are.
const capsKinds = 8

// capsTable has what each kind of entity says of itself, ready to be sent: clients ask for it by the thousands.
type capsTable [capsKinds]struct {
	version  string // XEP-0115 §5.1
	presence []byte // the element in presences
	features []byte // of disco#info, with the forms
}

// newCaps makes the table for a set of rules.
func newCaps(g *Gateway, r *ruleset) *capsTable {
	var t capsTable
	for i := range t {
		k := entityKind(1 << i)
		if k == entityGateway && r.about.Fixed != "" {
			k |= entityNetwork
		}
		t[i].version = capsVersion(r.identities(k), g.features(k), r.forms(k))
		var b stanza.Builder
		b.StartNS("c", nsCaps).Attr("hash", "sha-1").Attr("node", capsNode).Attr("ver", t[i].version).End()
		t[i].presence = slices.Clone(b.Bytes())
		b.Reset()
		for _, f := range g.features(k) {
			b.Start("feature").Attr("var", f).End()
		}
		for _, f := range r.forms(k) {
			f.append(&b)
		}
		t[i].features = slices.Clone(b.Bytes())
	}
	return &t
}

// kindIndex is the place of a kind in the table.
func kindIndex(k entityKind) int { return bits.TrailingZeros8(uint8(k)) % capsKinds }

// capsVersion is the verification string of XEP-0115 §5.1.
func capsVersion(ids []identity, features []string, forms []infoForm) string {
	var lines []string
	for _, id := range ids {
		lines = append(lines, id.category+"/"+id.typ+"//"+id.name+"<")
	}
	slices.Sort(lines)
	features = slices.Clone(features)
	slices.Sort(features)
	for _, f := range features {
		lines = append(lines, f+"<")
	}
	for _, f := range forms { // there is one at most, and its fields stand in order
		lines = append(lines, f.typ+"<")
		for _, field := range f.fields {
			lines = append(lines, field.name+"<")
			values := slices.Clone(field.values)
			slices.Sort(values)
			for _, v := range values {
				lines = append(lines, v+"<")
			}
		}
	}
	sum := sha1.Sum([]byte(strings.Join(lines, ""))) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// appendCaps adds to a presence what its sender can do (XEP-0115 §4).
func (g *Gateway) appendCaps(b *stanza.Builder, k entityKind) {
	b.Raw(g.rules().caps[kindIndex(k)].presence)
}

// isCaps reports whether a disco node is the one that an entity's presence names (XEP-0115 §6.2).
func (g *Gateway) isCaps(node string, k entityKind) bool {
	ver, ok := strings.CutPrefix(node, capsNode+"#")
	return ok && ver == g.rules().caps[kindIndex(k)].version
}
