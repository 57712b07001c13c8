package relay

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"passerelle/internal/safehttp"
	"passerelle/mailbridge/address"
)

// Options are what a Relay is made of.
type Options struct {
	Hostname  string     // what we call ourselves (RFC 5321 §4.1.1.1)
	Smarthost *Smarthost // nil: straight to the servers of recipients

	Resolver *net.Resolver  // nil for the system's
	RootCAs  *x509.CertPool // nil for the system's
	// Permit are addresses that mail for strangers' domains may be handed to although they are not public.
	Permit []netip.Prefix
	// Policies fetches the policies of domains (MTA-STS); nil for no policies.
	Policies *safehttp.Client
	Log      *slog.Logger     // required
	Now      func() time.Time // nil for time.Now

	// PerHost is how many connections there are to a host at a time; zero for 4.
	PerHost int

	times     *times // of tests
	port, sts string // of mail servers and of policies, in tests
}

// Smarthost is the server that sends mail on.
type Smarthost struct {
	Addr string // host and port
	TLS  TLSMode
	// User and Password log in; an empty User does not. Without TLS that is done on this machine and towards .onion alone.
	User, Password string
}

// TLSMode is how a connection to the smarthost is encrypted. Its certificate is always checked.
type TLSMode uint8

// The modes.
const (
	TLSStart    TLSMode = iota // STARTTLS, required
	TLSImplicit                // from the first byte
	TLSNone                    // not at all
)

// Envelope is who sends a mail and who gets it.
type Envelope struct {
	From address.Mailbox // where it bounces to; the zero Mailbox for nowhere
	To   []address.Mailbox
	// Notify asks the servers that can to report when it has arrived (DSN).
	Notify bool
	EnvID  string // what they call it in reports; empty for nothing
	UTF8   bool   // there are other scripts in its headers (SMTPUTF8)
}

// Outcome is what became of a mail for a recipient.
type Outcome uint8

// The outcomes.
const (
	Temporary Outcome = iota // it may be taken later; also where nobody knows whether it was
	Permanent                // it never will
	Sent                     // the server has taken it
)

// Result is what became of a mail for a recipient.
type Result struct {
	To       address.Mailbox
	Outcome  Outcome
	Code     int    // of SMTP; where no server said anything it is what one would have said
	Enhanced string // RFC 3463
	Text     string // what the server said, cleaned and cut, or what we say
	Host     string // who said so; empty for ourselves
	// Reports says that the server will report when it has arrived, as Notify asks.
	Reports bool
	// Away says of a Temporary that it is the site that fails, and not this mail.
	Away bool
}

// Err is a Result as an error, nil where it was sent. It says nothing that the writer of the mail wrote.
func (r Result) Err() error {
	if r.Outcome == Sent {
		return nil
	}
	by := ""
	if r.Host != "" {
		by = r.Host + ": "
	}
	return errors.New(by + strings.TrimSpace(fmt.Sprintf("%d %s %s", r.Code, r.Enhanced, r.Text)))
}

// Relay hands mail to other servers. Safe to use from any goroutine.
type Relay struct {
	o     Options
	times times
	pool  *pool
	sts   *policies
}

// New makes a relay. Close ends its connections.
func New(o Options) (*Relay, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.PerHost <= 0 {
		o.PerHost = defaultPerHost
	}
	if o.port == "" {
		o.port = "25"
	}
	r := &Relay{o: o, times: defaultTimes, pool: newPool(o.PerHost)}
	if o.times != nil {
		r.times = *o.times
	}
	if o.Smarthost != nil {
		if err := o.Smarthost.check(); err != nil {
			return nil, fmt.Errorf("the smarthost: %w", err)
		}
	}
	if o.Policies != nil {
		r.sts = newPolicies(r)
	}
	return r, nil
}

// Close ends the connections that wait for mail. What is being sent is the business of its context.
func (r *Relay) Close() { r.pool.close() }

// Site is what mail for somebody depends on: jobs that have it in common fail together.
func (r *Relay) Site(to address.Mailbox) string {
	if r.o.Smarthost != nil {
		return "smtp:" + r.o.Smarthost.Addr
	}
	return "mx:" + to.ASCIIDomain()
}

// Send hands a mail to whoever is to get it, and says what became of it for each recipient, in their order. The mail is complete and its
// lines end with CRLF. Where ctx ends in the middle the rest is Temporary.
func (r *Relay) Send(ctx context.Context, e Envelope, mail []byte) []Result {
	m := &message{Envelope: e, data: mail, results: make([]Result, len(e.To)), eightBit: hasEightBit(mail)}
	for i, to := range e.To {
		m.results[i].To = to
	}
	all := m.open()
	if !wellFormed(mail) {
		m.say(all, failure{Permanent, 554, "5.6.0", "the mail has lines that do not end as they must"})
		return m.results
	}
	if r.o.Smarthost != nil {
		r.toSmarthost(ctx, m, all)
		return m.results
	}
	for _, group := range m.byDomain() {
		r.toDomain(ctx, m, group)
	}
	return m.results
}

// message is a mail on its way.
type message struct {
	Envelope
	data     []byte
	eightBit bool
	results  []Result
}

// open are the recipients of whom nothing is known yet.
func (m *message) open() []int {
	all := make([]int, 0, len(m.To))
	for i := range m.To {
		if m.results[i].Code == 0 {
			all = append(all, i)
		}
	}
	return all
}

// byDomain groups recipients by their domain, in the order of the first of each.
func (m *message) byDomain() [][]int {
	var groups [][]int
	at := map[string]int{}
	for i, to := range m.To {
		n, ok := at[to.Domain]
		if !ok {
			n = len(groups)
			at[to.Domain] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], i)
	}
	return groups
}

// failure is what we say ourselves.
type failure struct {
	outcome        Outcome
	code           int
	enhanced, text string
}

func (f failure) Error() string { return f.text }

// say gives recipients a result of our own.
func (m *message) say(to []int, f failure) {
	for _, i := range to {
		m.results[i] = Result{To: m.To[i], Outcome: f.outcome, Code: f.code, Enhanced: f.enhanced, Text: f.text}
	}
}

func hasEightBit(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// wellFormed reports whether all lines end with CRLF. A server may take a lone LF or CR for the end of a line, and what is behind it for
// commands (RFC 5321 §2.3.8).
func wellFormed(b []byte) bool {
	lf, cr := bytes.Count(b, []byte{'\n'}), bytes.Count(b, []byte{'\r'})
	return lf == cr && bytes.Count(b, []byte("\r\n")) == lf && bytes.IndexByte(b, 0) < 0
}
