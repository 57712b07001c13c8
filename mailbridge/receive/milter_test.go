package receive

import (
	"encoding/binary"
	"io"
	"log/slog"
	"maps"
	"net"
	nettextproto "net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-milter"

	"passerelle/internal/realservers/freeport"
)

// sieve is a filter that does what the subject of a mail asks for.
type sieve struct {
	milter.NoOpMilter
	mu      *sync.Mutex
	heard   *[]string
	subject string
}

func (s *sieve) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*s.heard = append(*s.heard, what)
}

func (s *sieve) Connect(host, family string, _ uint16, addr net.IP, _ *milter.Modifier) (milter.Response, error) {
	s.note("connect " + host + " " + family + " " + addr.String())
	return milter.RespContinue, nil
}

func (s *sieve) Helo(name string, _ *milter.Modifier) (milter.Response, error) {
	s.note("helo " + name)
	return milter.RespContinue, nil
}

func (s *sieve) MailFrom(from string, m *milter.Modifier) (milter.Response, error) {
	s.note("from " + from)
	if m.Macros["i"] == "" {
		s.note("no macro i: " + strings.Join(slices.Sorted(maps.Keys(m.Macros)), " "))
	}
	return milter.RespContinue, nil
}

func (s *sieve) RcptTo(to string, _ *milter.Modifier) (milter.Response, error) {
	s.note("to " + to)
	return milter.RespContinue, nil
}

func (s *sieve) Headers(h nettextproto.MIMEHeader, _ *milter.Modifier) (milter.Response, error) {
	s.subject = h.Get("Subject")
	if s.subject == "early" {
		return milter.RespReject, nil
	}
	return milter.RespContinue, nil
}

func (s *sieve) BodyChunk(chunk []byte, _ *milter.Modifier) (milter.Response, error) {
	s.note("body " + string(chunk))
	return milter.RespContinue, nil
}

func (s *sieve) Body(m *milter.Modifier) (milter.Response, error) {
	switch s.subject {
	case "reject":
		return milter.RespReject, nil
	case "later":
		return milter.RespTempFail, nil
	case "discard":
		return milter.RespDiscard, nil
	case "words":
		return milter.NewResponseStr('y', "554 5.7.9 No such mail here"), nil
	case "silly":
		return milter.NewResponseStr('y', "250 2.0.0 fine"), nil
	case "apart":
		return milter.RespAccept, m.Quarantine("smells")
	case "change":
		for _, err := range []error{
			m.AddHeader("X-Score", "1\n\n2\nEvil: 1"), m.AddHeader("X-Bad:\r\nEvil", "1"), m.AddHeader("X-Spam", "Yes"),
			m.ChangeHeader(1, "subject", "*** SPAM ***"), m.ChangeHeader(2, "X-Twice", ""), m.InsertHeader(0, "X-First", "a\r\n\x00b"),
		} {
			if err != nil {
				return nil, err
			}
		}
	}
	return milter.RespAccept, nil
}

// filter starts a filter made with the library's other side.
func filter(t *testing.T) (addr string, heard func() string) {
	t.Helper()
	l, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu  sync.Mutex
		all []string
		wg  sync.WaitGroup
	)
	s := &milter.Server{
		NewMilter: func() milter.Milter { return &sieve{mu: &mu, heard: &all} },
		Actions:   milter.OptAddHeader | milter.OptChangeHeader | milter.OptQuarantine,
	}
	wg.Go(func() { _ = s.Serve(l) }) // ends with Close
	t.Cleanup(func() {
		_ = s.Close()
		wg.Wait()
	})
	return l.Addr().String(), func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(all, "|")
	}
}

func TestMilter(t *testing.T) {
	t.Parallel()
	h := &house{}
	o := options(h)
	at, heard := filter(t)
	o.Rules.Milter = &Milter{Network: "tcp", Addr: at}
	_, addr := serve(t, o, false)
	c := dial(t, addr)
	c.want("220 ")
	c.say("EHLO there.example", "250")
	send := func(subject, prefix string) mail {
		t.Helper()
		before := h.count()
		c.send("bob@example.com", []string{"alice@xmpp.test", "carol@xmpp.test"}, "X-Twice: 1\r\nSubject: "+subject+"\r\nX-Twice:\r\n 2\r\n\r\nHi\r\n", prefix)
		if taken := h.count() - before; taken != strings.Count(prefix, "250") {
			t.Errorf("%s: %d mails were taken", subject, taken)
		}
		if prefix != "250" {
			return mail{}
		}
		return h.last(t)
	}
	if m := send("fine", "250"); m.in.Suspect != "" || !strings.Contains(m.text, "X-Twice: 1\r\nSubject: fine\r\nX-Twice:\r\n 2\r\n\r\nHi\r\n") {
		t.Errorf("got %+v", m)
	}
	want := "connect [127.0.0.1] tcp4 127.0.0.1|helo there.example|from bob@example.com|to alice@xmpp.test|to carol@xmpp.test|body Hi\r\n\r\n"
	if got := heard(); got != want {
		t.Errorf("the filter heard %q, want %q", got, want)
	}
	send("reject", "550 5.7.1")
	send("early", "550 5.7.1")
	send("later", "451 4.7.1")
	send("words", "554 5.7.9 No such mail here")
	send("silly", "451 4.7.1")
	if m := send("discard", "250"); m.in.Suspect == "" {
		t.Error("a mail that a filter drops is like others")
	}
	if m := send("apart", "250"); m.in.Suspect != "smells" {
		t.Errorf("got %q, want what the filter said", m.in.Suspect)
	}
	m := send("change", "250")
	_, text, _ := strings.Cut(m.text, ";\r\n\t")
	_, text, _ = strings.Cut(text, "\r\n")
	if want := "X-Score: 1\r\n 2\r\n Evil: 1\r\nX-Spam: Yes\r\nX-First: a\r\n"; !strings.HasPrefix(text, want) {
		t.Errorf("the filter added %q, want %q", text, want)
	}
	if want := "X-Twice: 1\r\nsubject: *** SPAM ***\r\n\r\nHi\r\n\r\n"; !strings.HasSuffix(text, want) {
		t.Errorf("the filter made %q, want %q at its end", text, want)
	}
	if m.in.Suspect == "" {
		t.Error("what a filter marks as spam is like other mail")
	}
}

// TestMilterAway: a filter that is not there, ends, is silent or talks without end is no filter.
func TestMilterAway(t *testing.T) {
	t.Parallel()
	gone, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	packet := func(code byte, data string) string {
		return string(binary.BigEndian.AppendUint32(nil, uint32(1+len(data)))) + string(code) + data
	}
	fine := packet('O', "\x00\x00\x00\x06\x00\x00\x00\x11\x00\x00\x00\x00")
	quiet := packet('O', "\x00\x00\x00\x06\x00\x00\x00\x11\x00\x0f\xf3\xff") // it wants to hear nothing but the end
	for name, says := range map[string]string{
		"gone": "", "ends": "", "nonsense": "HTTP/1.1 400 Bad Request\r\n\r\n", "huge": "\xff\xff\xff\xffO", "old": packet('O', "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"),
		"short": packet('O', "\x00"), "odd": fine + packet('?', "x"), "without a field": quiet + packet('h', "X"), "empty": "\x00\x00\x00\x00",
		"without end": quiet + strings.Repeat(packet('h', "X\x00"+strings.Repeat("y", 1000)+"\x00"), 2000),
		"in progress": quiet + strings.Repeat(packet('p', ""), 400_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := gone.Addr().String()
			if name != "gone" {
				at = script(t, says)
			}
			for _, optional := range []bool{false, true} {
				h := &house{}
				o := options(h)
				o.Rules.Milter = &Milter{Network: "tcp", Addr: at, Optional: optional}
				_, addr := serve(t, o, false)
				c := dial(t, addr)
				c.want("220 ")
				c.say("EHLO there.example", "250")
				if optional {
					c.send("bob@example.com", []string{"alice@xmpp.test"}, hello, "250")
				} else {
					c.send("bob@example.com", []string{"alice@xmpp.test"}, hello, "451 4.7.1")
				}
			}
		})
	}
}

// script is a program that says the same to everybody who connects, and listens to nobody.
func script(t *testing.T, says string) string {
	t.Helper()
	l, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				if _, err := io.WriteString(conn, says); err == nil && says != "" {
					_, _ = io.Copy(io.Discard, conn) // until the other side has had enough
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// FuzzMilter: whatever a filter says, the mail is taken as it is or with a header that is one, or refused.
func FuzzMilter(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x00\x11\x00\x0f\xf3\xff\x00\x00\x00\x05hX\x00y\x00\x00\x00\x00\x01a"))
	f.Add([]byte("\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x00\x11\x00\x0f\xf3\xff\x00\x00\x00\x0dm\x00\x00\x00\x01Subject\x00y\x00\x00\x00\x00\x02q\x00\x00\x00\x00\x01a"))
	f.Add([]byte("\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x00\x11\x00\x0f\xf3\xff\x00\x00\x00\x0ay550 5.7.1\x00"))
	f.Fuzz(func(t *testing.T, says []byte) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Skip(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write(says) // it may have had enough
			_ = conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		})
		server := &Server{ctx: t.Context(), log: slog.New(slog.DiscardHandler)}
		server.rules.Store(&Rules{Milter: &Milter{Network: "tcp", Addr: l.Addr().String()}})
		s := &session{server: server}
		head := []byte("Subject: x\r\nTo: a@b.example\r\n\r\n")
		got, err := s.filter(&Incoming{Body: &Body{head: head}}, head)
		_ = l.Close()
		wg.Wait()
		if err != nil {
			return
		}
		if !strings.HasSuffix(string(got), "\r\n\r\n") || strings.Count(string(got), "\r\n\r\n") != 1 {
			t.Errorf("the header became %q", got)
		}
		for _, f := range fields(got) {
			if name, _, ok := f.split(); !ok || name == "" {
				t.Errorf("the header became %q", got)
			}
		}
	})
}
