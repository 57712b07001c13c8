package relay

import (
	"context"
	"strings"
	"testing"
	"time"
)

// impatience is for servers that never come to an end.
var impatience = times{
	connect: time.Second, greeting: 300 * time.Millisecond, command: 300 * time.Millisecond, block: 300 * time.Millisecond, end: 300 * time.Millisecond,
	quit: 100 * time.Millisecond, stop: 100 * time.Millisecond, idle: time.Second,
}

// drip says something again and again until nobody listens.
func (k *talk) drip(s string) {
	for {
		if _, err := k.Write([]byte(s)); err != nil {
			return
		}
	}
}

// A server that means no good stops nobody, and what is known is said.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	const slow, gone = "it did not answer in time", "it ended the connection"
	upTo := func(verb string, then func(*talk)) func(*talk) {
		return func(k *talk) {
			k.say("220 x")
			for {
				line := k.hear()
				switch {
				case line == "":
					return
				case strings.HasPrefix(line, verb):
					then(k)
					return
				case line == "DATA":
					k.say("354 go")
					if !k.mail() {
						return
					}
					k.say("250 ok")
				default:
					k.say("250 ok")
				}
			}
		}
	}
	for _, c := range []struct {
		name  string
		serve func(*talk)
		want  string
	}{
		{"no greeting", func(k *talk) { k.hear() }, "later 451 4.4.1 " + slow + " (away)"},
		{"an endless greeting", func(k *talk) { k.drip("220-hello\r\n") }, "later 451 4.4.1 greeting: it says too much (away)"},
		{"an endless line", func(k *talk) { k.drip("220 hello") }, "later 451 4.4.1 greeting: it says too much (away)"},
		{"a greeting by and by", func(k *talk) {
			for range time.Tick(20 * time.Millisecond) {
				if _, err := k.Write([]byte("2")); err != nil {
					return
				}
			}
		}, "later 451 4.4.1 " + slow + " (away)"},
		{"another protocol", func(k *talk) { k.say("SSH-2.0-OpenSSH"); k.hear() }, "later 451 4.4.1 greeting: it does not speak SMTP (away)"},
		{"a refusal", func(k *talk) { k.say("554 5.7.1 you are listed\x1b[2J"); k.hear() }, "later 451 4.3.0 greeting: you are listed [2J (away)"},
		{"replies that differ", func(k *talk) { k.say("220-x", "250 x"); k.hear() }, "later 451 4.4.1 greeting: it does not speak SMTP (away)"},
		{"endless extensions", upTo("EHLO", func(k *talk) { k.drip("250-X\r\n") }), "later 451 4.4.1 EHLO: it says too much (away)"},
		{"no answer to RCPT", upTo("RCPT", func(k *talk) { k.hear() }), "later 451 4.4.2 the connection broke: " + slow + " (away)"},
		{"an endless answer to RCPT", upTo("RCPT", func(k *talk) { k.drip("550-no\r\n") }), "later 451 4.4.2 the connection broke: it says too much (away)"},
		{"go on to RCPT", upTo("RCPT", func(k *talk) { k.say("354 go"); k.hear() }), "later 354 3.0.0 go"},
		{"fine to DATA", upTo("DATA", func(k *talk) { k.say("250 fine"); k.hear() }), "later 451 4.4.2 the connection broke: it does not speak SMTP (away)"},
		{"an end at DATA", upTo("DATA", func(*talk) {}), "later 451 4.4.2 the connection broke: " + gone + " (away)"},
		{"fine and an end", upTo("DATA", func(k *talk) {
			k.say("354 go")
			if k.mail() {
				k.say("250 2.0.0 queued")
			}
		}), "sent 250 2.0.0 queued"},
		{"an end behind the dot", upTo("DATA", func(k *talk) { k.say("354 go"); k.mail() }), "later 451 4.4.2 whether it has taken the mail is not known: " + gone},
		{"silence behind the dot", upTo("DATA", func(k *talk) { k.say("354 go"); k.mail(); k.hear() }), "later 451 4.4.2 whether it has taken the mail is not known: " + slow},
		{"rubbish behind the dot", upTo("DATA", func(k *talk) { k.say("354 go"); k.mail(); k.say("fine"); k.hear() }), "later 451 4.4.2 whether it has taken the mail is not known: it does not speak SMTP"},
		{"goodbye behind the dot", upTo("DATA", func(k *talk) { k.say("354 go"); k.mail(); k.say("421 4.3.2 bye") }), "later 421 4.3.2 bye (away)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := plain(listen(t, c.serve).addr)
			o.times = &impatience
			wantResults(t, send(t, start(t, o), envelope(t, "bob@example.com")), "bob@example.com "+c.want)
		})
	}
}

// A server that stops reading in the middle of a mail is given up.
func TestWriteTime(t *testing.T) {
	t.Parallel()
	p := listen(t, func(k *talk) {
		k.say("220 x")
		for line := k.hear(); line != ""; line = k.hear() {
			if line == "DATA" {
				k.say("354 go")
				<-k.t.Context().Done()
				return
			}
			k.say("250 ok")
		}
	})
	o := plain(p.addr)
	o.times = &impatience
	r := start(t, o)
	got := r.Send(t.Context(), envelope(t, "bob@example.com"), []byte(strings.Repeat("x\r\n", 10<<20)))
	wantResults(t, got, "bob@example.com later 451 4.4.2 the connection broke: it did not answer in time")
}

// The end of everything does not wait for servers, but for some time for what they have and do not answer to yet.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ at, want string }{
		{"RCPT", "later 451 4.4.2 the connection broke: the gateway is being stopped (away)"},
		{"DOT", "sent 250 2.0.0 after all"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		p := listen(t, func(k *talk) {
			k.say("220 x")
			for line := k.hear(); line != ""; line = k.hear() {
				switch {
				case strings.HasPrefix(line, c.at):
					cancel()
					k.hear()
					return
				case line == "DATA":
					k.say("354 go")
					k.mail()
					cancel()
					k.say("250 2.0.0 after all")
				default:
					k.say("250 ok")
				}
			}
		})
		r := start(t, plain(p.addr))
		wantResults(t, r.Send(ctx, envelope(t, "bob@example.com"), []byte(testMail)), "bob@example.com "+c.want)
		wantResults(t, r.Send(ctx, envelope(t, "bob@example.com"), []byte(testMail)), "bob@example.com later 451 4.4.1 the gateway is being stopped (away)")
		cancel()
	}
}
