package component

import (
	"time"

	"passerelle/internal/text"
)

// When somebody who waits for a network is told so: a client that is entering a room shows nothing.
const (
	slowAfter = 3 * time.Second
	verySlow  = 5 // times as long
)

// tellSlow tells the user while he is not let in by the network at the first try. What he is told is of the moment, and no archive keeps it.
func (n *network) tellSlow() {
	tell := func(words func(lang string) string) {
		if n.u.networks.of(n.id) == n && !n.online && n.why == "" && len(n.rooms) > 0 {
			n.notice(words(n.u.lang))
		}
	}
	slow := n.u.g.opt.Timing.Slow
	n.slow = n.u.after(slow, func() {
		tell(func(lang string) string { return text.Say(lang, "Connecting to %s…", n.id) })
		n.slow = n.u.after((verySlow-1)*slow, func() {
			tell(func(lang string) string {
				return text.Say(lang, "Still connecting to %s: it takes its time to answer. Your room opens as soon as it does.", n.id)
			})
		})
	})
}

// notSlow ends that: the network has answered, or nobody waits for it any more.
func (n *network) notSlow() {
	if n.slow != nil {
		n.slow.Stop() // what it has begun already finds nothing to tell
		n.slow = nil
	}
}
