package component

import (
	"fmt"
	"strconv"

	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// Nodes of a room.
const (
	nodeTraffic  = "http://jabber.org/protocol/muc#traffic" // XEP-0045 §6.6 of old
	nodeRoomUser = "x-roomuser-item"                        // XEP-0045 §7.12
	nsRoomInfo   = muc.NS + "#roominfo"
)

// modeFeatures are what a mode of a room is called where it is set and where it is not (XEP-0045 §15.3).
var modeFeatures = []struct {
	mode    transports.Mode
	set, un string
}{
	{transports.ModeSecret | transports.ModePrivate, "muc_hidden", "muc_public"},
	{transports.ModeInviteOnly, "muc_membersonly", "muc_open"},
	{transports.ModeModerated, "muc_moderated", "muc_unmoderated"},
	{transports.ModeKey, "muc_passwordprotected", "muc_unsecured"},
}

// roomFeatures are those that hang on how a room is set up. Who is not in it cannot know that, and neither can the gateway.
func (u *user) roomFeatures(in *inbound, e entity) []string {
	room := u.networks.of(e.target.Network).room(e.target.ID)
	if room == nil || !room.Has(in.from) {
		return nil
	}
	var out []string
	if room.Moderates() {
		out = append(out, nsModerate)
	}
	if !room.Modes().Known {
		return out
	}
	for _, f := range modeFeatures {
		if room.Modes().Set.Has(f.mode) {
			out = append(out, f.set)
		} else {
			out = append(out, f.un)
		}
	}
	return out
}

// appendRoomInfo adds what is known of a room (XEP-0045 §6.4, XEP-0128).
func (u *user) appendRoomInfo(b *stanza.Builder, in *inbound, e entity) {
	// Each field has a type: some clients fail at those without.
	field := func(name, kind, value string) {
		b.Start("field").Attr("var", name).Attr("type", kind).Start("value").Text(value).End().End()
	}
	b.StartNS("x", nsForm).Attr("type", "result")
	field("FORM_TYPE", "hidden", nsRoomInfo)
	if a := u.avatarOf(e, ""); a != nil { // XEP-0486 §3.3
		field("muc#roominfo_avatarhash", "text-multi", a.Hash())
	}
	field("muc#roominfo_description", "text-single", fmt.Sprintf("%s on %s", e.target.ID, e.target.Network))
	field("muc#maxhistoryfetch", "text-single", strconv.Itoa(muc.KeepHistory))
	if room := u.networks.of(e.target.Network).room(e.target.ID); room != nil && room.Has(in.from) {
		field("muc#roominfo_subject", "text-single", room.Subject())
		field("muc#roominfo_occupants", "text-single", strconv.Itoa(room.Count()))
		if m := room.Modes(); m.Known {
			free := "1" // Conversations knows no other yes
			if m.Set.Has(transports.ModeSubjectLock) {
				free = "0"
			}
			field("muc#roominfo_subjectmod", "boolean", free)
			field("muc#roominfo_changesubject", "boolean", free) // what most clients read
		}
	}
	b.End()
}

// roomNode answers for the nodes of a room, and reports whether it is one.
func (u *user) roomNode(in *inbound, e entity, node string) bool {
	if e.kind != entityRoom || node != nodeTraffic && node != nodeRoomUser {
		return false
	}
	b := u.result(in).StartNS("query", nsDiscoInfo).Attr("node", node)
	// What passes besides text is said in words and has no namespace on the network.
	if room := u.networks.of(e.target.Network).room(e.target.ID); node == nodeRoomUser && room != nil && room.Nick() != "" {
		b.Start("identity").Attr("category", "conference").Attr("type", "text").Attr("name", room.Nick()).End()
	}
	b.End().End()
	return true
}
