package mailbridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"passerelle/internal/jobs"
	"passerelle/internal/postaltest"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/receive"
	"passerelle/mailbridge/relay"
	"passerelle/store"
	"passerelle/transports"
)

// rig is a gateway with everything but XMPP and other mail servers.
type rig struct {
	t     *testing.T
	db    *store.DB
	mail  *Transport
	xmpp  *xmppSide
	relay *postOffice
	lmtp  string
	clock *postaltest.Clock
	// spoken is what is said in the name of users, where redirects are on.
	spoken chan transports.Speech
}

// xmppSide stands for component: it knows users and takes what is for them.
type xmppSide struct {
	postaltest.XMPP
	mu        sync.Mutex
	users     map[string]bool
	down      bool
	uploads   map[string]string
	refuseAll error                // of uploads
	uploading func() (done func()) // is called at each, if not nil
}

func (x *xmppSide) Exists(_ context.Context, user transports.Address) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.down {
		return false, transports.NewError(transports.Offline, "The XMPP server is away", nil)
	}
	return x.users[user.String()], nil
}

func (x *xmppSide) Upload(_ context.Context, _ transports.Address, f transports.File, content io.ReaderAt) (string, error) {
	if x.uploading != nil {
		defer x.uploading()()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.refuseAll != nil {
		return "", x.refuseAll
	}
	b := make([]byte, f.Size)
	if _, err := content.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	link := fmt.Sprintf("https://files.example.org/%d/%s", len(x.uploads), f.Name)
	x.uploads[link] = string(b)
	return link, nil
}

// postOffice stands for the mail servers of others.
type postOffice struct {
	mails chan Mail
	mx    bool // each domain is a site
	mu    sync.Mutex
	fates map[string]relay.Result // by address; who is not there is sent to
}

// Mail is a mail that went out.
type Mail struct {
	relay.Envelope
	Body []byte
}

func (p *postOffice) Site(to address.Mailbox) string {
	if p.mx {
		return to.Domain
	}
	return "smarthost"
}

func (p *postOffice) Send(_ context.Context, e relay.Envelope, body []byte) []relay.Result {
	p.mu.Lock()
	results := make([]relay.Result, len(e.To))
	for i, to := range e.To {
		results[i] = relay.Result{Outcome: relay.Sent, Code: 250, Enhanced: "2.0.0", Text: "ok"}
		if r, ok := p.fates[to.String()]; ok {
			results[i] = r
		}
		results[i].To = to
	}
	p.mu.Unlock()
	p.mails <- Mail{e, body}
	return results
}

func (p *postOffice) fate(to string, r relay.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fates[to] = r
}

var (
	romeo  = transports.Address{Local: "romeo", Domain: "xmpp.example"}
	client = transports.Address{Local: "romeo", Domain: "xmpp.example", Resource: "desk"}
	juliet = contact("juliet@example.com")
)

func newRig(t *testing.T) *rig { return rigWith(t, func(*Options) {}) }

func rigWith(t *testing.T, change func(*Options)) *rig {
	t.Helper()
	return rigOf(t, change, func(*receive.Options) {})
}

func rigOf(t *testing.T, change func(*Options), changeServer func(*receive.Options)) *rig {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	r := &rig{
		t: t, clock: postaltest.NewClock(time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)),
		xmpp: &xmppSide{
			XMPP:  postaltest.NewXMPP(),
			users: map[string]bool{"romeo@xmpp.example": true, `d\27artagnan@xmpp.example`: true, "admin@xmpp.example": true}, uploads: map[string]string{},
		},
		spoken: make(chan transports.Speech, 100),
		relay:  &postOffice{mails: make(chan Mail, 1000), fates: map[string]relay.Result{}},
	}
	r.db = postaltest.OpenStore(t, r.clock, log)
	opt := Options{
		Domain: "mail.example", Hostname: "mx.example", Store: r.db, Tokens: address.NewTokens([]byte("key")), Relay: r.relay, Log: log, Now: r.clock.Now,
		Rules: Rules{
			Name: "Email", Domains: []Domain{{Name: "example.org", Users: "xmpp.example"}}, Separate: "+", Strangers: StrangersPass, MaxSize: 25 << 20,
			Admins: []transports.Address{{Local: "admin", Domain: "xmpp.example"}},
		},
	}
	change(&opt)
	var err error
	if r.mail, err = New(opt); err != nil {
		t.Fatal(err)
	}
	r.mail.Serve(r.xmpp)
	if opt.Redirect != nil {
		r.mail.Serve(&speaking{r.xmpp, r.spoken})
	}
	postaltest.Work(t, &jobs.Dispatcher{Store: r.db, Kinds: Kinds(r.mail), Log: log, Now: r.clock.Now})
	ro := receive.Options{Hostname: "mx.example", Backend: r.mail, Spool: t.TempDir(), Log: log}
	changeServer(&ro)
	server, err := receive.New(ro)
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.lmtp = l.Addr().String()
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.ServeLMTP(l) }) // until it is closed
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Errorf("close the server: %v", err)
		}
		serving.Wait()
	})
	return r
}

// bring hands over a mail by LMTP, and returns what its server is told of each recipient.
func (r *rig) bring(from, raw string, to ...string) map[string]error {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.lmtp)
	if err != nil {
		r.t.Fatal(err)
	}
	c := smtp.NewClientLMTP(conn)
	defer c.Close()
	if err := c.Hello("friend.example"); err != nil {
		r.t.Fatal(err)
	}
	if err := c.Mail(from, nil); err != nil {
		r.t.Fatal(err)
	}
	answers := make(map[string]error)
	for _, rcpt := range to {
		if err := c.Rcpt(rcpt, nil); err != nil {
			answers[rcpt] = err
		}
	}
	if len(answers) == len(to) {
		return answers
	}
	w, err := c.Data()
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(w, strings.ReplaceAll(raw, "\n", "\r\n")); err != nil {
		r.t.Fatal(err)
	}
	if _, err := w.CloseWithLMTPResponse(); err != nil {
		refused, ok := errors.AsType[smtp.LMTPDataError](err)
		if !ok {
			r.t.Fatal(err)
		}
		for rcpt, status := range refused {
			answers[rcpt] = status
		}
	}
	return answers
}

// accepted brings a mail that has to be taken.
func (r *rig) accepted(from, raw string, to ...string) {
	r.t.Helper()
	if answers := r.bring(from, raw, to...); len(answers) > 0 {
		r.t.Fatalf("the mail was not taken: %v", answers)
	}
}

// next is the next event for a user.
func (r *rig) next() transports.Event {
	r.t.Helper()
	return postaltest.Await(r.t, "an event", r.xmpp.Delivered).Event
}

// letter is the next event, which has to be a letter.
func (r *rig) letter() transports.Letter {
	r.t.Helper()
	e := r.next()
	l, ok := e.(transports.Letter)
	if !ok {
		r.t.Fatalf("got %#v in place of a letter", e)
	}
	return l
}

// sent is the next mail that goes out.
func (r *rig) sent() Mail {
	r.t.Helper()
	return postaltest.Await(r.t, "a mail", r.relay.mails)
}

// told is what the gateway says to the user.
func (r *rig) told() string {
	r.t.Helper()
	return postaltest.Await(r.t, "what is said", r.xmpp.Told)
}

// do has a session of romeo's do something, and returns what it is answered.
func (r *rig) do(q func(ref transports.Ref) transports.Request) error {
	r.t.Helper()
	h := make(postaltest.Host, 10)
	s, err := r.mail.Open(r.t.Context(), romeo, "", h)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := s.Do(r.t.Context(), q(7)); err != nil {
		return err
	}
	s.Close("")
	select {
	case e := <-h:
		return e.(transports.Done).Err
	default:
		r.t.Fatal("it was closed before it answered")
		return nil
	}
}

func (r *rig) post(l transports.Letter) error {
	r.t.Helper()
	if l.With.ID == "" && len(l.Others) == 0 {
		l.With = juliet
	}
	l.Client = client
	return r.do(func(ref transports.Ref) transports.Request { return transports.Post{Ref: ref, Letter: l} })
}

// posted posts what has to be taken.
func (r *rig) posted(l transports.Letter) {
	r.t.Helper()
	if err := r.post(l); err != nil {
		r.t.Fatal(err)
	}
}

// say posts a line.
func (r *rig) say(id, body string) {
	r.t.Helper()
	r.posted(transports.Letter{ID: id, Body: body})
}

// flush ends the wait for more lines.
func (r *rig) flush() {
	r.t.Helper()
	if _, err := r.mail.flush(r.t.Context(), romeo, ""); err != nil {
		r.t.Fatal(err)
	}
}

// set sets something for romeo.
func (r *rig) set(name, value string) {
	r.t.Helper()
	if err := r.db.Write(r.t.Context(), func(tx *store.Tx) error { return tx.Set(r.mail.userID(romeo), scope, name, value) }); err != nil {
		r.t.Fatal(err)
	}
}

// field is a field of the header of a mail that goes out.
func field(m Mail, name string) string {
	head, _, _ := strings.Cut(string(m.Body), "\r\n\r\n")
	head = strings.ReplaceAll(head, "\r\n ", " ")
	for line := range strings.SplitSeq(head, "\r\n") {
		if k, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// said is the body of a simple mail that goes out.
func said(m Mail) string {
	_, body, _ := strings.Cut(string(m.Body), "\r\n\r\n")
	return strings.TrimSuffix(strings.ReplaceAll(body, "\r\n", "\n"), "\n")
}

func names(to []address.Mailbox) []string {
	var all []string
	for _, m := range to {
		all = append(all, m.String())
	}
	slices.Sort(all)
	return all
}
