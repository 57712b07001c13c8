package component

import (
	"slices"
	"strings"
	"sync"

	"passerelle/component/muc"
	"passerelle/internal/text"
	"passerelle/transports"
)

// Access is who may use a gateway, each list of bare JIDs, domains, and "*.example.org" for what is below a domain, in the form in
// which servers deliver JIDs. An empty Allow lets everybody in. Administrators are always let in.
type Access struct {
	Allow, Deny []string
}

// Admits reports whether the lists let somebody in.
func (a Access) Admits(jid transports.Address) bool {
	return !matches(setOf(a.Deny), jid.Bare()) && (len(a.Allow) == 0 || matches(setOf(a.Allow), jid.Bare()))
}

// Admits reports whether somebody may use the gateway. Safe to call from any goroutine.
func (g *Gateway) Admits(jid transports.Address) bool { return g.access.admits(jid) }

// access answers who may use the gateway. Safe to call from any goroutine.
type access struct {
	mu                  sync.Mutex
	admins, allow, deny map[string]struct{}
	denied              map[string]struct{} // by administrators, see deny.go
}

func newAccess(rules *Rules) *access {
	a := &access{denied: make(map[string]struct{})}
	a.change(rules)
	return a
}

// change replaces the operator's lists.
func (a *access) change(rules *Rules) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.admins, a.allow, a.deny = setOf(rules.Admins), setOf(rules.Access.Allow), setOf(rules.Access.Deny)
}

func setOf(list []string) map[string]struct{} {
	m := make(map[string]struct{}, len(list))
	for _, s := range list {
		m[s] = struct{}{}
	}
	return m
}

// admits reports whether somebody may use the gateway.
func (a *access) admits(jid transports.Address) bool {
	jid = jid.Bare()
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, admin := a.admins[jid.String()]; admin {
		return true
	}
	_, denied := a.denied[jid.String()]
	return !denied && !matches(a.deny, jid) && (len(a.allow) == 0 || matches(a.allow, jid))
}

func (a *access) isAdmin(jid transports.Address) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, admin := a.admins[jid.Bare().String()]
	return admin
}

// setDenied notes that an administrator has denied somebody the gateway, or has taken that back.
func (a *access) setDenied(jid string, denied bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if denied {
		a.denied[jid] = struct{}{}
	} else {
		delete(a.denied, jid)
	}
}

// matches reports whether a set of JIDs, domains and what is below domains has somebody.
func matches(set map[string]struct{}, jid transports.Address) bool {
	if len(set) == 0 {
		return false
	}
	has := func(s string) bool { _, ok := set[s]; return ok }
	if has(jid.String()) || has(jid.Domain) {
		return true
	}
	for _, above, ok := strings.Cut(jid.Domain, "."); ok; _, above, ok = strings.Cut(above, ".") {
		if has("*." + above) {
			return true
		}
	}
	return false
}

// denial is what those are told who may not use the gateway, with whom to ask where the operator says so.
func (g *Gateway) denial(lang string) *transports.Error {
	said := text.Say(lang, "You may not use this gateway: its operator does not let you.")
	if len(g.rules().Contact) > 0 {
		said += " " + text.Say(lang, "If that is a mistake, ask: %s", g.rules().Contact[0])
	}
	return transports.NewError(transports.Denied, said, nil)
}

// looks are the namespaces of requests that anybody may make: they show what is here.
func looks() []string {
	return []string{nsDiscoInfo, nsDiscoItems, nsPing, nsVersion, nsTime, nsVCardTemp, nsVCard4, nsPubSub}
}

// shutOut reports whether a stanza is of somebody who may not use the gateway, and then answers it. He may look at what is here, leave
// it, and have deleted what is kept about him.
func (u *user) shutOut(in *inbound) bool {
	if !u.denied {
		return false
	}
	root := in.root()
	typ := root.Attr("type")
	switch root.Name {
	case "iq":
		if root.AttrIs("type", "set") {
			if root.Child(nsRegister, "query").Child(nsRegister, "remove") != nil { // XEP-0077 §3.2
				return false
			}
			break
		}
		if payload := root.Child("", ""); payload != nil && slices.Contains(looks(), payload.Space) {
			return false
		}
	case "presence":
		switch {
		case typ == "unavailable" || typ == "unsubscribe":
			return false
		case typ == "" && root.Child(muc.NS, "x") == nil, typ == "probe":
			// Servers send these by themselves to whatever is in somebody's contact list (RFC 6121 §4.2.2, §4.3): no complaints.
			return true
		}
	}
	u.refuse(in, u.g.denial(root.Attr("xml:lang")))
	return true
}
