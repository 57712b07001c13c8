package socialbridge

import (
	"context"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// muted reports whether a user wants to hear nothing of an actor: here, or with his client (XEP-0191).
func (t *Transport) muted(tx *store.Tx, id store.UserID, by *store.SocialActor) (bool, error) {
	kind, err := tx.SocialBlockOf(id, by.Acct, by.URI, hostOf(by.URI))
	if err != nil || kind != 0 {
		return true, err
	}
	if by.Acct == "" {
		return false, nil
	}
	jid := transports.Address{Local: transports.Escape(by.Acct), Domain: t.opt.Domain}
	return tx.Blocks(id, jid.String(), t.opt.Domain)
}

// wantsStranger reports whether a user is told of a post of somebody whom he does not follow.
func (t *Transport) wantsStranger(tx *store.Tx, id store.UserID, s *spreading, r *reader) (bool, error) {
	from, err := tx.Setting(id, scope, SettingMentions)
	if err != nil {
		return false, err
	}
	switch from {
	case mentionsNone:
		return false, nil
	case mentionsKnown:
		if r.feed {
			return true, nil
		}
		follows, err := tx.FollowsSocial(id, s.actor.ID)
		if err != nil || follows {
			return follows, err
		}
		return tx.MentionedSocial(id, s.actor.URI)
	}
	return true, nil
}

// Allowed implements Core.
func (t *Transport) Allowed(host string) bool {
	host = strings.ToLower(host)
	if host == "" {
		return false
	}
	bare, _, _ := strings.Cut(host, ":")
	said := t.hosts.Load()
	if said == nil { // it is the first time
		ctx, cancel := context.WithTimeout(context.Background(), hostsTime)
		defer cancel()
		if err := t.loadHosts(ctx); err != nil {
			t.log.Error("which servers are excluded is not known", "error", err)
			return false
		}
		said = t.hosts.Load()
	}
	if len(*said) > 0 {
		for _, h := range []string{host, bare} {
			if denied, ok := (*said)[h]; ok {
				return !denied
			}
		}
	}
	r := t.rules.Load()
	if hostIn(r.DenyHosts, bare) || hostIn(r.DenyHosts, host) {
		return false
	}
	return len(r.AllowHosts) == 0 || hostIn(r.AllowHosts, bare) || hostIn(r.AllowHosts, host)
}

// hostIn reports whether a host is one of a list, in which "*.example.net" is whatever is below it.
func hostIn(list []string, host string) bool {
	for _, h := range list {
		if below, ok := strings.CutPrefix(h, "*"); ok && strings.HasSuffix(host, below) || h == host {
			return true
		}
	}
	return false
}

// hostsTime is what the database has to say which hosts are excluded.
const hostsTime = 10 * time.Second

// loadHosts reads which hosts administrators have let take part or not.
func (t *Transport) loadHosts(ctx context.Context) error {
	all, err := t.opt.Store.SocialHosts(ctx, t.opt.Domain)
	if err != nil {
		return err
	}
	hosts := make(map[string]bool, len(all))
	for _, h := range all {
		hosts[h.Host] = h.Denied
	}
	t.hosts.Store(&hosts)
	return nil
}

// errHost is that a host does not take part.
func errHost(lang, host string) error {
	return transports.NewError(transports.Policy, text.Say(lang, "The operator of this gateway has excluded %s.", host), nil)
}
