package component

import (
	"passerelle/component/avatar"
	"passerelle/transports"
)

// Rules are the options that may change while the gateway runs, see Reload.
type Rules struct {
	Admins   []string // bare JIDs of the operator's administrators
	Access   Access
	Limits   Limits
	AlwaysOn AlwaysOn
	// PasteLines is how many lines a message may have on a network before it is uploaded and only its link is said; 0 for any number.
	PasteLines int
	// MissedLines is how many messages of a room a network is asked for that were said while a user was not there; 0 for none.
	MissedLines int
	// ArchiveDays is for how many days the archive is kept; 0 for ever.
	ArchiveDays int
	// ArchiveDaily is how much of what one user's networks say is kept in a day, in bytes; 0 for all of it.
	ArchiveDaily int
	// OwnDomains are of the operator's XMPP server, trusted to name addresses of uploads that are not public.
	OwnDomains []string
	// Avatar is the picture of the domain and its bot, one of our own where it is empty; NetworkAvatars are those of networks and
	// their rooms, by the network's ID.
	Avatar         avatar.Image
	NetworkAvatars map[string]avatar.Image
	// NoPictures says that pictures which people and networks name are not fetched.
	NoPictures bool
	// Contact are URIs of whom to ask about this gateway, such as "mailto:admin@example.org".
	Contact []string
}

// ruleset are the rules of the moment and what follows from them. It is not changed but replaced.
type ruleset struct {
	Rules
	about   transports.Description
	avatars avatars
	caps    *capsTable
}

func (g *Gateway) newRuleset(rules Rules) *ruleset {
	rules.Limits.setDefaults()
	rules.AlwaysOn.setDefaults()
	r := &ruleset{Rules: rules, about: g.opt.Transport.Describe(), avatars: newAvatars(&rules)}
	r.caps = newCaps(g, r)
	return r
}

// rules are those of the moment.
func (g *Gateway) rules() *ruleset { return g.current.Load() }

// about is what the transport says of itself at the moment.
func (g *Gateway) about() *transports.Description { return &g.rules().about }

// Reload replaces the rules, and takes what the transport says of itself anew. Who may not use the gateway any more is taken out of it
// and told so, and users stay in rooms where they may by now; limits are for what comes. Safe to call from any goroutine; it waits for
// nobody.
func (g *Gateway) Reload(rules Rules) {
	g.access.change(&rules)
	before, now := g.rules(), g.newRuleset(rules)
	g.current.Store(now)
	for _, u := range g.everybody() {
		u.post(u.review)
	}
	if before.looks(now) {
		return
	}
	select {
	case g.changed <- struct{}{}:
	default: // it is told already
	}
}

// looks reports whether two sets of rules show the same in presences.
func (r *ruleset) looks(other *ruleset) bool {
	for i := range r.caps {
		if r.caps[i].version != other.caps[i].version {
			return false
		}
	}
	return r.avatars.equal(&other.avatars)
}

// review takes the user out of everything where he may not use the gateway any more, and has him stay where he may.
func (u *user) review() {
	u.denied = !u.g.access.admits(u.jid)
	if u.denied {
		u.leaveEverything(u.g.denial("").Text)
		return
	}
	u.resettle()
}
