package config

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// users checks a list of who may use a gateway, or may not, and folds it as JIDs that the server delivers are.
func (v validator) users(key string, list []string) {
	if !v.ok(key) {
		return
	}
	if v.has(key) && len(list) == 0 {
		v.add(key, "the list is empty", "write whom it is about, or remove the line")
	}
	v.fold(key, list, foldUsers, "%q stands for nobody", "write name@example.org, example.org, or *.example.org for everything below it")
}

// foldUsers checks what stands for users: the JID of a person, a domain, or all domains below one.
func foldUsers(who string) (string, bool) {
	if strings.Contains(who, "@") {
		return foldPerson(who)
	}
	below, wild := strings.CutPrefix(who, "*.")
	domain, err := foldDomain(below)
	switch {
	case err != nil:
		return "", false
	case wild:
		return "*." + domain, true
	}
	return domain, true
}

// reach checks which servers users may name.
func (v validator) reach(at string, c *IRC) {
	v.servers(child(at, "allow_servers"), c.AllowServers)
	v.servers(child(at, "deny_servers"), c.DenyServers)
	c.AllowedAddresses = v.prefixes(child(at, "allow_addresses"), c.AllowAddresses)
	c.DeniedAddresses = v.prefixes(child(at, "deny_addresses"), c.DenyAddresses)
	key := child(at, "ports")
	if v.ok(key) && len(c.Ports) == 0 {
		v.add(key, "the list is empty", "write ports = [6697], or remove the line")
	}
	for i, port := range c.Ports {
		if at := element(key, i); v.ok(at) && (port < 1 || port > 65535) {
			v.add(at, fmt.Sprintf("%d is no port", port), "write a number from 1 to 65535, such as 6697")
		}
	}
	c.UserPortRanges = v.portRanges(child(at, "user_ports"), c.UserPorts)
	for _, name := range []string{"allow_servers", "deny_servers", "allow_addresses", "deny_addresses", "ports", "user_ports", "user_plain", "user_unverified"} {
		if key := child(at, name); !c.Open && v.has(key) && v.ok(key) {
			v.add(key, "it has no effect, because users may join the networks of this file only", "remove the line, or write open = true")
		}
	}
}

// portRanges checks ports and ranges of them.
func (v validator) portRanges(key string, list []string) []PortRange {
	var all []PortRange
	for i, s := range list {
		first, last, isRange := strings.Cut(s, "-")
		if !isRange {
			last = first
		}
		from, errFrom := strconv.ParseUint(first, 10, 16)
		to, errTo := strconv.ParseUint(last, 10, 16)
		switch {
		case !v.ok(element(key, i)):
		case errFrom != nil || errTo != nil || from == 0 || to < from:
			v.add(element(key, i), fmt.Sprintf("%q is neither a port nor a range of them", s), "write a port such as \"6697\", or a range such as \"1024-65535\"")
		default:
			all = append(all, PortRange{uint16(from), uint16(to)})
		}
	}
	return all
}

// source checks where the connections of users come from.
func (v validator) source(at string, c *IRC) {
	key := child(at, "source_prefix")
	if !v.ok(key) || c.SourcePrefix == "" {
		return
	}
	p, err := netip.ParsePrefix(c.SourcePrefix)
	if err != nil {
		v.add(key, fmt.Sprintf("%q is no network", c.SourcePrefix), "write it as 2001:db8:1:2::/64")
		return
	}
	c.Source = p.Masked()
}

// identd checks the listener for ident.
func (v validator) identd(c *Identd) {
	const key = "identd.listen"
	if !v.ok(key) || c.Listen == "" || c.Listen == "systemd" {
		return
	}
	if err := checkAddress(c.Listen, 0); err != nil {
		v.add(key, fmt.Sprintf("%q is not an address: %s", c.Listen, err), "write 0.0.0.0:113 or [::]:113, or systemd")
	}
}

// servers checks names of servers, and folds them as those in addresses are.
func (v validator) servers(key string, list []string) {
	for i, name := range list {
		if !v.ok(element(key, i)) {
			continue
		}
		name = strings.ToLower(name)
		if bare := strings.TrimPrefix(name, "*."); bare == "" || len(bare) > maxNetworkName || strings.ContainsFunc(bare, notInName) {
			v.add(element(key, i), fmt.Sprintf("%q is no name of a server", list[i]), "write irc.example.org, or *.example.org for everything below it")
		}
		list[i] = name
	}
}

// prefixes checks networks in CIDR notation; an address stands for itself.
func (v validator) prefixes(key string, list []string) []netip.Prefix {
	var all []netip.Prefix
	for i, s := range list {
		p, err := netip.ParsePrefix(s)
		if a, errAddress := netip.ParseAddr(s); errAddress == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		switch {
		case !v.ok(element(key, i)):
		case err != nil:
			v.add(element(key, i), fmt.Sprintf("%q is no network", s), "write it as 10.11.0.0/16 or 2001:db8::/32")
		default:
			all = append(all, p.Masked())
		}
	}
	return all
}

// limits checks what users may have and do.
func (v validator) limits(at string, c *IRC) {
	if key := child(at, "connects_per_second"); v.ok(key) && (!(c.ConnectsPerSecond >= 0) || math.IsInf(c.ConnectsPerSecond, 0)) {
		v.add(key, "it must not be less than 0", "write the connections per second, such as 10.0, or 0 for no limit")
	}
	if key := child(at, "joins_per_minute"); v.ok(key) && c.JoinsPerMinute < 0 {
		v.add(key, "it must not be less than 0", "write the number of joins, or 0 for no limit")
	}
	for _, days := range []struct {
		name string
		n    int
	}{{"always_on_days", c.AlwaysOnDays}, {"idle_days", c.IdleDays}} {
		if key := child(at, days.name); v.ok(key) && (days.n < 0 || days.n > maxDays) {
			v.add(key, fmt.Sprintf("%d is no number of days", days.n), fmt.Sprintf("write 1 to %d, or 0 for ever", maxDays))
		}
	}
	for _, most := range []struct {
		name string
		n    int
	}{{"max_connections", c.MaxConnections}, {"max_networks", c.MaxNetworks}, {"max_channels", c.MaxChannels}, {"always_on_networks", c.AlwaysOnNetworks}, {"always_on_channels", c.AlwaysOnChannels}} {
		if key := child(at, most.name); v.ok(key) && most.n < 1 {
			v.add(key, "it must be more than 0", "write the largest number that there may be")
		}
	}
}
