package biboumi

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"passerelle/store"
)

// Summary is what an import brought.
type Summary struct {
	Again    bool // it went on where one before it had stopped
	Settings int  // of users on networks
	Sealed   int  // of them passwords
	Kept     int  // that users had set in our gateway already
	Contacts int
	Choices  int // of users, what is to be archived
	Stays    int // rooms that users are brought into at the start
	Lines    int
	Oldest   time.Time // line of biboumi's archive, zero without any

	users   map[store.UserID]struct{}
	rooms   map[string]struct{}
	skipped map[string]int
	left    map[string]map[string]struct{} // by what it is: users
	hosts   map[string]map[string]struct{} // by network: what users told of its servers
}

// Why rows are left out.
const (
	noOwner   = "messages, settings or contacts of nobody (the JID cannot be read)"
	noRoom    = "messages in something that is no channel"
	noText    = "empty messages"
	noLine    = "messages that the archive does not take, such as those of an endless nick"
	tooOld    = "messages that are older than the archive keeps"
	undated   = "messages without a date that can be true: they have that of the message before"
	noNetwork = "settings on something that is no network"
	refused   = "settings that IRC cannot carry"
	elsewhere = "contacts at another domain"
	tooMany   = "contacts over the bound that a user has"
)

// What does not work as it did. What the configuration does not allow is kept, for when it does.
const (
	leftAddress    = "an address that users may not connect to (allow_servers, allow_addresses): they cannot connect there"
	leftPorts      = "ports that users may not choose (user_ports): they cannot connect there"
	leftPlain      = "connections without TLS (user_plain): they cannot connect there"
	leftUnverified = "no check of certificates (user_unverified): they need the fingerprint of one that nobody known has signed"
	leftThrottle   = "more lines at once than users may choose (user_burst): they have as many as that"
	leftHistory    = "a longer history when entering a room than there is"
	leftStay       = "channels that they stay in, but no nick: they are in them once a client of theirs has been"
	leftExceptions = "more exceptions of what is archived than can be kept; nothing is archived for them"
)

func newSummary() *Summary {
	return &Summary{
		users: map[store.UserID]struct{}{}, rooms: map[string]struct{}{}, skipped: map[string]int{},
		left: map[string]map[string]struct{}{}, hosts: map[string]map[string]struct{}{},
	}
}

func (s *Summary) skip(why string) { s.skipped[why]++ }

func (s *Summary) heard(user store.UserID, room string) {
	s.users[user] = struct{}{}
	s.rooms[room] = struct{}{}
}

func (s *Summary) leave(user store.UserID, what string) { into(s.left, what, user.JID) }

func into(m map[string]map[string]struct{}, key, value string) {
	if m[key] == nil {
		m[key] = map[string]struct{}{}
	}
	m[key][value] = struct{}{}
}

// Users and Rooms are how many there were.
func (s *Summary) Users() int { return len(s.users) }

// Rooms are how many had messages.
func (s *Summary) Rooms() int { return len(s.rooms) }

// Count is a number of what Text says.
type Count struct {
	Text string
	N    int
}

// Skipped are the rows that were left out, by the reason.
func (s *Summary) Skipped() []Count {
	var all []Count
	for text, n := range s.skipped {
		all = append(all, Count{text, n})
	}
	return sorted(all)
}

// Left are the settings that have no counterpart here, by how many users have them.
func (s *Summary) Left() []Count {
	var all []Count
	for text, users := range s.left {
		all = append(all, Count{text, len(users)})
	}
	return sorted(all)
}

func sorted(all []Count) []Count {
	slices.SortFunc(all, func(a, b Count) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Text, b.Text)) })
	return all
}

// Network is a network and where its users connected to.
type Network struct {
	Name    string
	Servers []string
}

// Networks are those of which users told where their servers are: the operator may want to configure them.
func (s *Summary) Networks() []Network {
	var all []Network
	for _, name := range slices.Sorted(maps.Keys(s.hosts)) {
		all = append(all, Network{name, slices.Sorted(maps.Keys(s.hosts[name]))})
	}
	return all
}
