package component

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/internal/xmpptest"
	"passerelle/transports"
)

// long is a message of some lines.
func long(lines int) string {
	return "first" + strings.Repeat("\nline", lines-1)
}

func say(body, id string) string {
	return `<message type='groupchat' id='` + id + `' to='#go%irc.example@irc.localhost'><body>` + body + `</body></message>`
}

// echo answers a request to say something as a network does.
func echo(t *testing.T, s *scriptedSession, q transports.Send) {
	t.Helper()
	s.emit(t, transports.Message{Ref: q.Ref, Part: 1, Of: 1, Room: q.To, Body: q.Body, From: &transports.Person{Nick: "alice"}})
}

func newPasteWorld(t *testing.T, service xmpptest.Service, change func(*Options)) *world {
	t.Helper()
	return newUploadWorld(t, service, func(o *Options) {
		o.PasteLines = 3
		if change != nil {
			change(o)
		}
	})
}

// A long message goes out as its first line and a link, and the room shows it as it was written.
func TestPaste(t *testing.T) {
	t.Parallel()
	up := (&script{slots: []string{scriptedSlot}, puts: []int{201}}).start(t)
	w := newPasteWorld(t, up.answer, nil)
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.send(say(long(3), "short"))
	if got := next[transports.Send](t, s); got.Body != long(3) {
		t.Errorf("said = %q", got.Body)
	}
	alice.send(say(long(4), "long"))
	q := next[transports.Send](t, s)
	if want := "first (4 lines: " + up.http.URL + "/get)"; q.Body != want {
		t.Errorf("said = %q, want %q", q.Body, want)
	}
	echo(t, s, q)
	alice.expect(`<message type='groupchat' id='long' from='#go%irc.example@irc.localhost/alice'><body>` + long(4) + `</body></message>`)
	if len(up.stored) != 1 || up.stored[0] != long(4) {
		t.Errorf("stored = %q", up.stored)
	}
}

// To a person it is the same, and a line that is long by itself counts as the lines that it takes.
func TestPasteToPerson(t *testing.T) {
	t.Parallel()
	up := (&script{slots: []string{scriptedSlot}, puts: []int{201}}).start(t)
	w := newPasteWorld(t, up.answer, nil)
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.send(`<message type='chat' to='bob%irc.example@irc.localhost'><body>` + strings.Repeat("word ", 400) + `</body></message>`)
	q := next[transports.Send](t, s)
	if len(q.Body) > 400 || !strings.HasPrefix(q.Body, "word word") || !strings.HasSuffix(q.Body, "… ("+up.http.URL+"/get)") || q.To.ID != "bob" {
		t.Errorf("said = %q to %v", q.Body, q.To)
	}
}

// What is said behind a long message waits for it, long or short, and other conversations do not.
func TestPasteOrder(t *testing.T) {
	t.Parallel()
	up := (&script{slots: []string{scriptedSlot}, puts: []int{201}}).start(t)
	slot, release := make(chan struct{}, 8), make(chan struct{})
	open := sync.OnceFunc(func() { close(release) })
	defer open()
	w := newPasteWorld(t, func(iq *xmpptest.Element) string {
		answer := up.answer(iq)
		if iq.Child(nsUpload, "request") != nil {
			slot <- struct{}{}
			<-release
		}
		return answer
	}, nil)
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.send(say(long(4), "1"))
	<-slot
	alice.send(say("second", "2"))
	alice.send(say(long(5), "3"))
	alice.send(say("fourth", "4"))
	alice.send(`<message type='chat' to='bob%irc.example@irc.localhost'><body>elsewhere</body></message>`)
	if got := next[transports.Send](t, s); got.Body != "elsewhere" {
		t.Errorf("said = %q", got.Body)
	}
	open()
	for _, want := range []string{"first (4 lines", "second", "first (5 lines", "fourth"} {
		if got := next[transports.Send](t, s); !strings.HasPrefix(got.Body, want) {
			t.Errorf("said = %q, want %q", got.Body, want)
		}
	}
}

// A new subject waits as well, so that it does not overtake what is said before it.
func TestPasteThenSubject(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 8)
	release := make(chan struct{})
	up := (&script{slots: []string{scriptedSlot}, puts: []int{201}}).start(t)
	w := newPasteWorld(t, func(iq *xmpptest.Element) string {
		if iq.Child(nsUpload, "request") != nil {
			asked <- struct{}{}
			<-release
		}
		return up.answer(iq)
	}, nil)
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.send(say(long(4), "1"))
	<-asked
	alice.send(`<message type='groupchat' id='2' to='#go%irc.example@irc.localhost'><subject>new</subject></message>`)
	alice.send(say("behind", "3"))
	alice.alive()
	close(release)
	if q := next[transports.Send](t, s); !strings.HasPrefix(q.Body, "first (4 lines") {
		t.Errorf("said = %q", q.Body)
	}
	if q := next[transports.SetSubject](t, s); q.Subject != "new" {
		t.Errorf("subject = %q", q.Subject)
	}
	if q := next[transports.Send](t, s); q.Body != "behind" {
		t.Errorf("said = %q", q.Body)
	}
}

// An upload that panics holds its conversation up no longer than one that fails.
func TestPastePanics(t *testing.T) {
	t.Parallel()
	w := newPasteWorld(t, nil, func(o *Options) {
		o.Identity = func(string) slog.Attr { panic("out of cheese") } // asked when there is no place for the upload
	})
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.send(say(long(4), "1"))
	alice.send(say("behind", "2"))
	for _, want := range []string{long(4), "behind"} {
		if q := next[transports.Send](t, s); q.Body != want {
			t.Errorf("said = %q, want %q", q.Body, want)
		}
	}
	w.logged("work for a user panicked")
}

// A subject with the key of an encrypted file would show that to everybody.
func TestSubjectWithKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	w.enter(alice)
	for _, content := range []string{
		`<subject>look: aesgcm://files.example/x.jpg#0123</subject>`,
		`<subject>x</subject><encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2'/>`,
	} {
		alice.ask(`<message type='groupchat' id='k' to='#go%irc.example@irc.localhost'>`+content+`</message>`,
			`<message type='error' id='k'><error type='cancel'><feature-not-implemented xmlns='`+conditions+`'/></error></message>`)
	}
}

// blocked is an upload service that never answers, and tells when it was asked.
func blocked(asked chan<- struct{}) xmpptest.Service {
	return func(iq *xmpptest.Element) string {
		if iq.Child(nsUpload, "request") != nil {
			asked <- struct{}{}
			return ""
		}
		return `<iq type='result'><query xmlns='` + nsDiscoInfo + `'><feature var='` + nsUpload + `'/></query></iq>`
	}
}

// Not any number of messages waits, neither behind a long one nor of long ones.
func TestPasteFlood(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 64)
	w := newPasteWorld(t, blocked(asked), nil)
	alice := w.client("alice@localhost/phone")
	w.enter(alice)
	alice.send(say(long(4), "first"))
	<-asked
	for i := range maxHeld {
		alice.send(say("line", fmt.Sprint(i)))
	}
	busy := `<error type='wait'><resource-constraint xmlns='` + conditions + `'/></error>`
	alice.ask(say("line", "more"), `<message type='error' id='more'>`+busy+`</message>`)
	private := func(n int) string {
		return fmt.Sprintf(`<message type='chat' id='p%d' to='n%d%%irc.example@irc.localhost'><body>%s</body></message>`, n, n, long(9))
	}
	for i := 1; i < maxPastes; i++ {
		alice.send(private(i))
		<-asked
	}
	alice.ask(private(maxPastes), `<message type='error' id='p4'>`+busy+`</message>`)
	alice.alive()
}

// Where a long message cannot be uploaded it goes out whole, if the network takes it; else the sender is told both reasons.
func TestPasteNotUploaded(t *testing.T) {
	t.Parallel()
	w := newPasteWorld(t, nil, nil)
	w.transport.onDo = func(_ *scriptedSession, r transports.Request) error {
		if q, ok := r.(transports.Send); ok && len(q.Body) > 100 {
			return transports.NewError(transports.TooLarge, "Too long for IRC.", nil)
		}
		return nil
	}
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.send(say(long(4), "1"))
	if got := next[transports.Send](t, s); got.Body != long(4) {
		t.Errorf("said = %q", got.Body)
	}
	alice.ask(say(long(40), "2"), `<message type='error' id='2'><error type='modify'><policy-violation xmlns='`+conditions+`'/><text xmlns='`+conditions+
		`'>Too long for IRC. It could not be uploaded either. Your XMPP server has no place for uploads.</text></error></message>`)
	alice.ask(`<message type='chat' id='3' to='bob%irc.example@irc.localhost'><body>`+long(40)+`</body></message>`,
		`<message type='error' id='3' from='bob%irc.example@irc.localhost'><error type='modify'/></message>`)
}

// Who leaves, or loses the connection, while a message is uploaded has not said it; nothing of it goes out later.
func TestPasteLost(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 8), make(chan struct{})
	open := sync.OnceFunc(func() { close(release) })
	defer open()
	refuse := func(iq *xmpptest.Element) string {
		if iq.Child(nsUpload, "request") == nil {
			return blocked(asked)(iq)
		}
		asked <- struct{}{}
		<-release
		return `<iq type='error'><error type='cancel'><not-allowed xmlns='` + conditions + `'/></error></iq>`
	}
	w := newPasteWorld(t, refuse, nil)
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.send(say(long(4), "1"))
	<-asked
	alice.send(say("behind", "2"))
	alice.alive()
	s.emit(t, transports.State{Err: transports.NewError(transports.Offline, "Lost.", nil), Retry: time.Second})
	told := map[string]bool{}
	for range 2 {
		told[alice.expect(`<message type='error'><error type='wait'/></message>`).Get("id")] = true
	}
	if !told["1"] || !told["2"] {
		t.Errorf("told of %v", told)
	}
	alice.expect(`<message type='groupchat'><body>Lost. Trying again*</body></message>`)
	// A private message goes on without a room, and comes back where the connection does not.
	alice.send(`<message type='chat' id='p' to='bob%irc.example@irc.localhost'><body>` + long(4) + `</body></message>`)
	<-asked
	alice.send(`<presence type='unavailable' to='#go%irc.example@irc.localhost/alice'/>`)
	alice.expect(`<presence type='unavailable'/>`)
	next[transports.Leave](t, s)
	open()
	s.emit(t, transports.Done{Ref: next[transports.Send](t, s).Ref, Err: transports.NewError(transports.Offline, "Lost.", nil)})
	alice.expect(`<message type='error' id='p'><error type='wait'/></message>`)
	s.ended(t)
	select {
	case r := <-s.requests:
		t.Errorf("%T %+v", r, r)
	default:
	}
	alice.alive()
}
