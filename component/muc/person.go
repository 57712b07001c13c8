package muc

import "passerelle/transports"

// personChanged shows that somebody is known otherwise than before (IRCv3 account-notify, chghost, setname, bot-mode), where clients are shown that: by
// his address outside the room, and a hat. The rest they ask for, with his vCard.
func (r *Room) personChanged(e transports.PersonChanged, out *Out) {
	if e.Who == nil {
		return
	}
	nick := e.Who.Nick
	o, ok := r.occupants.find(nick)
	if !ok {
		return
	}
	was := r.belief(nick)
	if o.person = o.person.With(e.Who, e.Known); o.person == was.was.person {
		return
	}
	r.recognise(nick, &o)
	r.occupants.put(o)
	switch {
	case !moved(was.was, o) && o.bot() == was.was.bot():
	case nick != r.nick:
		r.changed(nick, was, nil, 0, out)
	default:
		for i := range r.clients {
			r.sendSelf(&r.clients[i], false, out)
		}
	}
}

// hear takes what a message tells of its sender: networks that tell nothing of who logs in tell so (IRCv3 account-tag).
func (r *Room) hear(from *transports.Person, out *Out) {
	o, ok := r.occupants.find(from.Nick)
	if ok && (!o.spoke || from.Account != "" && o.person.Account != from.Account) {
		if from.Account != "" {
			o.person = o.person.With(from, transports.KnownAccount)
		}
		r.recognise(from.Nick, &o)
		o.spoke = true
		r.occupants.put(o)
	}
	if from.Bot {
		r.personChanged(transports.PersonChanged{Who: from, Known: transports.KnownBot}, out)
	}
}

// recognise has somebody's opaque name hang on his account from now on (XEP-0421), so that it is the same when he comes back from elsewhere: as long
// as he has said nothing under another one. Clients are not told of that by itself; the next that they see of him has it.
func (r *Room) recognise(nick string, o *occupant) {
	if o.spoke || o.first.Account != "" || o.person.Account == "" {
		return
	}
	before := o.first
	o.first = o.first.With(o.person, transports.KnownAccount)
	if owed := r.owed[nick]; owed != nil && owed.was.first == before {
		owed.was.first = o.first
	}
}

// bot reports whether somebody is known to be a program.
func (o occupant) bot() bool { return o.person != nil && o.person.Bot }

// learnt is somebody as a list of names has him, which tells less than what is known of him already.
func learnt(was, is *transports.Person) *transports.Person {
	known := transports.KnownUser
	if is.Host == "" {
		known = 0
	}
	if is.Account != "" {
		known |= transports.KnownAccount
	}
	if is.RealName != "" {
		known |= transports.KnownRealName
	}
	return was.With(is, known)
}

// moved reports whether somebody whose address outside the room clients were shown in full has another one by now. Where they were shown it
// without where he is, that alone is no reason to tell them of everybody once more.
func moved(was, is occupant) bool {
	return was.person != nil && is.person != nil && was.person.Host != "" && (was.person.Host != is.person.Host || was.person.Ident != is.person.Ident)
}

// realJID is the address of somebody outside the room; the zero Address where it is hidden.
func (r *Room) realJID(o occupant) transports.Address {
	if o.person == nil {
		return transports.Address{}
	}
	return r.opt.Host.RealJID(o.person)
}
