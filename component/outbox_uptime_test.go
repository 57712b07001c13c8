package component

import (
	"errors"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// TestDeliverUptime: what a server has routed is sent again only where it was started since, whichever of the two processes ended.
func TestDeliverUptime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, after time.Duration // since when the server is running, looking back from now; zero where it does not say so
		again         bool
	}{
		"it is the same":          {time.Hour, time.Hour, false},
		"it was started anew":     {time.Hour, time.Millisecond, true},
		"it is another one":       {time.Hour, 2 * time.Hour, true},
		"it was started just now": {time.Second, time.Second, true},
		"it says nothing":         {0, 0, true},
		"it says nothing more":    {time.Hour, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tell := func(w *outboxWorld, d time.Duration) {
				if d != 0 {
					w.xmpp.RunningSince(time.Now().Add(-d))
				} else {
					w.xmpp.RunningSince(time.Time{})
				}
			}
			for end, lose := range map[string]func(*outboxWorld){
				"the stream is lost": func(w *outboxWorld) {
					if err := w.xmpp.Drop(testDomain); err != nil {
						w.t.Fatal(err)
					}
				},
				"the gateway is another one": func(w *outboxWorld) {
					w.stop()
					w.start(w.options(func(o *Options) {
						o.Transport, o.Store, o.OwnDomains, o.Timing.Routed = w.postal, w.db, []string{"localhost"}, time.Hour
					}))
				},
			} {
				t.Run(end, func(t *testing.T) {
					t.Parallel()
					w := newOutboxWorld(t, func(o *Options) { o.Timing.Routed = time.Hour })
					tell(w, c.before)
					phone := w.connected().client("alice@localhost/phone")
					w.deliver(outboxUser, letterTo("l1"))
					phone.expect(`<message type='chat' id='l1'/>`)
					w.settled()
					tell(w, c.after)
					lose(w)
					w.deliver(outboxUser, letterTo("l2"))
					// Where the server says nothing, an orderly end waits for its answer and leaves it at that.
					if c.again && (c.before != 0 || end == "the stream is lost") {
						phone.expect(`<message type='chat' id='l1'><delay xmlns='urn:xmpp:delay'/></message>`)
					}
					phone.expect(`<message type='chat' id='l2'/>`)
				})
			}
		})
	}
}

// TestDeliverNoted: what came back and was not given back does not count as answered for.
func TestDeliverNoted(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, func(o *Options) { o.Timing.Routed = 0 })
	phone := w.connected().client("alice@localhost/phone")
	take := make(chan struct{})
	w.postal.onReturned = func(transports.Returned) error {
		<-take
		return nil
	}
	w.deliver(outboxUser, letterTo("l1"))
	phone.expect(`<message type='chat' id='l1'/>`)
	w.settled()
	before := w.db.Answered(testDomain)
	if err := w.db.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(w.gateway.Deliver(tx, transports.Address{Local: "nobody", Domain: "localhost"}, letterTo("l2")), w.gateway.Deliver(tx, outboxUser, letterTo("l3")))
	}); err != nil {
		t.Fatal(err)
	}
	phone.expect(`<message type='chat' id='l3'/>`)
	w.waitFor("the last answer", func(o *outbox) bool { return o.answeredFor(3) })
	if got := w.db.Answered(testDomain); got != before || got.Routed == 0 {
		t.Errorf("noted is %+v, want still %+v", got, before)
	}
	close(take)
	w.returned(1)
	w.waitFor("its being noted", func(o *outbox) bool { return o.noted.Routed == 3 })
	if got := w.db.Answered(testDomain); got.Routed != 3 {
		t.Errorf("noted is %+v, want all three", got)
	}
}

// TestSameServer: an answer that was long in coming says less exactly since when a server is running, and never that it was not started anew.
func TestSameServer(t *testing.T) {
	t.Parallel()
	const started, at = 10 * time.Hour, 12 * time.Hour
	then := uptime{since: started}
	for name, c := range map[string]struct {
		now, then uptime
		want      bool
	}{
		"the same":                      {uptime{since: started + time.Second}, then, true},
		"another one":                   {uptime{since: started - time.Minute}, then, false},
		"the answer took long":          {uptime{since: started + 8*time.Second, within: 8 * time.Second}, then, true},
		"so did that before":            {then, uptime{since: started + 8*time.Second, within: 8 * time.Second}, true},
		"another one, and it took long": {uptime{since: started + time.Minute, within: 8 * time.Second}, then, false},
		"started since":                 {uptime{since: at + time.Second, within: 3 * time.Hour}, then, false},
		"started at about that time":    {uptime{since: at - time.Second, within: 3 * time.Hour}, then, false},
		"it does not say so":            {uptime{}, then, false},
		"it did not say so":             {then, uptime{}, false},
	} {
		if got := c.now.sameAs(c.then, at); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
	}
}
