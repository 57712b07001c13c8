package component

import (
	"crypto/sha1" //nolint:gosec // XEP-0115 §5.1 names the hash; nothing secret depends on it
	"encoding/base64"
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

// identities are those of the domain, the bot, and what else there is for everybody alike.
func (g *Gateway) identities(k entityKind) []identity {
	switch k {
	case entityGateway:
		ids := []identity{{"gateway", g.about.Kind, g.about.Name}}
		if g.about.Rooms {
			ids = append(ids, identity{"conference", g.about.Kind, g.about.Name})
		}
		return ids
	case entityBot:
		return []identity{{"client", "bot", g.about.Name + " help"}}
	}
	return nil
}

// features are what an entity answers and supports.
func (g *Gateway) features(k entityKind) []string {
	var out []string
	for i := range g.services {
		if s := &g.services[i]; g.serves(s, k) {
			out = append(out, s.feature)
		}
	}
	return out
}

// capsVersion is the verification string of XEP-0115 §5.1.
func capsVersion(ids []identity, features []string) string {
	var lines []string
	for _, id := range ids {
		lines = append(lines, id.category+"/"+id.typ+"//"+id.name+"<")
	}
	slices.Sort(lines)
	features = slices.Clone(features)
	slices.Sort(features)
	s := strings.Join(lines, "")
	for _, f := range features {
		s += f + "<"
	}
	sum := sha1.Sum([]byte(s)) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// appendCaps adds to a presence what its sender can do (XEP-0115 §4).
func (g *Gateway) appendCaps(b *stanza.Builder, k entityKind) {
	b.StartNS("c", nsCaps).Attr("hash", "sha-1").Attr("node", capsNode).Attr("ver", capsVersion(g.identities(k), g.features(k))).End()
}

// isCaps reports whether a disco node is the one that an entity's presence names (XEP-0115 §6.2).
func (g *Gateway) isCaps(node string, k entityKind) bool {
	ver, ok := strings.CutPrefix(node, capsNode+"#")
	return ok && ver == capsVersion(g.identities(k), g.features(k))
}
