package muc

import (
	"fmt"
	"slices"
	"time"

	"passerelle/component/downgrade"
	"passerelle/transports"
)

// A room whose network is not there stays a room: its clients are told once what is the matter, and when the user is back in it, what is
// missing for that is marked, also in the archive.

// maxReasons bounds what is said of one outage: why there is no connection, where it is another reason than before.
const maxReasons = 3

// outage is a time in which the user hears nothing of a room that he is in.
type outage struct {
	since time.Time // zero for none
	said  []string  // of it
}

// interrupted notes that the link to the network is down, and says why, where that was not said yet.
func (r *Room) interrupted(why string, retry time.Duration, out *Out) {
	if r.outage.since.IsZero() {
		r.outage.since = r.opt.Now()
	}
	if gap := r.awaited; gap != "" { // what was to fill it does not come any more
		r.awaited = ""
		r.mark(gap, out)
	}
	if len(r.outage.said) >= maxReasons || slices.Contains(r.outage.said, why) {
		return // a network that is gone for long is tried again and again
	}
	r.outage.said = append(r.outage.said, why)
	r.Say(r.opt.Host.Words("%s Trying again in %s.", why, span(retry)), out)
}

// resumed says that the user is in the room again, shows what he has missed, and marks what is missing.
func (r *Room) resumed(e *transports.Entered, out *Out) {
	gap := r.opt.Host.Words("You are back in this room. Messages may be missing here.")
	if since := r.outage.since; !since.IsZero() {
		gap = r.opt.Host.Words("You are back in this room. Messages are missing here: there was no connection to %s for %s.", r.opt.Target.Network, span(r.opt.Now().Sub(since)))
	}
	r.outage = outage{}
	if gap = r.gapOf(gap, e); gap != "" {
		r.mark(gap, out)
	} else if !e.Awaited {
		r.Say(r.opt.Host.Words("You are back in this room, and nothing is missing."), out)
	}
	r.showMissed(r.missed(e.Missed), everybody, out)
}

// restartText marks a restart of the gateway, which does not know for how long it was gone.
const restartText = "The gateway was not running for a while, and you are back in this room. Messages may be missing here."

// mark says something in the room, and keeps it for whoever reads later what the user heard.
func (r *Room) mark(text string, out *Out) {
	r.showMissed([]line{r.keepMark(text)}, everybody, out)
}

// keepMark keeps it, to be shown.
func (r *Room) keepMark(text string) line {
	l := line{body: text, time: r.opt.Now()}
	l.stanzaID = r.keep(KeepOwn, &transports.Message{Body: text, Time: l.time}, &l)
	l.id = l.stanzaID
	r.remember(l, downgrade.Text{Said: text})
	return l
}

// span is a time for people.
func span(d time.Duration) string {
	switch d = max(d.Round(time.Second), time.Second); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d.Round(time.Minute)/time.Minute)
	}
	return fmt.Sprintf("%d h", d.Round(time.Hour)/time.Hour)
}
