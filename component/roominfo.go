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
	room := u.networks[e.target.Network].room(e.target.ID)
	if room == nil || !room.Has(in.from) || !room.Modes().Known {
		return nil
	}
	var out []string
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
	field := func(name, value string) {
		b.Start("field").Attr("var", "muc#roominfo"+name).Start("value").Text(value).End().End()
	}
	b.StartNS("x", nsForm).Attr("type", "result")
	b.Start("field").Attr("var", "FORM_TYPE").Attr("type", "hidden").Start("value").Text(nsRoomInfo).End().End()
	if a := u.g.avatars.of(e); a != nil { // XEP-0486 §3.3
		b.Start("field").Attr("var", "muc#roominfo_avatarhash").Attr("type", "text-multi").Start("value").Text(a.hash).End().End()
	}
	field("_description", fmt.Sprintf("%s on %s", e.target.ID, e.target.Network))
	if room := u.networks[e.target.Network].room(e.target.ID); room != nil && room.Has(in.from) {
		field("_subject", room.Subject())
		field("_occupants", strconv.Itoa(room.Count()))
		if m := room.Modes(); m.Known {
			b.Start("field").Attr("var", "muc#roominfo_subjectmod").Attr("type", "boolean").Start("value").
				Text(strconv.FormatBool(!m.Set.Has(transports.ModeSubjectLock))).End().End()
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
	if room := u.networks[e.target.Network].room(e.target.ID); node == nodeRoomUser && room != nil && room.Nick() != "" {
		b.Start("identity").Attr("category", "conference").Attr("type", "text").Attr("name", room.Nick()).End()
	}
	b.End().End()
	return true
}
