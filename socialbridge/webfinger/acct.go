package webfinger

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Acct is the name of somebody on a host (RFC 7565).
type Acct struct{ User, Host string }

// String is the name as people write it, alice@social.example.
func (a Acct) String() string { return a.User + "@" + a.Host }

// URI is the name as a URI.
func (a Acct) URI() string { return "acct:" + a.String() }

// Limits of a name.
const (
	maxUser = 64
	maxHost = 253 // RFC 1035 §2.3.4
)

var errNoAcct = errors.New("it is no name such as alice@social.example")

// ParseAcct reads acct:alice@social.example, with or without acct: or an @ in front. Names are in lower case, hosts in ASCII.
func ParseAcct(s string) (Acct, error) {
	s = strings.TrimSpace(s)
	if len(s) > maxString {
		return Acct{}, errNoAcct
	}
	if scheme, rest, ok := strings.Cut(s, ":"); ok && strings.EqualFold(scheme, "acct") {
		unescaped, err := url.PathUnescape(rest)
		if err != nil {
			return Acct{}, errNoAcct
		}
		s = strings.TrimPrefix(unescaped, "//") // as some write it
	}
	s = strings.TrimPrefix(s, "@")
	user, host, ok := strings.Cut(s, "@")
	if !ok || !isUser(user) {
		return Acct{}, errNoAcct
	}
	host, err := Host(host)
	if err != nil {
		return Acct{}, err
	}
	return Acct{User: strings.ToLower(user), Host: host}, nil
}

// isUser takes what servers of the social web have: GNU social letters, digits and "_", others dots and hyphens too.
func isUser(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.', c == '-', c == '~', c == '+':
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxUser
}

// Host reads the name of a host, with or without a port, as a URL may have it: in ASCII, lower case, without a dot at its end. The port of
// https is none.
func Host(s string) (string, error) {
	errNoHost := errors.New("it is no name of a host")
	name, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		name, port = s[:i], s[i+1:]
		if port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "" || port[0] == '0' {
			return "", errNoHost
		}
	}
	switch {
	case len(name) > maxHost*4 || !utf8.ValidString(name):
		return "", errNoHost
	case strings.HasPrefix(name, "["):
		ip := net.ParseIP(strings.Trim(name, "[]"))
		if ip == nil || !strings.HasSuffix(name, "]") {
			return "", errNoHost
		}
		name = "[" + ip.String() + "]"
	default:
		ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(name, "."))
		if err != nil || len(ascii) > maxHost || !isHost(ascii) {
			return "", errNoHost
		}
		name = ascii
	}
	if port != "" && port != "443" {
		name += ":" + port
	}
	return name, nil
}

// isHost refuses what IDNA takes and no registry does: signs, such as those that look like a slash. Letters of another script that look like
// Latin ones are told apart by their ASCII form, which is all that anybody is shown.
func isHost(ascii string) bool {
	name, err := idna.Lookup.ToUnicode(ascii)
	again, err2 := idna.Lookup.ToASCII(name)
	if err != nil || err2 != nil || again != ascii {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 4*maxUser {
			return false
		}
		for _, r := range label {
			if r != '-' && !unicode.In(r, unicode.L, unicode.M, unicode.Nd) {
				return false
			}
		}
	}
	return true
}
