package realservers

import (
	"context"
	"errors"

	"passerelle/internal/realservers/freeport"
)

// federation is what a Prosody has to know of others, to talk to them and to be believed by them (RFC 6120 §13.7.2).
type federation struct {
	addr  string            // where the others find it
	files map[string]string // names to texts

	Peers []peer
}

// peer is a domain of another server.
type peer struct{ Domain, Port string }

// Port is where it listens for servers.
func (f *federation) Port() string { return freeport.Port(f.addr) }

// StartFederation starts servers that know each other's domains, also those of their components, and trust each other by
// certificates of one authority. No name is looked up: each has a plugin that says where the others are.
func StartFederation(ctx context.Context, options ...ProsodyOptions) ([]*Prosody, error) {
	var started []*Prosody
	var err error
	for range attempts {
		started, err = startFederation(ctx, options)
		if !errors.Is(err, errInUse) {
			return started, err
		}
	}
	return nil, err
}

func startFederation(ctx context.Context, options []ProsodyOptions) ([]*Prosody, error) {
	ca, err := NewAuthority()
	if err != nil {
		return nil, err
	}
	members := make([]*federation, len(options))
	peers := make([][]peer, len(options))
	for i, o := range options {
		port, err := freeport.Choose()
		if err != nil {
			return nil, err
		}
		f := &federation{addr: freeport.Address(port), files: map[string]string{"ca.pem": ca.PEM, "plugins/mod_peers.lua": peersPlugin}}
		members[i] = f
		domains := []string{o.Domain}
		for _, c := range o.Components {
			domains = append(domains, c.Domain)
		}
		for _, domain := range domains {
			cert, key, err := ca.Issue(domain)
			if err != nil {
				return nil, err
			}
			f.files["certificates/"+domain+".crt"], f.files["certificates/"+domain+".key"] = cert, key
			peers[i] = append(peers[i], peer{domain, f.Port()})
		}
	}
	started := make([]*Prosody, 0, len(options))
	for i, o := range options {
		for j := range options {
			if j != i {
				members[i].Peers = append(members[i].Peers, peers[j]...)
			}
		}
		p, err := startProsody(ctx, o, members[i])
		if err != nil {
			for _, p := range started {
				err = errors.Join(err, p.Stop())
			}
			return nil, err
		}
		started = append(started, p)
	}
	return started, nil
}

// peersPlugin takes the place of the lookup in DNS (RFC 6120 §3.2) for the domains of the option peers.
const peersPlugin = `-- written by a test
module:set_global()
local peers = module:get_option("peers", {})
local basic = require "net.resolvers.basic"
local service = require "net.resolvers.service"
local lookup = service.new
local nowhere = { next = function (_, found) found(nil) end }
function service.new(domain, name, ...)
	local port = peers[domain]
	if not port then return lookup(domain, name, ...) end
	if name ~= "xmpp-server" then return nowhere end
	return basic.new("127.0.0.1", port, ...)
end
`
