package muc

import (
	"fmt"
	"strings"
	"time"

	"passerelle/component/markup"
	"passerelle/transports"
)

// What a room asks of a play.

var _ Host = (*play)(nil)

func (p *play) RealJID(q *transports.Person) transports.Address {
	if q.Host == "" {
		return transports.Address{}
	}
	return transports.Address{Local: q.Nick + "%irc.example", Domain: "irc.localhost", Resource: q.Ident + "@" + q.Host}
}

func (p *play) Picture(string) string { return "" }

func (p *play) OccupantID(_ transports.Target, q *transports.Person) string {
	return "id-of-" + q.Nick + q.Account
}

func (p *play) Whom(a transports.Address) (nick, mask string) {
	local, _ := strings.CutSuffix(a.Local, "%irc.example")
	switch {
	case a.Domain != "irc.localhost":
		return "", ""
	case strings.Contains(local, "!"):
		return "", strings.ReplaceAll(local, `\40`, "@")
	}
	return local, ""
}

func (p *play) MaskJID(mask string) transports.Address {
	return transports.Address{Local: strings.ReplaceAll(mask, "@", `\40`) + "%irc.example", Domain: "irc.localhost"}
}

func (p *play) History(transports.Target) (messages int, since time.Time) {
	return DefaultHistory, time.Time{}
}

func (p *play) Formatting(transports.Target) markup.Settings { return markup.Settings{} }

func (p *play) Features(transports.Target) transports.Features { return p.features }

func (p *play) MayType(transports.Target) bool { return !p.typesNot }

func (p *play) MayShow(int) bool { return true }

func (p *play) Words(text string, args ...any) string {
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

func (p *play) Space() int { return p.space }

func (p *play) NextRef() transports.Ref { p.refs++; return p.refs }
