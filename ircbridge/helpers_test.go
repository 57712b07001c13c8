package ircbridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/internal/ircd"
	"passerelle/transports"
	"passerelle/transports/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testNet = "net.test"

var alice = transports.Address{Local: "alice", Domain: "example.org"}

// recorder is a host that keeps events until a test asks for them.
type recorder struct {
	events  chan transports.Event
	timeout time.Duration
}

func newRecorder() *recorder {
	return &recorder{events: make(chan transports.Event, 20_000), timeout: 10 * time.Second}
}

func (h *recorder) Emit(ctx context.Context, e transports.Event) error {
	select {
	case h.events <- e:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// next is the next event of any type.
func (h *recorder) next(t testing.TB) transports.Event {
	t.Helper()
	select {
	case e := <-h.events:
		return e
	case <-time.After(h.timeout):
		t.Fatal("no event came")
		return nil
	}
}

// await skips events up to one of type T that matches.
func await[T transports.Event](t testing.TB, h *recorder, matches ...func(T) bool) T {
	t.Helper()
	var seen []string
	deadline := time.After(h.timeout)
next:
	for {
		select {
		case e := <-h.events:
			if v, ok := e.(T); ok {
				for _, match := range matches {
					if !match(v) {
						seen = append(seen, describe(e))
						continue next
					}
				}
				return v
			}
			seen = append(seen, describe(e))
		case <-deadline:
			t.Fatalf("no %T came that matches; these did:\n%s", *new(T), strings.Join(seen, "\n"))
		}
	}
}

// describe writes an event for people, without pointers.
func describe(e transports.Event) string {
	switch e := e.(type) {
	case transports.Message:
		from := transports.Person{}
		if e.From != nil {
			from = *e.From
		}
		s := fmt.Sprintf("Message room=%q to=%q from=%s body=%q action=%t notice=%t ref=%d %d/%d time=%s",
			e.Room.ID, e.To.ID, person(from), e.Body, e.Action, e.Notice, e.Ref, e.Part, e.Of, e.Time.UTC().Format(time.RFC3339Nano))
		if e.Spans != nil {
			s += fmt.Sprintf(" looks=%q", transporttest.Looks(e.Body, e.Spans))
		}
		if e.ID != "" {
			s += fmt.Sprintf(" id=%q", e.ID)
		}
		if e.ReplyTo != "" {
			s += fmt.Sprintf(" reply=%q", e.ReplyTo)
		}
		if e.Clocked {
			s += " clocked"
		}
		if e.Unplaced {
			s += " unplaced"
		}
		if e.Services {
			s += " services"
		}
		return s
	case transports.Reacted:
		return fmt.Sprintf("Reacted room=%q to=%q from=%s on=%q add=%q remove=%q id=%q", e.Room.ID, e.To.ID, person(*e.From), e.On, e.Add, e.Remove, e.ID)
	case transports.Redacted:
		return fmt.Sprintf("Redacted room=%q to=%q by=%s message=%q reason=%q id=%q", e.Room.ID, e.To.ID, person(*e.By), e.Message, e.Reason, e.ID)
	case transports.Joined:
		return fmt.Sprintf("Joined room=%q %s role=%d", e.Room.ID, person(*e.Member.Person), e.Member.Role)
	case transports.Entered:
		var members []string
		for _, m := range e.Members {
			members = append(members, fmt.Sprintf("%s/%d", m.Person.Nick, m.Role))
		}
		return fmt.Sprintf("Entered room=%q nick=%q ref=%d members=%v subject=%q", e.Room.ID, e.Nick, e.Ref, members, e.Subject)
	case transports.Parted:
		how := [...]string{"left", "quit", "kicked", "lost", "banned"}[e.How]
		return fmt.Sprintf("Parted room=%q nick=%q self=%t how=%s by=%q reason=%q err=%v", e.Room.ID, e.Nick, e.Self, how, e.By, e.Reason, e.Err)
	case transports.Renamed:
		return fmt.Sprintf("Renamed %q to %q self=%t ref=%d", e.Old, e.New, e.Self, e.Ref)
	case transports.RoleChanged:
		return fmt.Sprintf("RoleChanged room=%q nick=%q grant=%d revoke=%d by=%q", e.Room.ID, e.Nick, e.Grant, e.Revoke, e.By)
	case transports.ModesChanged:
		return fmt.Sprintf("ModesChanged room=%q ref=%d set=%08b unset=%08b key=%q limit=%d", e.Room.ID, e.Ref, e.Set, e.Unset, e.Key, e.Limit)
	case transports.Invited:
		return fmt.Sprintf("Invited room=%q by %s", e.Room.ID, person(*e.From))
	case transports.Subject:
		return fmt.Sprintf("Subject room=%q text=%q by=%q ref=%d time=%s", e.Room.ID, e.Text, e.By, e.Ref, e.Time.UTC().Format(time.RFC3339Nano))
	case transports.Notice:
		return fmt.Sprintf("Notice room=%q text=%q", e.Room.ID, e.Text)
	default:
		return fmt.Sprintf("%T%+v", e, e)
	}
}

func person(p transports.Person) string {
	s := p.Nick
	if p.Ident != "" || p.Host != "" {
		s += "!" + p.Ident + "@" + p.Host
	}
	if p.Bot {
		s += " bot"
	}
	if p.Account != "" {
		s += " account=" + p.Account
	}
	if p.RealName != "" {
		s += fmt.Sprintf(" realname=%q", p.RealName)
	}
	return s
}

// wantKind fails unless err is a typed error of that kind with a text.
func wantKind(t testing.TB, err error, kind transports.Kind) *transports.Error {
	t.Helper()
	e, ok := errors.AsType[*transports.Error](err)
	if !ok || e.Kind != kind || e.Text == "" {
		t.Fatalf("got error %#v (%v), want one of kind %d with a text", err, err, kind)
	}
	return e
}

func roomOf(name string) transports.Target {
	return transports.Target{Kind: transports.TargetRoom, Network: testNet, ID: name}
}

func contact(nick string) transports.Target {
	return transports.Target{Kind: transports.TargetContact, Network: testNet, ID: nick}
}

// startServer runs an IRC server for the time of the test.
func startServer(t testing.TB, opt ircd.Options) *ircd.Server {
	t.Helper()
	s := ircd.New(opt)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newTransport makes a transport that is shut down when the test ends.
func newTransport(t testing.TB, opt Options) *Transport {
	t.Helper()
	if opt.Burst == 0 {
		opt.Burst, opt.Rate = 1e6, 1e6
	}
	tr, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := tr.Shutdown(ctx, "test over"); err != nil {
			t.Error(err)
		}
	})
	return tr
}

// plainNet is a network in plain text at addr.
func plainNet(addr string) []Network {
	return []Network{{ID: testNet, Addresses: []string{addr}, Plain: true}}
}

func open(t testing.TB, tr *Transport, user transports.Address) (transports.Session, *recorder) {
	t.Helper()
	h := newRecorder()
	s, err := tr.Open(context.Background(), user, testNet, h)
	if err != nil {
		t.Fatal(err)
	}
	return s, h
}

func do(t testing.TB, s transports.Session, r transports.Request) {
	t.Helper()
	if err := s.Do(context.Background(), r); err != nil {
		t.Fatalf("Do(%+v): %v", r, err)
	}
}

// enter joins a room and waits until it is entered.
func enter(t testing.TB, s transports.Session, h *recorder, name, nick string) transports.Entered {
	t.Helper()
	do(t, s, transports.Join{Ref: 1, Room: roomOf(name), Nick: nick})
	return await(t, h, func(e transports.Entered) bool { return e.Room == roomOf(name) })
}

// entered is a session of alice's that is in #test on a fresh server.
func entered(t testing.TB, opt ircd.Options) (*ircd.Server, transports.Session, *recorder) {
	t.Helper()
	server := startServer(t, opt)
	s, h := open(t, newTransport(t, Options{Networks: plainNet(server.Addr())}), alice)
	enter(t, s, h, "#test", "Alice")
	return server, s, h
}
