package component

import (
	"strconv"

	"passerelle/component/muc"
	"passerelle/internal/text"
	"passerelle/transports"
)

// nsRoomConfig is the FORM_TYPE of the form of a room (XEP-0045 §15.5.3).
const nsRoomConfig = muc.NS + "#roomconfig"

// roomFlags are the fields of the form that are yes or no, with the mode that each stands for.
var roomFlags = []roomFlag{
	{mode: transports.ModeModerated, field: transports.Field{Name: "muc#roomconfig_moderatedroom", Label: "Only people with a rank may speak"}},
	{mode: transports.ModeInviteOnly, field: transports.Field{Name: "muc#roomconfig_membersonly", Label: "Only invited people may enter"}},
	{mode: transports.ModeSubjectLock, not: true, field: transports.Field{Name: "muc#roomconfig_changesubject", Label: "Everybody may change the subject"}},
	{mode: transports.ModeSecret | transports.ModePrivate, not: true, field: transports.Field{Name: "muc#roomconfig_publicroom", Label: "The room is listed"}},
	{mode: transports.ModeNoOutside, not: true, field: transports.Field{Name: "{passerelle}roomconfig_outside", Label: "People outside of the room may write to it"}},
	{mode: transports.ModeKey, field: transports.Field{Name: "muc#roomconfig_passwordprotectedroom", Label: "A password is needed to enter"}},
}

type roomFlag struct {
	mode  transports.Mode
	not   bool // the field says the contrary of the mode
	field transports.Field
}

// Fields that hold something else.
const (
	fieldSecret   = "muc#roomconfig_roomsecret"
	fieldMaxUsers = "muc#roomconfig_maxusers"
)

// roomOwner takes the configuration of a room (XEP-0045 §10.2). Everybody in it may see how it is set up, as on the network; who may
// change it is what the network says.
func (u *user) roomOwner(in *inbound, e entity) {
	root := in.root()
	lang := root.Attr("xml:lang")
	n := u.networks[e.target.Network]
	room := n.room(e.target.ID)
	query := root.Child(muc.NSOwner, "query")
	form := query.Child(nsForm, "x")
	r := reply{from: in.from, to: in.to, id: root.Attr("id")}
	switch {
	case room == nil || !room.Has(in.from):
		u.refuse(in, transports.NewError(transports.NotJoined, "You are not in this room. Join it first.", nil))
	case query.Child(muc.NSOwner, "destroy") != nil: // XEP-0045 §10.9
		u.out.Stanzas.Start("iq").JID("from", in.to).JID("to", in.from).Attr("type", "error").Attr("id", r.id).
			RawError("cancel", "not-allowed", text.Say(lang, "A room of the network cannot be destroyed: it ends when the last one leaves it.")).
			End()
	case root.AttrIs("type", "get"):
		n.ask(func(ref transports.Ref) transports.Request {
			return transports.Inspect{Ref: ref, Room: room.Target()}
		}, func(_ transports.Event, err *transports.Error) {
			if err != nil {
				u.answerIQ(r.from, r.to, r.id, err)
				return
			}
			b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id).StartNS("query", muc.NSOwner)
			appendForm(b, lang, nsRoomConfig, roomForm(room))
			b.End().End()
		})
	case form == nil:
		u.refuse(in, transports.NewError(transports.BadRequest, "The request has no form.", nil))
	case form.AttrIs("type", "cancel"):
		u.answerIQ(r.from, r.to, r.id, nil)
	default:
		submitted, err := readForm(form)
		if err == nil {
			var faults transports.Faults
			submitted, faults = checkForm(lang, roomForm(room), submitted)
			err = faults.AsError()
		}
		var q transports.Configure
		if err == nil {
			q, err = configuration(room.Modes(), submitted)
		}
		switch {
		case err != nil:
			u.refuse(in, err)
		case q == transports.Configure{}: // nothing changes
			u.answerIQ(r.from, r.to, r.id, nil)
		default:
			n.ask(func(ref transports.Ref) transports.Request {
				q.Ref, q.Room = ref, room.Target()
				return q
			}, func(_ transports.Event, err *transports.Error) { u.answerIQ(r.from, r.to, r.id, err) })
		}
	}
}

// roomForm is the form of a room as it is set up.
func roomForm(room *muc.Room) *transports.Form {
	m := room.Modes()
	f := &transports.Form{
		Title:        room.Target().ID,
		Instructions: "Only operators of the room can change this.",
	}
	for _, flag := range roomFlags {
		field := flag.field
		field.Type, field.Values = transports.FieldBool, []string{strconv.FormatBool(m.Set.Has(flag.mode) != flag.not)}
		f.Fields = append(f.Fields, field)
	}
	limit := ""
	if m.Set.Has(transports.ModeLimit) {
		limit = strconv.Itoa(m.Limit)
	}
	f.Fields = append(f.Fields,
		transports.Field{Name: fieldSecret, Label: "The password; empty leaves it as it is", Type: transports.FieldSecret},
		transports.Field{Name: fieldMaxUsers, Label: "How many people may be in; empty for any number", Type: transports.FieldText, Values: []string{limit}},
	)
	return f
}

// configuration is what a filled-in form changes.
func configuration(m muc.Modes, v transports.Values) (transports.Configure, *transports.Error) {
	var q transports.Configure
	for _, flag := range roomFlags {
		want := v.Bool(flag.field.Name) != flag.not
		switch has := m.Set.Has(flag.mode); {
		case want && !has && flag.mode.Has(transports.ModeSecret):
			q.Set |= transports.ModeSecret // either hides it, and a network knows one of them at a time
		case want && !has:
			q.Set |= flag.mode
		case !want && has:
			q.Unset |= flag.mode & m.Set
		}
	}
	secret := v.Get(fieldSecret)
	switch {
	case q.Unset.Has(transports.ModeKey):
		q.Key = m.Key
	case q.Set.Has(transports.ModeKey) && secret == "":
		return q, transports.NewError(transports.BadRequest, "A password has to be given.", nil)
	case v.Bool("muc#roomconfig_passwordprotectedroom") && secret != "" && secret != m.Key:
		q.Set |= transports.ModeKey
		q.Key = secret
	}
	limit, err := 0, error(nil)
	if s := v.Get(fieldMaxUsers); s != "" && s != "none" && s != "0" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 0 {
			return q, transports.NewError(transports.BadRequest, "How many people may be in is a number.", err)
		}
	}
	switch has := m.Set.Has(transports.ModeLimit); {
	case limit > 0 && (!has || limit != m.Limit):
		q.Set |= transports.ModeLimit
		q.Limit = limit
	case limit == 0 && has:
		q.Unset |= transports.ModeLimit
	}
	return q, nil
}
