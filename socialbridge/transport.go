package socialbridge

import (
	"crypto/rsa"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"passerelle/internal/safehttp"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// Options are what a gateway to the social web is made of. What can change while it runs is in Rules.
type Options struct {
	Domain string   // the virtual domain of the gateway
	URL    *url.URL // where the public reaches it, without a path; its host is that of all accts. Both never change
	Rules

	Store    *store.DB
	Pictures *safehttp.Client // fetches avatars; nil for none
	Log      *slog.Logger
	Now      func() time.Time // nil for time.Now
}

// Rules are what the operator may change while the gateway runs.
type Rules struct {
	Name  string
	Users string // the domain of the users whose accounts have their names
	// AllowHosts are the servers that take part; nil for all. DenyHosts do not. "*.example.net" is whatever is below a host.
	AllowHosts, DenyHosts []string
	// May says who may have an account; nil for everybody.
	May func(user transports.Address) bool
	// Admins get reports of users.
	Admins []transports.Address

	PerHour int // posts of an account; 0 for no limit
	Follows int // whom a user follows; 0 for no limit
	Kept    int // posts of each actor of other servers; 0 takes a default
}

const postsKept = 200

// Transport is the gateway to the social web. Safe to use from any goroutine.
type Transport struct {
	opt     Options
	log     *slog.Logger
	rules   atomic.Pointer[Rules]
	gateway transports.SocialGateway
	wire    Wire
	base    string // public URL without a slash at its end
	host    string // of accts

	keysMu sync.Mutex
	keys   map[int64]*rsa.PrivateKey       // of accounts that have signed lately, at most maxKeys
	hosts  atomic.Pointer[map[string]bool] // whether administrators have excluded them
	// drawing has room for who makes a picture.
	drawing chan struct{}
	media   shelf
	// What strangers do in an hour, see bound.go.
	strangers, notices, intake meter
}

var (
	_ transports.Social = (*Transport)(nil)
	_ Core              = (*Transport)(nil)
)

// New makes the gateway to the social web of a domain. Speak and Serve are called before anything else is.
func New(opt Options) (*Transport, error) {
	if opt.URL == nil || opt.URL.Host == "" || opt.URL.Scheme != "https" && opt.URL.Scheme != "http" {
		return nil, errors.New("there is no public URL")
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	t := &Transport{
		opt: opt, log: opt.Log, base: opt.URL.Scheme + "://" + opt.URL.Host, host: strings.ToLower(opt.URL.Host), keys: make(map[int64]*rsa.PrivateKey), drawing: make(chan struct{}, 1),
		strangers: meter{most: maxStrangers, ofSite: maxOfSite},
		notices:   meter{most: maxNotices, ofSite: maxNoticesOfSite, ofThing: maxNoticesOfPost},
		intake:    meter{most: maxIntake, ofSite: maxIntakeOfSite},
	}
	t.rules.Store(&opt.Rules)
	return t, nil
}

// Reload replaces the rules, which were checked.
func (t *Transport) Reload(r Rules) { t.rules.Store(&r) }

// Speak says by which wire others are reached. It is called once, before anything else.
func (t *Transport) Speak(w Wire) { t.wire = w }

// Serve says who delivers letters. It is called once, before Kinds run and before anything comes.
func (t *Transport) Serve(g transports.SocialGateway) { t.gateway = g }

// Describe implements transports.Transport.
func (t *Transport) Describe() transports.Description {
	return transports.Description{
		Kind: "ostatus", Name: t.rules.Load().Name,
		Prompt: transports.Prompt{
			Description: "Write the address of somebody on the social web, such as alice@social.example, to get the address under which he is here.",
			Label:       "Address on the social web",
		},
		Hints: []string{
			"Add alice%social.example@DOMAIN to your contacts, and you read what alice@social.example publishes there.",
			"Write “social” to learn how others can follow you. Nothing of you is published before you say so.",
		},
	}
}

// maxLocal bounds the local part of a JID in bytes, unescaped.
const maxLocal = 1023

// errAddress is what somebody is told who writes no address.
func errAddress(lang string) error {
	return transports.NewError(transports.BadRequest, text.Say(lang, "Write an address of the social web, for instance alice@social.example."), nil)
}

// Parse implements transports.Transport: "alice@social.example" or "alice%social.example" is a contact, be it a person or a group.
func (t *Transport) Parse(local string) (transports.Target, error) {
	acct, ok := parseAcct(local)
	if !ok {
		return transports.Target{}, badAddress("This is nobody of the social web. Write to an address such as alice%social.example.")
	}
	return contact(acct), nil
}

// badAddress is the error of what cannot be an address.
func badAddress(why string) error { return transports.NewError(transports.BadRequest, why, nil) }

// parseAcct reads the acct: of an actor without its scheme, as users write it; "%" stands for "@" where there is none.
func parseAcct(s string) (acct string, ok bool) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		at = strings.LastIndexByte(s, '%')
	}
	if at <= 0 || len(s) > maxLocal || !utf8.ValidString(s) {
		return "", false
	}
	name := strings.ToLower(s[:at])
	if len(name) > maxName || strings.ContainsAny(name, "@%/:\"'<>&\\!#?;, ") || strings.ContainsFunc(name, func(r rune) bool { return r <= 0x20 || 0x7f <= r && r < 0xa0 }) {
		return "", false
	}
	host, ok := parseHost(s[at+1:])
	return name + "@" + host, ok
}

// maxName bounds the part of an acct before the host, in bytes.
const maxName = 64

// parseHost reads a host as accts have it: in lower case and in ASCII, with a port where it has one.
func parseHost(s string) (host string, ok bool) {
	host, port, hasPort := strings.Cut(s, ":")
	host, err := idna.Lookup.ToASCII(strings.TrimSuffix(host, "."))
	if again, wrong := idna.Lookup.ToASCII(host); wrong != nil || again != host { // what it made of something odd
		return "", false
	}
	if err != nil || host == "" || len(host) > 253 || hasPort && (port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "") {
		return "", false
	}
	if strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	}) || strings.Contains(host, "..") || strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") {
		return "", false
	}
	if hasPort {
		host += ":" + port
	}
	return host, true
}

func contact(acct string) transports.Target {
	return transports.Target{Kind: transports.TargetContact, ID: acct}
}

// Format implements transports.Transport.
func (t *Transport) Format(target transports.Target) string { return target.ID }

// Find implements transports.Transport: an address as people write it, also with "@", "!" or "acct:" in front, or the URL of a profile as many
// servers have it. It asks nobody.
func (t *Transport) Find(lang, input string, wanted transports.TargetKind) (transports.Target, error) {
	if wanted == transports.TargetRoom {
		return transports.Target{}, errAddress(lang)
	}
	acct, ok := readAcct(input)
	if !ok {
		return transports.Target{}, errAddress(lang)
	}
	return contact(acct), nil
}

// readAcct reads whom a person means.
func readAcct(input string) (acct string, ok bool) {
	input = strings.TrimSpace(input)
	if u, err := url.Parse(input); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		// https://social.example/@alice, /alice, /u/alice, /users/alice.
		parts := strings.Split(strings.Trim(u.Path, "/"), "/")
		name := strings.TrimPrefix(parts[len(parts)-1], "@")
		if len(parts) > 2 || name == "" || len(parts) == 2 && parts[0] != "u" && parts[0] != "users" {
			return "", false
		}
		return parseAcct(name + "@" + u.Host)
	}
	for _, prefix := range []string{"acct:", "@", "!"} {
		if len(input) > len(prefix) && strings.EqualFold(input[:len(prefix)], prefix) {
			input = input[len(prefix):]
		}
	}
	return parseAcct(input)
}

// userID is a user in the database.
func (t *Transport) userID(user transports.Address) store.UserID {
	return store.UserID{Domain: t.opt.Domain, JID: user.Bare().String()}
}

// userOf is the inverse of userID.
func userOf(jid string) transports.Address {
	user, _ := transports.ParseAddress(jid) // it was one when it was written down
	return user
}
