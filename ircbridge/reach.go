package ircbridge

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"passerelle/internal/safehttp"
)

// Reach is which servers users may name where a gateway is open. Networks that the operator configured are no concern of it.
type Reach struct {
	// Allow and Deny are names in lower case, and "*.example.org" for whatever is below one. An empty Allow has all names.
	Allow, Deny []string
	// AllowAddresses may be connected to though they are not public, DenyAddresses may not though they are.
	AllowAddresses, DenyAddresses []netip.Prefix
	// Ports are tried in turn, over TLS; where there are none it is 6697.
	Ports []uint16
	// Of UserPorts users may set some in their place.
	UserPorts []PortRange
	// Plain says that these may be without TLS, Unverified that users need not have certificates checked.
	Plain, Unverified bool
}

// PortRange is all ports from the first to the last.
type PortRange struct{ First, Last uint16 }

// Why an address is not connected to.
var (
	errNotPublic     = errors.New("the address is not public")
	errDeniedAddress = errors.New("the operator denies the address")
)

// names reports whether users may name a server.
func (r *Reach) names(server string) bool {
	return !nameIn(r.Deny, server) && (len(r.Allow) == 0 || nameIn(r.Allow, server))
}

// nameIn reports whether a list of names has one, or what it is below.
func nameIn(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool {
		below, wild := strings.CutPrefix(s, "*")
		return s == name || wild && strings.HasSuffix(name, below)
	})
}

// port reports whether a user may have a server tried at a port.
func (r *Reach) port(port uint16) bool {
	return slices.Contains(r.Ports, port) || slices.ContainsFunc(r.UserPorts, func(p PortRange) bool { return p.First <= port && port <= p.Last })
}

// tries reports whether a server may be connected to at a port at all.
func (r *Reach) tries(port uint16) bool {
	return r.port(port) || slices.Contains(r.addresses("", nil), net.JoinHostPort("", strconv.Itoa(int(port))))
}

// addresses are where a server is tried: at the user's ports, or else at the operator's.
func (r *Reach) addresses(server string, ports []uint16) []string {
	if len(ports) == 0 {
		ports = r.Ports
	}
	if len(ports) == 0 {
		return []string{net.JoinHostPort(server, defaultPort)}
	}
	list := make([]string, len(ports))
	for i, port := range ports {
		list[i] = net.JoinHostPort(server, strconv.Itoa(int(port)))
	}
	return list
}

// connects refuses an address that is connected to: other rules may have let it through.
func (r *Reach) connects(address string) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read address: %w", err)
	}
	if !r.tries(a.Port()) {
		return errDeniedAddress
	}
	return r.check(address)
}

// check refuses an address that a server may not have. It is asked of each address that is about to be connected to: what a name
// resolved to before, or resolves to next, does not matter.
func (r *Reach) check(address string) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read resolved address: %w", err)
	}
	ip := a.Addr().Unmap()
	within := func(p netip.Prefix) bool { return p.Contains(ip.WithZone("")) }
	switch {
	case slices.ContainsFunc(r.DenyAddresses, within):
		return errDeniedAddress
	case !safehttp.Public(ip) && !slices.ContainsFunc(r.AllowAddresses, within):
		return errNotPublic
	}
	return nil
}
