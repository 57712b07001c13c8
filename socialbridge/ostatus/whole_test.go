package ostatus

import (
	"context"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"passerelle/internal/postaltest"
	"passerelle/socialbridge"
	"passerelle/transports"
)

// xmppSide stands for component.
type xmppSide struct{ postaltest.XMPP }

func (x *xmppSide) Exists(context.Context, transports.Address) (bool, error) { return true, nil }
func (x *xmppSide) Upload(context.Context, transports.Address, transports.File, io.ReaderAt) (string, error) {
	return "", nil
}
func (x *xmppSide) Watch(context.Context, transports.Address) error   { return nil }
func (x *xmppSide) Unwatch(context.Context, transports.Address)       {}
func (x *xmppSide) CatchUp(context.Context, transports.Address) error { return nil }
func (x *xmppSide) Publish(context.Context, transports.Address, transports.Entry) (bool, error) {
	return true, nil
}

var romeo = transports.Address{Local: "romeo", Domain: "xmpp.test"}

// whole is a wire with the social core behind it.
type whole struct {
	*rig
	social *socialbridge.Transport
	xmpp   *xmppSide
}

func newWhole(t testing.TB, o rigOptions) *whole {
	t.Helper()
	w := &whole{xmpp: &xmppSide{postaltest.NewXMPP()}}
	o.idle = true
	o.real = func(r *rig, base *url.URL) socialbridge.Core {
		var err error
		if w.social, err = socialbridge.New(socialbridge.Options{
			Domain: "social.test", URL: base, Store: r.db, Log: slog.New(slog.DiscardHandler), Now: r.clock.Now, Rules: socialbridge.Rules{Users: romeo.Domain},
		}); err != nil {
			t.Fatal(err)
		}
		return w.social
	}
	w.rig = newRig(t, o)
	w.social.Speak(w.wire)
	w.social.Serve(w.xmpp)
	w.work(0)
	w.say("social on")
	return w
}

// say runs a command of romeo's.
func (w *whole) say(line string) string {
	w.Helper()
	words := strings.Fields(line)
	for _, c := range w.social.Commands() {
		if c.Name != words[0] {
			continue
		}
		call := transports.Call{User: romeo, Lang: "en", Values: transports.Values{}}
		var said string
		var err error
		if c.Say != nil {
			said, err = c.Say(w.Context(), call, words[1:])
		} else {
			said, err = c.Run(w.Context(), call)
		}
		if err != nil {
			w.Fatalf("%s: %v", line, err)
		}
		return said
	}
	w.Fatalf("there is no command %s", words[0])
	return ""
}

// next is the next event of a type.
func next[E transports.Event](w *whole) E {
	w.Helper()
	end := time.After(patience)
	for {
		select {
		case d := <-w.xmpp.Delivered:
			if is, ok := d.Event.(E); ok {
				return is
			}
		case <-end:
			w.Fatalf("no %T came", *new(E))
		}
	}
}

// TestWhole is GNU social with one of our users, and everything of ours between them.
func TestWhole(t *testing.T) {
	t.Parallel()
	w := newWhole(t, rigOptions{})
	site, users := w.site("alice")
	alice, me := users[0], "romeo@"+w.wire.host
	if err := alice.Follow(t.Context(), me); err != nil {
		t.Fatal(err)
	}
	if e := next[transports.FollowedBy](w); !e.On || e.With.ID != alice.Acct() {
		t.Errorf("followed by %+v", e)
	}
	w.say("follow " + alice.Acct())
	w.eventually(site, "she is followed", func() bool {
		all := alice.Slaps()
		return alice.Subscribers() == 1 && len(all) == 1 && all[0].Does("follow") && all[0].Object.ID == alice.URI()
	})
	w.say("post Hello world")
	w.eventually(site, "the post", func() bool { return len(alice.Pushed()) == 1 })
	post := alice.Pushed()[0]
	if !strings.Contains(post.Content, "Hello world") || post.Author.Nick() != "romeo" {
		t.Errorf("the post is %+v", post)
	}
	reply, err := alice.Reply(t.Context(), post.ID, "nice", me)
	if err != nil {
		t.Fatal(err)
	}
	if l := next[transports.Letter](w); !strings.Contains(l.Body, "nice") {
		t.Errorf("the reply is %+v", l)
	}
	if err := alice.Favorite(t.Context(), me, post.ID); err != nil {
		t.Fatal(err)
	}
	if e := next[transports.EntryRegarded](w); e.By.ID != alice.Acct() || len(e.Regard.Reactions) == 0 {
		t.Errorf("the favorite is %+v", e)
	}
	if _, err := alice.Post(t.Context(), "Good morning"); err != nil {
		t.Fatal(err)
	}
	if e := next[transports.EntryPublished](w); e.Of.ID != alice.Acct() || e.Entry.ID == reply.ID && e.Entry.Body == "" {
		t.Errorf("her post is %+v", e)
	}
	if err := alice.Unfollow(t.Context(), me); err != nil {
		t.Fatal(err)
	}
	if e := next[transports.FollowedBy](w); e.On {
		t.Errorf("followed by %+v", e)
	}
	w.say("unfollow " + alice.Acct())
	w.eventually(site, "nobody follows her", func() bool {
		all := alice.Slaps()
		return alice.Subscribers() == 0 && all[len(all)-1].Does("unfollow")
	})
}
