package c2s

import (
	"context"

	"passerelle/component/stanza"
)

const nsInfo = "http://jabber.org/protocol/disco#info"

// Features are what an account's server can do.
type Features struct {
	Archive bool // XEP-0313
	Push    bool // XEP-0357
	Offline bool // XEP-0013
}

// Features asks the account and its server.
func (s *Session) Features(ctx context.Context) (Features, error) {
	var f Features
	for _, to := range []string{s.user.String(), s.user.Domain} {
		answer, err := s.ask(ctx, "get", to, func(b *stanza.Builder) { b.StartNS("query", nsInfo).End() }, nil)
		if ReasonOf(err) == Refused && err != nil {
			continue
		}
		if err != nil {
			return f, err
		}
		for e := range answer.Root.Child(nsInfo, "query").Children() {
			if !e.Is(nsInfo, "feature") {
				continue
			}
			switch e.Attr("var") {
			case nsMAM:
				f.Archive = true
			case nsPush:
				f.Push = true
			case nsOffline:
				f.Offline = true
			}
		}
		answer.Release()
	}
	return f, nil
}
