package receive

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/base32"
	"fmt"
	"strings"
	"time"
)

// newID names a mail.
func newID() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// receivedField says where a mail came from, by which way and when (RFC 5321 §4.4).
func receivedField(hostname string, m *Incoming) string {
	var s strings.Builder
	p := m.Peer
	s.WriteString("Received: from " + word(p.Hello))
	if p.Addr.IsValid() {
		literal := p.Addr.Unmap().WithZone("").String()
		if p.Addr.Unmap().Is6() {
			literal = "IPv6:" + literal // RFC 5321 §4.1.3
		}
		s.WriteString(" ([" + literal + "])")
	}
	if p.TLS != nil && !p.Forwarded {
		fmt.Fprintf(&s, "\r\n\t(using %s with cipher %s)", tls.VersionName(p.TLS.Version), tls.CipherSuiteName(p.TLS.CipherSuite))
	}
	fmt.Fprintf(&s, "\r\n\tby %s with %s id %s", hostname, protocol(m), m.ID)
	if len(m.To) == 1 {
		if to, err := m.To[0].SMTPString(m.UTF8); err == nil {
			s.WriteString("\r\n\tfor <" + to + ">")
		}
	}
	s.WriteString(";\r\n\t" + m.Received.Format(time.RFC1123Z) + "\r\n")
	return s.String()
}

// protocol is the way of a mail as the registry of mail transmission types has it (RFC 3848, RFC 6531 §4.3).
func protocol(m *Incoming) string {
	p, name := m.Peer, "SMTP"
	if p.LMTP {
		name = "LMTP"
	}
	switch {
	case m.UTF8:
		name = "UTF8" + name
	case name == "SMTP" && p.extended:
		name = "ESMTP"
	}
	if p.TLS != nil {
		name += "S"
	}
	return name
}

// word is what a peer calls itself as a field of a header can have it.
func word(s string) string {
	const longest = 255
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_:[]", r) {
			return r
		}
		return '?'
	}, s[:min(len(s), longest)])
	if s == "" {
		return "unknown"
	}
	return s
}
