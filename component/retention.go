package component

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// A user may have what he heard and wrote kept for fewer days than the operator keeps it: everything, and each room otherwise. What is past
// that he does not see any more from the moment that he says so; it is deleted beside the traffic.

// SettingDays is for how many days a user wants messages to be kept, everywhere or in a room; not set, it is as long as the operator has it.
const SettingDays = "archive_days"

// maxDays is the most that a user may set where the operator keeps everything.
const maxDays = 36500

// daysLimit is the most days that a user may set.
func (g *Gateway) daysLimit() int {
	if g.rules().ArchiveDays > 0 {
		return g.rules().ArchiveDays
	}
	return maxDays
}

// number is a setting of the user's that his traffic depends on, see relations.numbers.
type number struct{ name, scope string }

// numberSettings are the names of those settings.
var numberSettings = [...]string{SettingHistory, SettingDays}

// readNumbers reads those settings, by name and scope; nil where none is set.
func readNumbers(set map[string]map[string]string) map[number]int {
	var numbers map[number]int
	for _, name := range numberSettings {
		for scope, value := range set[name] {
			setNumber(&numbers, number{name, scope}, value)
		}
	}
	return numbers
}

// setNumber notes a setting; what is no number is not set. The map is nil as long as nothing is.
func setNumber(numbers *map[number]int, key number, value string) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		delete(*numbers, key)
		return
	}
	if *numbers == nil {
		*numbers = make(map[number]int)
	}
	(*numbers)[key] = n
}

// number is what the user has set, in the first of the scopes where he has.
func (u *user) number(name string, scopes ...string) (int, bool) {
	if u.relations != nil {
		for _, scope := range scopes {
			if n, ok := u.relations.numbers[number{name, scope}]; ok {
				return n, true
			}
		}
	}
	return 0, false
}

// oldest is the time before which a user wants to see nothing, with so many days; zero for no limit.
func oldest(days int) time.Time {
	if days <= 0 {
		return time.Time{}
	}
	return now().AddDate(0, 0, -days)
}

// archivedSince is the time before which the user wants nothing of a room to be kept, or of private conversations where it is none.
func (u *user) archivedSince(t transports.Target) time.Time {
	days, _ := u.number(SettingDays, u.g.daysScopes(t)...)
	return oldest(days)
}

// daysScopes are where it may be set for how many days what is said at a target is kept, the more particular first.
func (g *Gateway) daysScopes(t transports.Target) []string {
	everywhere := g.scope(transports.Target{})
	if t.Kind != transports.TargetRoom {
		return []string{everywhere}
	}
	return []string{g.scope(t), everywhere}
}

// readSince reads the time before which a user wants to see nothing of what he asks the archive for.
func (g *Gateway) readSince(ctx context.Context, id store.UserID, p mamPlace) (time.Time, error) {
	set, err := g.opt.Store.SettingScopes(ctx, id, SettingDays)
	if err != nil || len(set) == 0 {
		return time.Time{}, err
	}
	var on transports.Target
	if p.room != "" {
		if on, err = g.opt.Transport.Parse(p.room); err != nil {
			return time.Time{}, err
		}
	}
	return g.sinceIn(set, on), nil
}

// sinceIn is archivedSince by what is set, by scope.
func (g *Gateway) sinceIn(set map[string]string, on transports.Target) time.Time {
	for _, scope := range g.daysScopes(on) {
		if days, err := strconv.Atoi(set[scope]); err == nil {
			return oldest(days)
		}
	}
	return time.Time{}
}

// ApplyRetention deletes what users do not want to be kept any longer. It waits for the database, and ctx ends it between two users.
func (g *Gateway) ApplyRetention(ctx context.Context) error {
	const page = 100 // users
	for after := ""; ; {
		all, err := g.opt.Store.SettingsOfUsers(ctx, g.opt.Domain, SettingDays, after, page)
		if err != nil {
			return fmt.Errorf("read for how long users want messages to be kept: %w", err)
		}
		for _, jid := range slices.Sorted(maps.Keys(all)) {
			if err := g.applyRetention(ctx, store.UserID{Domain: g.opt.Domain, JID: jid}, all[jid]); err != nil {
				return fmt.Errorf("delete what a user does not want to be kept any longer: %w", err)
			}
			after = jid
		}
		if len(all) < page {
			break
		}
	}
	before := strconv.FormatInt(now().Add(-forgottenFor).UnixMilli(), 10)
	return g.opt.Store.Write(ctx, func(tx *store.Tx) error { return tx.UnsetBelow(g.opt.Domain, forgottenName, before) })
}

// applyRetention does so for one user, who has set these days by scope.
func (g *Gateway) applyRetention(ctx context.Context, id store.UserID, set map[string]string) error {
	rooms, err := g.opt.Store.RoomsOf(ctx, id)
	if err != nil {
		return err
	}
	parts := make([]store.Part, 0, len(rooms)+1)
	for _, room := range rooms {
		on, err := g.opt.Transport.Parse(room)
		if err != nil {
			continue // a network that is served no more; the operator's limit holds
		}
		parts = append(parts, store.Part{Room: room, Before: g.sinceIn(set, on)})
	}
	parts = append(parts, store.Part{Private: true, Before: g.sinceIn(set, transports.Target{})})
	for _, p := range parts {
		if p.Before.IsZero() {
			continue
		}
		if err := g.opt.Store.Forget(ctx, id, p); err != nil {
			return err
		}
	}
	return nil
}

// wrongDays says what is wrong with a number of days; it is empty for none.
func (g *Gateway) wrongDays(value string) bool {
	n, err := strconv.Atoi(strings.TrimSpace(value))
	return err != nil || n < 1 || n > g.daysLimit()
}
