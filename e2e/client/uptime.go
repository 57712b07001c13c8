package client

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"passerelle/internal/xmpptest"
)

// AwaitUptime waits until the server of somebody says that it is running for some time (XEP-0012 §4). What else comes meanwhile is lost.
func AwaitUptime(ctx context.Context, c interface {
	Send(ctx context.Context, stanza string) error
	Receive(ctx context.Context) (*xmpptest.Element, error)
}, d time.Duration,
) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		id := fmt.Sprintf("uptime%d", i)
		if err := c.Send(ctx, `<iq type='get' id='`+id+`' to='localhost'><query xmlns='jabber:iq:last'/></iq>`); err != nil {
			return err
		}
		var answer *xmpptest.Element
		for answer == nil || answer.Get("id") != id {
			var err error
			if answer, err = c.Receive(ctx); err != nil {
				return err
			}
		}
		query := answer.Child("jabber:iq:last", "query")
		if query == nil {
			return fmt.Errorf("the server does not say since when it is running")
		}
		if seconds, err := strconv.Atoi(query.Get("seconds")); err != nil || time.Duration(seconds)*time.Second >= d {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
