package ircbridge

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"net"
	"net/netip"
	"strings"

	"passerelle/transports"
)

// Identity is what networks see of who a user is: not his JID, but a token that is always the same for him, so that a network can tell
// one user from another, shut out one and leave the others in, and name him to the operator. Without a key there are no tokens, and a
// nick stands for the user name.
type Identity struct {
	Key    []byte // makes the tokens; with another key all of them are others
	Domain string // of the gateway, below which hosts of tokens are in WEBIRC
	// Fixed says that users may not set a user name and a real name of their own.
	Fixed bool
	// Source is where users' connections come from, each from an address of his own; the zero Prefix leaves that to the system.
	Source netip.Prefix
	// Ident answers networks that ask whose a connection is; nil where nobody does.
	Ident Ident
}

// Ident is told of connections, so that it can say whose they are.
type Ident interface {
	// Dial makes a connection of somebody with dial. It is his until it is closed.
	Dial(user string, dial func() (net.Conn, error)) (net.Conn, error)
}

// tokenLetters is how long a token is. Networks keep nine or ten characters of a user name, one of which may be their mark that nobody
// vouches for it.
const tokenLetters = 8

// token is the name of a user; it begins with a letter, as some networks want it.
func (i *Identity) token(user transports.Address) string {
	sum := i.hash("user", user)
	return "u" + strings.ToLower(base32.StdEncoding.EncodeToString(sum)[:tokenLetters])
}

// hash makes bytes out of a user that only the key can make.
func (i *Identity) hash(purpose string, user transports.Address) []byte {
	h := hmac.New(sha256.New, i.Key)
	h.Write([]byte(purpose + "\x00" + user.Bare().String())) // a hash never fails
	return h.Sum(nil)
}

// address is the address of a user in a network: always the same one, and never the first or the last there.
func (i *Identity) address(user transports.Address, in netip.Prefix) netip.Addr {
	b := in.Masked().Addr().AsSlice()
	random := i.hash("address", user)
	for bit := in.Bits(); bit < 8*len(b); bit++ {
		b[bit/8] |= random[bit/8] & (0x80 >> (bit % 8))
	}
	a, _ := netip.AddrFromSlice(b) // it is as long as an address
	return a
}

// own is a network that no other gateway has (RFC 4193 §3.2), for addresses that only stand for users.
func (i *Identity) own() netip.Prefix {
	var b [16]byte
	b[0] = 0xfd
	copy(b[1:6], i.hash("network", transports.Address{Domain: i.Domain}))
	return netip.PrefixFrom(netip.AddrFrom16(b), 48)
}

// names are the user name and the real name that somebody has on a network, given his nick and what he set. Nothing of his JID is in
// them unless he wants it.
func (i *Identity) names(user transports.Address, nick string, set map[string]string) (username, realname string) {
	username, realname = nick, nick
	if len(i.Key) > 0 {
		username = i.token(user)
	}
	if i.Fixed {
		return username, realname
	}
	if own := set[SettingUsername]; own != "" && (len(i.Key) == 0 || !isToken(own)) { // nobody takes another's token
		username = own
	}
	return username, cmp.Or(set[SettingRealname], realname)
}

// isToken reports whether a name looks like a token, wherever a network may cut it.
func isToken(name string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(name), "u")
	return ok && len(rest) >= tokenLetters && !strings.ContainsFunc(rest[:tokenLetters], func(r rune) bool { return (r < 'a' || r > 'z') && (r < '2' || r > '7') })
}

// known makes a connection that Ident knows of.
func (i *Identity) known(user transports.Address, dial func() (net.Conn, error)) (net.Conn, error) {
	if i.Ident == nil {
		return dial()
	}
	return i.Ident.Dial(i.token(user), dial)
}

// webirc is the line that tells a network that trusts the gateway who connects, as if he did so himself (IRCv3 WebIRC). Secure says
// that the connection is encrypted.
func (i *Identity) webirc(password string, user transports.Address, secure bool) string {
	in := i.Source
	if !in.IsValid() || in.Addr().Is4() || in.IsSingleIP() {
		in = i.own()
	}
	line := "WEBIRC " + password + " passerelle " + i.token(user) + "." + i.Domain + " " + i.address(user, in).String()
	if secure {
		line += " :secure"
	}
	return line
}
