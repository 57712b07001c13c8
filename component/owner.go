package component

import (
	"context"
	"slices"
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

// ownerRequest is a request of somebody about the configuration of a room.
type ownerRequest struct {
	u    *user
	r    reply
	lang string
	on   transports.Target
	set  map[string]string // what the user has set for himself there
}

// roomOwner takes the configuration of a room (XEP-0045 §10.2): how the network has it set up, for who is in, and what the user has set for
// himself, as in biboumi, whether he is in or not. Everybody in it may see how it is set up, as on the network; who may change it is what
// the network says.
func (u *user) roomOwner(in *inbound, e entity) {
	root := in.root()
	query := root.Child(muc.NSOwner, "query")
	form := query.Child(nsForm, "x")
	q := &ownerRequest{u: u, r: reply{from: in.from, to: in.to, id: root.Attr("id")}, lang: root.Attr("xml:lang"), on: e.target}
	switch {
	case q.room() == nil && !u.g.configurable():
		u.refuse(in, transports.NewError(transports.NotJoined, "You are not in this room. Join it first.", nil))
	case query.Child(muc.NSOwner, "destroy") != nil: // XEP-0045 §10.9
		u.out.Stanzas.Start("iq").JID("from", in.to).JID("to", in.from).Attr("type", "error").Attr("id", q.r.id).
			RawError("cancel", "not-allowed", text.Say(q.lang, "A room of the network cannot be destroyed: it ends when the last one leaves it.")).
			End()
	case root.AttrIs("type", "get"):
		q.load(q.show)
	case form == nil:
		u.refuse(in, transports.NewError(transports.BadRequest, "The request has no form.", nil))
	case form.AttrIs("type", "cancel"):
		q.answer(nil)
	default:
		submitted, err := readForm(form)
		if err != nil {
			u.refuse(in, err)
			return
		}
		q.load(func() { q.take(submitted) })
	}
}

// room is the room, nil unless the client is in.
func (q *ownerRequest) room() *muc.Room {
	if room := q.u.networks.of(q.on.Network).room(q.on.ID); room != nil && room.Has(q.r.from) {
		return room
	}
	return nil
}

func (q *ownerRequest) answer(err *transports.Error) { q.u.answerIQ(q.r.from, q.r.to, q.r.id, err) }

// load reads what the user has set for himself.
func (q *ownerRequest) load(then func()) {
	u := q.u
	if !u.g.configurable() {
		then()
		return
	}
	u.background(func(ctx context.Context) func() {
		set, err := u.g.settings(ctx, u.jid, q.on)
		return func() {
			if err != nil {
				q.answer(u.sayError(err))
				return
			}
			q.set = set
			then()
		}
	})
}

// form is the form as things are.
func (q *ownerRequest) form() *transports.Form {
	f := &transports.Form{Title: q.on.ID}
	if room := q.room(); room != nil {
		f = roomForm(q.on.ID, room.Modes())
	}
	if q.u.g.configurable() {
		f.Fields = append(f.Fields, q.u.g.settingFields(q.on, q.set)...)
	}
	return f
}

// show answers with the form. Who is in is shown what the network says now.
func (q *ownerRequest) show() {
	show := func(_ transports.Event, err *transports.Error) {
		if err != nil {
			q.answer(err)
			return
		}
		b := q.u.out.Stanzas.Start("iq").JID("from", q.r.to).JID("to", q.r.from).Attr("type", "result").Attr("id", q.r.id).StartNS("query", muc.NSOwner)
		appendForm(b, q.lang, nsRoomConfig, q.form())
		b.End().End()
	}
	if q.room() == nil {
		show(nil, nil)
		return
	}
	q.u.networks.of(q.on.Network).ask(func(ref transports.Ref) transports.Request { return transports.Inspect{Ref: ref, Room: q.on} }, show)
}

// take does what was submitted: first what the network may refuse.
func (q *ownerRequest) take(submitted transports.Values) {
	room := q.room()
	values, faults := checkForm(q.lang, q.form(), submitted)
	var changes []settingChange
	if len(faults) == 0 && q.u.g.configurable() {
		changes, faults = q.u.g.settingChanges(q.lang, q.on, q.set, values)
	}
	var configure transports.Configure
	err := faults.AsError()
	switch {
	case err != nil:
	case room != nil:
		configure, err = configuration(room.Modes(), values)
	case slices.ContainsFunc(roomForm("", muc.Modes{}).Fields, func(f transports.Field) bool { return submitted[f.Name] != nil }):
		err = transports.NewError(transports.NotJoined, "You are not in this room. Join it first.", nil)
	}
	save := func(_ transports.Event, err *transports.Error) {
		if err != nil || len(changes) == 0 {
			q.answer(err)
			return
		}
		q.u.saveSettings(q.on, changes, func(err error) {
			if err != nil {
				q.answer(q.u.sayError(err))
				return
			}
			q.answer(nil)
		})
	}
	if err != nil || configure == (transports.Configure{}) { // of the network nothing changes
		save(nil, err)
		return
	}
	q.u.networks.of(q.on.Network).ask(func(ref transports.Ref) transports.Request {
		configure.Ref, configure.Room = ref, q.on
		return configure
	}, save)
}

// roomForm is the form of a room as it is set up.
func roomForm(name string, m muc.Modes) *transports.Form {
	f := &transports.Form{
		Title:        name,
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
