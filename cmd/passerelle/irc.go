package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/component"
	"passerelle/component/avatar"
	"passerelle/config"
	"passerelle/internal/files"
	"passerelle/ircbridge"
)

// ircGateway is a gateway with what it is made of.
type ircGateway struct {
	*component.Gateway
	transport *ircbridge.Transport
	identity  ircbridge.Identity
}

// addIRC makes the IRC gateway of a table of the configuration.
func (p *process) addIRC(cfg *config.Config, c *config.IRC, w *wiring) error {
	identity := ircbridge.Identity{Key: derivedKey(w.key, forIdentities, c.Domain), Domain: c.Domain}
	if cfg.Identd.Listen != "" {
		identity.Ident = w.idents
	}
	opt := ircOptions(c, identity)
	opt.Settings, opt.Log = settings{db: w.db, domain: c.Domain}, p.log.With("domain", c.Domain)
	opt.Metrics = prometheus.WrapRegistererWith(prometheus.Labels{"domain": c.Domain}, w.registry)
	t, err := ircbridge.New(opt)
	if err != nil {
		return err
	}
	g, err := component.New(w.options(cfg, &c.Component, t, rulesOf(cfg, c)))
	if err != nil {
		return err
	}
	p.irc = append(p.irc, ircGateway{Gateway: g, transport: t, identity: identity})
	return nil
}

// rulesOf are the rules of an IRC gateway.
func rulesOf(cfg *config.Config, c *config.IRC) component.Rules {
	return component.Rules{
		Admins: c.Admins, Access: component.Access{Allow: c.AllowUsers, Deny: c.DenyUsers}, PasteLines: c.PasteLines, MissedLines: c.MissedLines, ArchiveDays: cfg.Archive.Days, ArchiveDaily: cfg.Archive.UserDaily << 20,
		Limits: component.Limits{Networks: c.MaxNetworks, Rooms: c.MaxChannels, Sessions: c.MaxConnections, JoinsPerMinute: c.JoinsPerMinute},
		AlwaysOn: component.AlwaysOn{
			Policy: stayPolicy(c.AlwaysOn), Networks: c.AlwaysOnNetworks, Rooms: c.AlwaysOnChannels, Unseen: days(c.AlwaysOnDays), Idle: days(c.IdleDays),
		},
		OwnDomains: cfg.OwnDomains(c.Domain), Contact: c.Contact,
		Avatar: avatar.Image(c.Avatar), NetworkAvatars: networkAvatars(c), NoPictures: !c.Pictures,
	}
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// fileLimits are those of the files that are kept.
func fileLimits(cfg *config.Config) files.Limits {
	c := &cfg.Files
	return files.Limits{
		Keep:    days(c.Days),
		MaxSize: int64(c.MaxSize) << 20, UserQuota: int64(c.UserQuota) << 20, Quota: int64(c.Quota) << 20,
	}
}

// stayPolicy is what a word of always_on stands for.
func stayPolicy(word string) component.StayPolicy {
	switch word {
	case "allowed":
		return component.StayAllowed
	case "default":
		return component.StayDefault
	}
	return component.StayNever
}

// networkAvatars are the pictures of the networks of a gateway that have one.
func networkAvatars(c *config.IRC) map[string]avatar.Image {
	avatars := make(map[string]avatar.Image)
	for i := range c.Networks {
		if n := &c.Networks[i]; len(n.Avatar.Data) > 0 {
			avatars[n.Name] = avatar.Image(n.Avatar)
		}
	}
	return avatars
}

// ircOptions are what the transport of an IRC gateway is made of, as far as the configuration says it.
func ircOptions(c *config.IRC, identity ircbridge.Identity) ircbridge.Options {
	var networks []ircbridge.Network
	for _, n := range c.Networks {
		networks = append(networks, ircbridge.Network{
			ID: n.Name, Name: n.Title, Addresses: n.Addresses, Plain: !n.TLS, RootCAs: n.Roots, Password: n.Password.Reveal(),
			WebIRC: n.WebIRC.Reveal(), Services: n.Services,
		})
	}
	reach := ircbridge.Reach{
		Allow: c.AllowServers, Deny: c.DenyServers, AllowAddresses: c.AllowedAddresses, DenyAddresses: c.DeniedAddresses,
		Plain: c.UserPlain, Unverified: c.UserUnverified,
	}
	for _, r := range c.UserPortRanges {
		reach.UserPorts = append(reach.UserPorts, ircbridge.PortRange(r))
	}
	for _, port := range c.Ports {
		reach.Ports = append(reach.Ports, uint16(port))
	}
	identity.Fixed, identity.Source = !c.OwnNames, c.Source
	return ircbridge.Options{
		Name: c.Name, Networks: networks, Open: c.Open, Fixed: c.Fixed, Reach: reach, Burst: c.Burst, UserBurst: c.UserBurst, Rate: c.Rate, ConnectRate: c.ConnectsPerSecond,
		Version: "passerelle " + versionString(), Identity: identity,
	}
}
