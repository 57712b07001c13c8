package ircbridge

import (
	"cmp"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// Where a network is that a user named, and whom he takes there for it, is his to set, as far as the operator lets users. What networks
// that the operator configured are is not.

// maxPorts bounds each list of ports of a user: each of them may take dialTimeout.
const maxPorts = 8

// asSet is a network as a user has set it up.
func (t *Transport) asSet(n *Network, set map[string]string) (*Network, *cause) {
	if n.configured {
		return n, nil
	}
	final := func(format string, args ...any) (*Network, *cause) {
		return nil, &cause{err: refused(transports.Denied, format, args...), final: true}
	}
	own := *n
	reach := &t.rules().Reach
	own.host = lowerASCII(cmp.Or(set[SettingAddress], n.ID))
	if !reach.names(own.host) {
		return final("The operator of this gateway does not let it connect to %q, which you have set as the address of %s.", own.host, n.Name)
	}
	tlsPorts, err := readPorts(set[SettingTLSPorts])
	ports, errPlain := readPorts(set[SettingPorts])
	if err = errors.Join(err, errPlain); err != nil {
		return final("The ports that you have set for %s cannot be read: set them with the command configure.", n.Name)
	}
	// Ports without TLS are for networks that have no others, not for when TLS fails: whoever cuts the connection would get to read it.
	if own.Plain = len(tlsPorts) == 0 && len(ports) > 0; !own.Plain {
		ports = tlsPorts
	}
	ports = own.strictly(set, ports)
	switch {
	case own.Plain && !reach.Plain:
		return final("You have set no ports with TLS for %s, and the operator of this gateway does not let it connect without encryption: set some with the command configure.", n.Name)
	case own.Plain && slices.ContainsFunc(afterConnect(set), func(line string) bool { return maskCredential(line) != line }):
		return final("%s is reached without encryption, and one of the lines that you have sent after connecting has a password: set ports with TLS, or remove the line, with the command configure.", n.Name)
	case own.Plain && set[SettingPassword] != "":
		return final("%s is reached without encryption, so your server password was not sent: set ports with TLS, or forget the password, with the command configure.", n.Name)
	}
	own.Addresses = reach.addresses(own.host, ports)
	for _, port := range ports {
		if !reach.port(port) && !own.strict {
			return final("The operator of this gateway does not let it connect to port %d, which you have set for %s: change that with the command configure.", port, n.Name)
		}
	}
	own.pin, _ = readFingerprint(set[SettingFingerprint])
	own.unverified = reach.Unverified && set[SettingVerify] == "false" && !own.strict
	return &own, nil
}

// isHost reports whether a name in lower case can be that of a server, or is an address.
func isHost(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil || validNetwork(name)
}

// checkRoute says what the operator does not allow of where a user would have a network be.
func (t *Transport) checkRoute(lang string, set map[string]string) transports.Faults {
	var faults transports.Faults
	fault := func(field, text string) { faults = append(faults, transports.Fault{Field: field, Text: text}) }
	reach := &t.rules().Reach
	if host := lowerASCII(set[SettingAddress]); isHost(host) {
		ip, err := netip.ParseAddr(host)
		if !reach.names(host) || err == nil && reach.check(netip.AddrPortFrom(ip, 0).String()) != nil {
			fault(SettingAddress, text.Say(lang, "The operator of this gateway does not let it connect there."))
		}
	}
	for _, name := range []string{SettingTLSPorts, SettingPorts} {
		ports, _ := readPorts(set[name]) // what is none was said to be so
		for _, port := range ports {
			if !reach.port(port) {
				fault(name, text.Say(lang, "The operator of this gateway does not let it connect to port %d.", port))
				break
			}
		}
	}
	if set[SettingPorts] != "" && set[SettingTLSPorts] == "" && !reach.Plain {
		fault(SettingPorts, text.Say(lang, "The operator of this gateway does not let it connect without encryption: set ports with TLS."))
	}
	if set[SettingVerify] == "false" && !reach.Unverified {
		fault(SettingVerify, text.Say(lang, "The operator of this gateway has certificates checked. Set the fingerprint of one to trust it."))
	}
	return faults
}

// readPorts reads a list of ports, one a line.
func readPorts(value string) ([]uint16, error) {
	var ports []uint16
	for s := range strings.FieldsSeq(value) {
		port, err := strconv.ParseUint(s, 10, 16)
		if err != nil || port == 0 || len(ports) == maxPorts {
			return nil, fmt.Errorf("read ports: %w", errors.Join(err, strconv.ErrRange))
		}
		ports = append(ports, uint16(port))
	}
	return ports, nil
}

// readFingerprint reads the fingerprint of a certificate as people and programs write it, and gives its digits in lower case.
func readFingerprint(value string) (string, error) {
	digits := strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(value))
	if _, err := hex.DecodeString(digits); err != nil || len(digits) != 0 && len(digits) != 2*sha1.Size && len(digits) != 2*sha256.Size {
		return "", fmt.Errorf("read fingerprint: %w", errors.Join(err, hex.ErrLength))
	}
	return digits, nil
}

// writeFingerprint writes that of a certificate as other programs do.
func writeFingerprint(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.Raw)
	var b strings.Builder
	for i, c := range sum {
		if i > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%02X", c)
	}
	return b.String()
}

// pinned reports whether the user trusts a certificate by its fingerprint. SHA-1 is what biboumi takes: to make another certificate for a
// fingerprint that is there already is beyond reach yet.
func (n *Network) pinned(certificate *x509.Certificate) bool {
	s1, s256 := sha1.Sum(certificate.Raw), sha256.Sum256(certificate.Raw)
	return n.pin != "" && (n.pin == hex.EncodeToString(s1[:]) || n.pin == hex.EncodeToString(s256[:]))
}

// untrustedError is a certificate that is refused, and that the user may trust by its fingerprint.
type untrustedError struct {
	err         error
	fingerprint string // SHA-256
}

func (e *untrustedError) Error() string { return e.err.Error() }
func (e *untrustedError) Unwrap() error { return e.err }

// tlsConfig is how a network is made sure of at a host. It is shown certificates where it asks for one.
func (n *Network) tlsConfig(host string, shown []tls.Certificate) *tls.Config {
	c := &tls.Config{ServerName: host, RootCAs: n.RootCAs, Certificates: shown, MinVersion: tls.VersionTLS12}
	if !n.configured {
		// The same check, but what fails it may be what the user trusts.
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(state tls.ConnectionState) error { return n.verify(host, state.PeerCertificates) }
	}
	return c
}

// verify checks the certificates that a host shows, its own first.
func (n *Network) verify(host string, chain []*x509.Certificate) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: n.RootCAs, Intermediates: between})
	if n.vouched = err == nil; err == nil || n.unverified || n.pinned(chain[0]) {
		return nil
	}
	return &untrustedError{err: err, fingerprint: writeFingerprint(chain[0])}
}

// origin is whose word it is that a user is on a network of this name, see transports.Link. That of the operator, and of who vouches for the host
// of that name, is good for everybody. Else sessions are on one network where its server has proved the same to them.
func (n *Network) origin(user transports.Address, nc net.Conn) string {
	secured, encrypted := nc.(*tls.Conn)
	switch {
	case n.configured, n.vouched && n.host == n.ID:
		return ""
	case !encrypted: // anybody on the way may say anything
		return "user " + user.Bare().String()
	case n.vouched:
		return intern("host " + n.host)
	}
	return intern("certificate " + fingerprintOf(secured.ConnectionState()))
}

// gate is what connections are spaced by: users may call one server by many names.
func (n *Network) gate() string {
	if n.configured {
		return n.ID
	}
	host, _, err := net.SplitHostPort(n.Addresses[0])
	if err != nil {
		return n.ID
	}
	return host
}
