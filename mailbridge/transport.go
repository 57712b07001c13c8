package mailbridge

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"passerelle/internal/safehttp"
	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/store"
	"passerelle/transports"
)

// Options are what a gateway to email is made of. What can change while it runs is in Rules.
type Options struct {
	Domain   string // the virtual domain of the gateway
	Hostname string // of its mail servers, for what it says of itself in mail
	Rules

	Store  *store.DB
	Tokens *address.Tokens
	Relay  Relay  // sends mail; nil where nobody can send
	Signer Signer // signs it; nil for nobody
	// Files fetches what users attach, from public addresses alone; OwnFiles does from FileHosts, which may be at others, and follows no redirect that
	// leads away from there.
	Files, OwnFiles *safehttp.Client
	Log             *slog.Logger
	Metrics         prometheus.Registerer // nil for nobody
	Now             func() time.Time      // nil for time.Now
}

// Rules are what the operator may change while the gateway runs.
type Rules struct {
	Name    string
	Domains []Domain
	// Aliases are addresses that are those of others, by their address in lower case.
	Aliases map[string][]transports.Address
	Admins  []transports.Address // who get mail for postmaster and abuse
	// Separate begins the part of a local part that is no part of the name; empty for nothing.
	Separate string
	// Strangers is what becomes of mail from somebody unknown, where a user has not set that: one of the values of SettingStrangers.
	Strangers string
	// FileHosts are where files are fetched from though they may not be at public addresses, as safehttp.Origin writes them.
	FileHosts []string
	// MaySend and MayReceive say who may; nil for everybody.
	MaySend, MayReceive func(user transports.Address) bool
	MaxSize             int64 // bytes of a mail
	// What a user may send; 0 for no limit.
	PerMinute, PerDay, NewPerMinute int
	Redirect                        *RedirectRules // nil where redirects are not on
}

// Domain is a domain of email addresses.
type Domain struct {
	Name  string // of the addresses
	Users string // of the accounts that have them
}

// Signer signs mail. It is used by many goroutines.
type Signer interface {
	// Sign returns the mail with its signatures in front. The domain is in ASCII.
	Sign(domain string, mail []byte) ([]byte, error)
}

// Transport is the gateway to email. Safe to use from any goroutine.
type Transport struct {
	opt   Options
	log   *slog.Logger
	rules atomic.Pointer[Rules]
	// reloaded says that the rules have changed; capacity 1.
	reloaded chan struct{}
	gateway  transports.Gateway
	// follower learns of what users get elsewhere; nil where nobody does.
	follower  transports.Follower
	limits    *limits
	metrics   *metrics
	fetching  fetching
	memory    *semaphore.Weighted // bytes of mails that are being taken, see maxMemory
	rendering *semaphore.Weighted // and that jobs render
	coming    sync.Map            // users, by JID, whose mail is being taken with its letter, see straight.go
}

// maxMemory bounds what there is in memory of the mails that are read at a time, in bytes, once while they come and once while jobs render them: these
// may wait for an upload. A mail counts perByte times: its bytes, those that the database has or what is made of them, and what the collector has not
// found yet.
const (
	maxMemory = 160 << 20
	perByte   = 3
)

// weight is what a mail of some bytes counts of maxMemory.
func weight(size int64) int64 { return min(perByte*size, maxMemory) }

var _ transports.Postal = (*Transport)(nil)

// New makes the gateway to email of a domain.
func New(opt Options) (*Transport, error) {
	if err := opt.Rules.Check(); err != nil {
		return nil, err
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	m, err := newMetrics(opt.Metrics)
	if err != nil {
		return nil, err
	}
	t := &Transport{opt: opt, reloaded: make(chan struct{}, 1), metrics: m, log: opt.Log, limits: newLimits(opt.Now), fetching: fetching{by: make(map[string]int)}, memory: semaphore.NewWeighted(maxMemory), rendering: semaphore.NewWeighted(maxMemory)}
	t.rules.Store(&opt.Rules)
	return t, nil
}

// Check says what of the rules cannot be.
func (r *Rules) Check() error {
	if len(r.Domains) == 0 {
		return errors.New("there is no domain of email addresses")
	}
	for _, d := range r.Domains {
		if _, err := address.New("x", d.Name); err != nil {
			return fmt.Errorf("%q: %w", d.Name, err)
		}
	}
	return nil
}

// Reload replaces the rules, which were checked.
func (t *Transport) Reload(r Rules) {
	t.rules.Store(&r)
	select {
	case t.reloaded <- struct{}{}:
	default:
	}
}

// Serve says who delivers letters, and may be a transports.Follower. It is called once, before Kinds run and mail comes.
func (t *Transport) Serve(g transports.Gateway) {
	t.gateway = g
	t.follower, _ = g.(transports.Follower)
}

// Describe implements transports.Transport.
func (t *Transport) Describe() transports.Description {
	return transports.Description{
		Kind: "smtp", Name: t.rules.Load().Name, // https://xmpp.org/registrar/disco-categories.html
		Prompt: transports.Prompt{
			Description: "Write the email address of somebody to get the address under which you write to him here.",
			Label:       "Email address",
		},
		Hints: []string{
			"Write to bob%example.com@DOMAIN, and bob@example.com gets a mail. He is a contact like others.",
			"What you write within some seconds becomes one mail. “/send” sends it at once, “/help” in a conversation says what else there is.",
		},
	}
}

// maxLocal bounds the local part of a JID in bytes, unescaped.
const maxLocal = 1023

// Parse implements transports.Transport: "bob@example.com" or "bob%example.com" is a contact, and so is the name of an address that no JID
// can hold.
func (t *Transport) Parse(local string) (transports.Target, error) {
	if address.IsAlias(local) {
		return contact(local), nil
	}
	if len(local) > maxLocal {
		return transports.Target{}, badAddress("This is too long for an email address.")
	}
	m, err := address.ParseLoose(local)
	if err != nil {
		return transports.Target{}, badAddress("This is not the address of somebody who has email. Write to an address such as bob%example.com.")
	}
	id, _ := m.JIDLocal()
	return contact(id), nil
}

// badAddress is the error of what cannot be an address.
func badAddress(why string) error { return transports.NewError(transports.BadRequest, why, nil) }

func contact(id string) transports.Target {
	return transports.Target{Kind: transports.TargetContact, ID: id}
}

// contactOf is the contact that a mailbox is.
func contactOf(m address.Mailbox) transports.Target {
	id, _ := m.JIDLocal()
	return contact(id)
}

// Format implements transports.Transport.
func (t *Transport) Format(target transports.Target) string { return target.ID }

// Find implements transports.Transport: an address as people write it, also as "Bob <bob@example.com>" or as a link.
func (t *Transport) Find(lang, input string, wanted transports.TargetKind) (transports.Target, error) {
	input = strings.TrimSpace(input)
	if i, j := strings.LastIndexByte(input, '<'), strings.LastIndexByte(input, '>'); i >= 0 && i < j {
		input = input[i+1 : j]
	}
	if after, ok := cutFold(input, "mailto:"); ok {
		input, _, _ = strings.Cut(after, "?")
	}
	m, err := address.Parse(input)
	if err != nil {
		m, err = address.ParseLoose(input)
	}
	if err != nil || wanted == transports.TargetRoom {
		return transports.Target{}, transports.NewError(transports.BadRequest, text.Say(lang, "Write an email address, for instance bob@example.com."), err)
	}
	return contactOf(m), nil
}

func cutFold(s, prefix string) (after string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// userID is a user in the database.
func (t *Transport) userID(user transports.Address) store.UserID {
	return store.UserID{Domain: t.opt.Domain, JID: user.Bare().String()}
}
