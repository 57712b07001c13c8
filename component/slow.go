package component

import (
	"time"

	"passerelle/internal/text"
)

// When somebody who waits for a network is told so: a client that is entering a room shows nothing.
const (
	slowAfter     = 3 * time.Second
	verySlowAfter = 15 * time.Second
)

// tellSlow tells the user while he is not let in by the network at the first try. What he is told is of the moment, and no archive keeps it.
func (n *network) tellSlow() {
	tell := func(after time.Duration, words func(lang string) string) {
		n.u.after(after, func() {
			if n.u.networks.of(n.id) == n && !n.online && n.why == "" && len(n.rooms) > 0 {
				n.notice(words(n.u.lang))
			}
		})
	}
	tell(n.u.g.opt.Timing.Slow, func(lang string) string { return text.Say(lang, "Connecting to %s…", n.id) })
	tell(verySlowAfter, func(lang string) string {
		return text.Say(lang, "Still connecting to %s: it takes its time to answer. Your room opens as soon as it does.", n.id)
	})
}
