package muc

import "passerelle/component/stanza"

// nsVCardUpdate is the namespace of XEP-0153.
const nsVCardUpdate = "vcard-temp:x:update"

// appendPicture writes which picture somebody has (XEP-0153 §3.1), where he has one.
func (r *Room) appendPicture(b *stanza.Builder, nick string) {
	if hash := r.opt.Host.Picture(nick); hash != "" {
		b.StartNS("x", nsVCardUpdate).Start("photo").Text(hash).End().End()
	}
}

// Show shows somebody in the room once more: he has another picture.
func (r *Room) Show(nick string, out *Out) {
	if _, ok := r.occupants.find(nick); !ok || nick == r.nick {
		return
	}
	was := r.belief(nick)
	was.again = true
	r.changed(nick, was, nil, 0, out)
}

// Configured tells the clients that something about the room itself is new.
func (r *Room) Configured(out *Out) {
	for i := range r.clients {
		r.sendConfigured(&r.clients[i], out)
	}
}
