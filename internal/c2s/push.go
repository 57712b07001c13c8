package c2s

import (
	"context"

	"passerelle/component/stanza"
	"passerelle/transports"
)

const nsPush = "urn:xmpp:push:0"

// EnablePush has the server tell a service when something comes for the user (XEP-0357 §5). Doing it again for the same node takes no more of
// what an account may have of these.
func (s *Session) EnablePush(ctx context.Context, service transports.Address, node string) error {
	return s.push(ctx, "enable", service, node)
}

// DisablePush ends that (XEP-0357 §6). That there was none is no error.
func (s *Session) DisablePush(ctx context.Context, service transports.Address, node string) error {
	err := s.push(ctx, "disable", service, node)
	if refusedAs(err, "item-not-found") {
		return nil
	}
	return err
}

func (s *Session) push(ctx context.Context, what string, service transports.Address, node string) error {
	answer, err := s.ask(ctx, "set", "", func(b *stanza.Builder) {
		b.StartNS(what, nsPush).JID("jid", service).Attr("node", node).End()
	}, nil)
	if err == nil {
		answer.Release()
	}
	return err
}
