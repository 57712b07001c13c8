package muc

import "passerelle/transports"

// Modes are how a room is set up, as far as the network told.
type Modes struct {
	Known bool
	Set   transports.Mode
	Key   string
	Limit int
}

// maxRefresh is up to how many occupants are shown anew when the room becomes moderated or open: one line of the network would else
// make thousands of stanzas. In larger rooms only the user himself is told; others show it with their next presence.
const maxRefresh = 500

// shownModes are those that discovery tells of.
const shownModes = transports.ModeModerated | transports.ModeInviteOnly | transports.ModeKey | transports.ModeSecret | transports.ModePrivate

// Modes are how the room is set up.
func (r *Room) Modes() Modes { return r.modes }

// Password is what the room was entered with, or what the network said since.
func (r *Room) Password() string { return r.password }

// modesChanged follows how the room is set up.
func (r *Room) modesChanged(e transports.ModesChanged, out *Out) {
	before := r.modes
	r.modes.Set = r.modes.Set&^e.Unset | e.Set
	r.modes.Known = r.modes.Known || e.Set|e.Unset == ^transports.Mode(0)
	if e.Set.Has(transports.ModeLimit) {
		r.modes.Limit = e.Limit
	}
	if e.Set.Has(transports.ModeKey) && (e.Key != "" || !before.Set.Has(transports.ModeKey)) {
		r.modes.Key = e.Key
	}
	if !r.modes.Set.Has(transports.ModeKey) {
		r.modes.Key = ""
	}
	// A list of all modes may leave out what it hides.
	r.keepPassword(e.Unset.Has(transports.ModeKey) && e.Set|e.Unset != ^transports.Mode(0), out)
	if (before.Set^r.modes.Set)&shownModes == 0 {
		return
	}
	if (before.Set ^ r.modes.Set).Has(transports.ModeModerated) {
		r.showRoles(out)
	}
	for i := range r.clients {
		r.sendConfigured(&r.clients[i], out)
	}
}

// keepPassword remembers a new password, or that it was taken away, for whoever has to come back or is invited.
func (r *Room) keepPassword(taken bool, out *Out) {
	if r.modes.Key == r.password || r.modes.Key == "" && !taken {
		return
	}
	r.password = r.modes.Key
	r.recordStay(out)
	for i := range r.clients {
		if c := &r.clients[i]; c.in {
			out.Changes = append(out.Changes, Change{Room: r, Client: c.addr, In: true, Nick: r.nick, Password: r.password})
		}
	}
}

// showRoles shows those whose role hangs on the room being moderated.
func (r *Room) showRoles(out *Out) {
	all := r.occupants.count <= maxRefresh
	for i := range r.clients {
		c := &r.clients[i]
		for nick, o := range r.occupants.all() {
			if nick != r.nick && o.role == 0 && all {
				r.sendOccupant(c, nick, o, out)
			}
		}
		if r.occupants.get(r.nick).role == 0 {
			r.sendSelf(c, false, out)
		}
	}
}

// sendConfigured tells that the room is set up otherwise (XEP-0045 §10.2.1).
func (r *Room) sendConfigured(c *client, out *Out) {
	if !c.in {
		return
	}
	out.Stanzas.Start("message").JID("from", r.opt.Address).JID("to", c.addr).Attr("type", "groupchat").Attr("id", r.opt.NewID()).
		StartNS("x", NSUser).Start("status").Int("code", statusConfigured).End().End().
		End()
}

// privileges maps the ranks of a network to affiliation and role (XEP-0045 §5), as biboumi does; and without a rank nobody may speak in a
// moderated room.
func (r *Room) privileges(ranks transports.Role) (affiliation, role string) {
	switch {
	case ranks.Has(transports.RoleOwner) || ranks.Has(transports.RoleAdmin):
		return "owner", "moderator"
	case ranks.Has(transports.RoleOp):
		return "admin", "moderator"
	case ranks.Has(transports.RoleHalfOp):
		return "member", "moderator"
	case ranks.Has(transports.RoleVoice):
		return "member", "participant"
	case r.modes.Set.Has(transports.ModeModerated):
		return "none", "visitor"
	default:
		return "none", "participant"
	}
}
