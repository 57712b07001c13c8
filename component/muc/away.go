package muc

import (
	"maps"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// awayChanged shows that somebody is away or back (XEP-0045 §7.7).
func (r *Room) awayChanged(e transports.Away, out *Out) {
	_, ok := r.occupants.find(e.Nick)
	was := r.belief(e.Nick)
	if text, away := r.absent[e.Nick]; !ok || e.Nick == r.nick || e.Away == away && (text == e.Text || e.Text == "") {
		return
	}
	if e.Away {
		if r.absent == nil {
			r.absent = make(map[string]string)
		}
		r.absent[e.Nick] = e.Text
	} else {
		delete(r.absent, e.Nick)
	}
	r.changed(e.Nick, was, nil, 0, out)
}

// appendAway writes that somebody is away, where he is.
func (r *Room) appendAway(b *stanza.Builder, nick string) {
	text, away := r.absent[nick]
	if !away {
		return
	}
	b.Start("show").Text("away").End()
	if text != "" {
		b.Start("status").Text(text).End()
	}
}

// keepAbsent forgets of those who were away who is not there any more.
func (r *Room) keepAbsent() {
	maps.DeleteFunc(r.absent, func(nick, _ string) bool {
		_, there := r.occupants.find(nick)
		return !there
	})
}

// renameAbsent follows somebody who has another nick.
func (r *Room) renameAbsent(from, to string) {
	if text, away := r.absent[from]; away {
		delete(r.absent, from)
		r.absent[to] = text
	}
}
