package component

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// What is kept belongs to who may read it: each user forgets what he likes of it, and an administrator a room as a whole. What was
// forgotten does not come back: not from the queue of the archiver, nor because a session hears late what others heard before, nor from
// a network or a bouncer that plays again what was said.

// forgottenName is the setting that says until when everything is forgotten, in Unix milliseconds.
const forgottenName = "forgotten"

// forgottenFor is how long that is remembered: nobody plays again what is older, and where somebody was is to be forgotten some day as well.
const forgottenFor = 90 * 24 * time.Hour

// archiveScopeOf is where it is kept what a user set for the archive of a room or of a contact; archiveScope is for all of them.
func archiveScopeOf(local string) string {
	if local == "" {
		return archiveScope
	}
	return archiveScope + ":" + local
}

// playedAgain is how late something must arrive to be taken for what a network plays again. Its clock may be as wrong as that.
const playedAgain = 10 * time.Second

// forgot reports whether what was said at a local part at a time, of which the network says when it was, is forgotten already, or older than
// the user wants anything to be.
func (u *user) forgot(local string, at time.Time) bool {
	r := u.relations
	if r == nil || len(r.forgotten) == 0 && len(r.numbers) == 0 || now().Sub(at) <= playedAgain {
		return false
	}
	on, _ := u.g.opt.Transport.Parse(local)
	return at.Before(r.forgotten[archiveScope]) || at.Before(r.forgotten[archiveScopeOf(local)]) || at.Before(u.archivedSince(on))
}

// readForgotten reads until when what is forgotten, by scope; nil for nothing.
func readForgotten(set map[string]string) map[string]time.Time {
	if len(set) == 0 {
		return nil
	}
	forgotten := make(map[string]time.Time, len(set))
	for scope, value := range set {
		if ms, err := strconv.ParseInt(value, 10, 64); err == nil {
			forgotten[scope] = time.UnixMilli(ms)
		}
	}
	return forgotten
}

// forget forgets what is remembered beside the archive of what was said at a local part, everywhere where that is empty, and before a
// time, whenever where that is zero. It returns what hears there.
func (u *user) forget(local string, before, until time.Time) (hearers []*hearer) {
	u.forgets++
	if r := u.relations; r != nil && r.forgotten[archiveScopeOf(local)].Before(until) {
		if r.forgotten == nil {
			r.forgotten = make(map[string]time.Time)
		}
		r.forgotten[archiveScopeOf(local)] = until
	}
	of, err := u.g.opt.Transport.Parse(local)
	for _, n := range u.networks {
		for _, room := range n.rooms {
			if local != "" && u.g.address(room.Target()).Local != local {
				continue
			}
			room.Forget(before)
			if h, ok := room.Archive().(*hearer); ok {
				hearers = append(hearers, h)
			}
		}
		if local == "" || err == nil && of.Kind == transports.TargetContact && of.Network == n.id {
			n.talk = nil // whose it is it does not say
		}
	}
	return hearers
}

// forgetPart deletes a part of what is kept for a user, and returns how many lines that were. It may wait for the database.
func (g *Gateway) forgetPart(ctx context.Context, jid transports.Address, p store.Part) (n int64, more bool, err error) {
	done, err := g.writing(ctx, jid)
	if err != nil {
		return 0, false, err
	}
	defer done()
	id, local := g.userID(jid), p.Room+p.With
	until := p.Before
	if until.IsZero() {
		until = now()
	}
	var hearers []*hearer
	if !g.on(ctx, jid, func(u *user) { hearers = u.forget(local, p.Before, until) }) {
		return 0, false, transports.NewError(transports.Busy, stoppingText, context.Cause(ctx))
	}
	if !p.Before.IsZero() {
		hearers = nil // what they hear is younger
	}
	if g.archive != nil {
		if err := g.archive.cut(ctx, id, hearers); err != nil {
			return 0, false, err
		}
	}
	if n, more, err = g.opt.Store.CountPart(ctx, id, p); err != nil || n == 0 {
		return 0, false, err
	}
	scope := archiveScopeOf(local)
	set, err := g.opt.Store.Settings(ctx, id, scope)
	if err != nil {
		return 0, false, err
	}
	if readForgotten(map[string]string{scope: set[forgottenName]})[scope].Before(until) {
		value := strconv.FormatInt(until.UnixMilli(), 10)
		if err := g.opt.Store.Write(ctx, func(tx *store.Tx) error { return tx.Set(id, scope, forgottenName, value) }); err != nil {
			return 0, false, err
		}
	}
	if err := g.opt.Store.Forget(ctx, id, p); err != nil {
		return 0, false, err
	}
	g.opt.Tidy()
	return n, more, nil
}

// forgetCommand is "forget".
func (g *Gateway) forgetCommand() transports.Command {
	return transports.Command{
		Name: "forget", Title: "Forget messages",
		For:  []transports.TargetKind{transports.TargetDomain, transports.TargetContact, transports.TargetRoom},
		Next: g.forgetForm, Run: g.forgetRun,
	}
}

// Fields of the form, beside the question whether it is meant.
const (
	fieldWhat   = "what"
	fieldBefore = "before"
	dayForm     = "2006-01-02"
)

func (g *Gateway) forgetForm(ctx context.Context, call transports.Call) (*transports.Form, error) {
	if g.opt.Store == nil {
		return nil, errNoStore(call.Lang)
	}
	if call.Values == nil {
		f := &transports.Form{Title: "Forget messages", More: true}
		if call.On.Kind == transports.TargetDomain {
			f.Fields = append(f.Fields, transports.Field{Name: fieldWhat, Label: "Room or person; empty for everything"})
		}
		f.Fields = append(f.Fields, transports.Field{Name: fieldBefore, Label: "Only what was said before this day, such as 2026-11-20"})
		return f, nil
	}
	if _, asked := call.Values[sure]; asked {
		return nil, nil
	}
	p, err := g.readPart(call)
	if err != nil {
		return nil, err
	}
	if g.archive != nil {
		if err := g.syncArchive(ctx, g.userID(call.User)); err != nil {
			return nil, archiveError(err)
		}
	}
	n, more, err := g.opt.Store.CountPart(ctx, g.userID(call.User), p)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		field := fieldBefore
		if call.On.Kind == transports.TargetDomain {
			field = fieldWhat
		}
		return nil, nothingKept(call.Lang, field)
	}
	return &transports.Form{Title: "Forget messages", Instructions: sayPart(call.Lang, p, n, more), Fields: []transports.Field{sureField()}}, nil
}

// nothingKept says so at a field.
func nothingKept(lang, field string) error {
	return transports.Faults{{Field: field, Text: text.Say(lang, "Nothing of that is kept.")}}.AsError()
}

// readPart reads which part of what is kept a user names.
func (g *Gateway) readPart(call transports.Call) (store.Part, error) {
	var p store.Part
	var faults transports.Faults
	on := call.On
	if word := strings.TrimSpace(call.Values.Get(fieldWhat)); word != "" {
		on, _ = g.target(word)
		if on.Kind != transports.TargetRoom && on.Kind != transports.TargetContact {
			faults = append(faults, transports.Fault{Field: fieldWhat, Text: text.Say(call.Lang,
				"This is neither a room nor a person: write, for instance, %s or %s.", g.exampleName(transports.TargetRoom, "#channel"), g.exampleName(transports.TargetContact, "nick"))})
		}
	}
	switch on.Kind {
	case transports.TargetRoom:
		p.Room = g.address(on).Local
	case transports.TargetContact:
		p.With = g.address(on).Local
	}
	if day := strings.TrimSpace(call.Values.Get(fieldBefore)); day != "" {
		var err error
		if p.Before, err = time.Parse(dayForm, day); err != nil {
			faults = append(faults, transports.Fault{Field: fieldBefore, Text: text.Say(call.Lang, "Write a day like 2026-11-20.")})
		}
	}
	if len(faults) > 0 {
		return p, faults.AsError()
	}
	return p, nil
}

// sayPart says what would be forgotten.
func sayPart(lang string, p store.Part, n int64, more bool) string {
	count, day := sayCount(lang, n, more), p.Before.Format(dayForm)
	said := ""
	switch {
	case p.With != "" && p.Before.IsZero():
		return text.Say(lang, "What you and %s wrote each other is deleted for good (messages: %s).", p.With, count)
	case p.With != "":
		return text.Say(lang, "What you and %s wrote each other before %s is deleted for good (messages: %s).", p.With, day, count)
	case p.Room != "" && p.Before.IsZero():
		said = text.Say(lang, "What is kept for you of %s is deleted for good (messages: %s).", p.Room, count)
	case p.Room != "":
		said = text.Say(lang, "What is kept for you of %s from before %s is deleted for good (messages: %s).", p.Room, day, count)
	case p.Before.IsZero():
		said = text.Say(lang, "All messages that are kept for you, of rooms and private ones, are deleted for good (messages: %s).", count)
	default:
		said = text.Say(lang, "All messages from before %s that are kept for you, of rooms and private ones, are deleted for good (messages: %s).", day, count)
	}
	return said + " " + text.Say(lang, "Others who use this gateway keep what they heard.")
}

// sayCount writes a number of messages.
func sayCount(lang string, n int64, more bool) string {
	if more {
		return text.Say(lang, "more than %d", n)
	}
	return strconv.FormatInt(n, 10)
}

func (g *Gateway) forgetRun(ctx context.Context, call transports.Call) (string, error) {
	if g.opt.Store == nil {
		return "", errNoStore(call.Lang)
	}
	if !call.Values.Bool(sure) {
		return text.Say(call.Lang, "Left as it is."), nil
	}
	p, err := g.readPart(call)
	if err != nil {
		return "", err
	}
	n, more, err := g.forgetPart(ctx, call.User, p)
	if errors.Is(err, context.DeadlineExceeded) && g.forgetOn(ctx, call, p) {
		return text.Say(call.Lang, "That is much. It goes on by itself, and you are told when all of it is forgotten."), nil
	}
	if err != nil {
		return "", forgetError(err)
	}
	return text.Say(call.Lang, "Forgotten (messages: %s). You cannot read them here any more, and what nobody else heard is erased within two hours.", sayCount(call.Lang, n, more)), nil
}

// forgetOn goes on with a part that takes longer than a command may, and tells the user when it is done. It reports whether it could begin.
func (g *Gateway) forgetOn(ctx context.Context, call transports.Call, p store.Part) bool {
	if call.Tell == nil {
		return false
	}
	ctx, done, err := g.forgets.begin(context.WithoutCancel(ctx), call.User.Bare())
	if err != nil {
		return false
	}
	g.working.add()
	go func() {
		defer g.working.done()
		defer done()
		if _, _, err := g.forgetPart(ctx, call.User, p); err != nil {
			g.log.Error("what a user wants to be forgotten is not all forgotten", g.opt.Identity(call.User.String()), "error", err)
			call.Tell(text.Say(call.Lang, "Not all of it could be forgotten. Run the command once more."))
			return
		}
		call.Tell(text.Say(call.Lang, "All of it is forgotten now."))
	}()
	return true
}

func forgetError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return transports.NewError(transports.Busy, "That took too long: only a part of it was deleted. Run the command once more.", err)
	}
	return err
}

// forgetRoomCommand is "forget-room": somebody who has a say in a channel asks the operator to have the gateway forget it.
func (g *Gateway) forgetRoomCommand() transports.Command {
	return transports.Command{
		Name: "forget-room", Title: "Forget a room for everybody", Admin: true,
		For:  []transports.TargetKind{transports.TargetDomain, transports.TargetRoom},
		Next: g.forgetRoomForm, Run: g.forgetRoomRun,
	}
}

const fieldRoom = "room"

func (g *Gateway) forgetRoomForm(ctx context.Context, call transports.Call) (*transports.Form, error) {
	switch _, asked := call.Values[sure]; {
	case g.opt.Store == nil:
		return nil, errNoStore(call.Lang)
	case asked:
		return nil, nil
	case call.Values == nil && call.On.Kind == transports.TargetDomain:
		return &transports.Form{Title: "Forget a room for everybody", More: true, Fields: []transports.Field{{Name: fieldRoom, Label: "Room", Required: true}}}, nil
	}
	room, err := g.calledRoom(call)
	if err != nil {
		return nil, err
	}
	if g.archive != nil {
		if err := g.archive.sync(ctx, store.UserID{}); err != nil {
			return nil, archiveError(err)
		}
	}
	users, n, more, err := g.opt.Store.Listeners(ctx, g.opt.Domain, room)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, nothingKept(call.Lang, fieldRoom)
	}
	return &transports.Form{
		Title: "Forget a room for everybody", Fields: []transports.Field{sureField()},
		Instructions: text.Say(call.Lang, "What is kept of %s is deleted for good, for everybody (messages: %s). Users who could read some of it: %d.",
			room, sayCount(call.Lang, n, more), users),
	}, nil
}

// calledRoom is the room that a command was given, as its local part.
func (g *Gateway) calledRoom(call transports.Call) (string, error) {
	on := call.On
	if on.Kind == transports.TargetDomain {
		on, _ = g.target(strings.TrimSpace(call.Values.Get(fieldRoom)))
	}
	if on.Kind != transports.TargetRoom {
		return "", transports.Faults{{Field: fieldRoom, Text: text.Say(call.Lang, "This is no room: write, for instance, %s.", g.exampleName(transports.TargetRoom, "#channel"))}}.AsError()
	}
	return g.address(on).Local, nil
}

func (g *Gateway) forgetRoomRun(ctx context.Context, call transports.Call) (string, error) {
	if g.opt.Store == nil {
		return "", errNoStore(call.Lang)
	}
	room, err := g.calledRoom(call)
	if err != nil {
		return "", err
	}
	if !call.Values.Bool(sure) {
		return text.Say(call.Lang, "Left as it is."), nil
	}
	until := now()
	if g.archive != nil {
		if err := g.archive.sync(ctx, store.UserID{}); err != nil {
			return "", archiveError(err)
		}
	}
	value := strconv.FormatInt(until.UnixMilli(), 10)
	if err := g.opt.Store.Write(ctx, func(tx *store.Tx) error {
		return tx.ForgetRoom(g.opt.Domain, room, archiveScopeOf(room), forgottenName, value)
	}); err != nil {
		return "", err
	}
	for _, u := range g.everybody() {
		u.post(func() { u.forget(room, time.Time{}, until) })
	}
	g.log.Info("an administrator had a room forgotten")
	g.opt.Tidy()
	return text.Say(call.Lang, "%s is forgotten.", room), nil
}
