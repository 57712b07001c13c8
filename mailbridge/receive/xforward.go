package receive

import (
	"encoding/hex"
	"net/netip"
	"strings"
)

// forward is what a server of ours says of the peer whose mail it hands on (XFORWARD, see XFORWARD_README of Postfix).
type forward struct {
	addr  netip.Addr
	hello string
}

// read takes an XFORWARD command and gives the answer to it.
func (f *forward) read(arg string) string {
	next := *f
	for pair := range strings.FieldsSeq(arg) {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return "501 5.5.4 NAME=value was expected\r\n"
		}
		value, ok = decode(value)
		if !ok {
			return "501 5.5.4 A value cannot be read\r\n"
		}
		unknown := strings.EqualFold(value, "[UNAVAILABLE]") || strings.EqualFold(value, "[TEMPUNAVAIL]")
		switch strings.ToUpper(name) {
		case "ADDR":
			next.addr = netip.Addr{}
			if unknown {
				continue
			}
			if len(value) > 5 && strings.EqualFold(value[:5], "IPv6:") {
				value = value[5:]
			}
			addr, err := netip.ParseAddr(value)
			if err != nil {
				return "501 5.5.4 The address is none\r\n"
			}
			next.addr = addr.Unmap().WithZone("")
		case "HELO":
			next.hello = ""
			if !unknown {
				next.hello = value
			}
		case "NAME", "PORT", "PROTO", "SOURCE", "IDENT":
		default:
			return "501 5.5.4 There is no such attribute\r\n"
		}
	}
	*f = next
	return "250 2.0.0 Ok\r\n"
}

// decode reads xtext (RFC 3461 §4).
func decode(s string) (string, bool) {
	var b strings.Builder
	for {
		plain, rest, ok := strings.Cut(s, "+")
		b.WriteString(plain)
		if !ok {
			return b.String(), true
		}
		if len(rest) < 2 {
			return "", false
		}
		c, err := hex.DecodeString(rest[:2])
		if err != nil {
			return "", false
		}
		b.Write(c)
		s = rest[2:]
	}
}
