package mailbridge

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

var bob = transports.Address{Local: "bob", Domain: "jabber.example"}

// redirectRig is a gateway whose operator has turned redirects on.
func redirectRig(t *testing.T, change func(*RedirectRules)) *rig {
	t.Helper()
	rules := &RedirectRules{Sender: "redirect", PerHour: 20, PerDay: 100, Kept: 1000, Gateways: []string{"mail.example"}}
	if change != nil {
		change(rules)
	}
	return rigWith(t, func(o *Options) { o.Redirect = rules })
}

var codeInMail = regexp.MustCompile(`redirect code (\S+)`)

// redirects has romeo's messages go to his mailbox.
func (r *rig) redirects() {
	r.t.Helper()
	if _, err := r.mail.redirectTo(r.t.Context(), "en", romeo, "me@example.net"); err != nil {
		r.t.Fatal(err)
	}
	m := r.sent()
	code := codeInMail.FindStringSubmatch(string(m.Body))
	if code == nil {
		r.t.Fatalf("the mail has no code:\n%s", m.Body)
	}
	if _, err := r.mail.confirmRedirect(r.t.Context(), "en", romeo, code[1]); err != nil {
		r.t.Fatal(err)
	}
	if e, ok := r.next().(transports.Remark); !ok || !strings.Contains(e.Text, "Your messages go to me@example.net.") {
		r.t.Fatalf("he is told %+v", e)
	}
}

// copied brings a copy that has to be taken.
func (r *rig) copied(c transports.Copy) {
	r.t.Helper()
	if c.User == (transports.Address{}) {
		c.User = romeo
	}
	if c.Peer == (transports.Address{}) && !c.Partial {
		c.Peer = bob
	}
	if c.Time.IsZero() {
		c.Time = r.clock.Now()
	}
	if err := r.mail.Copied(r.t.Context(), c); err != nil {
		r.t.Fatal(err)
	}
}

// pass has time pass, and what is due by then begin.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	r.clock.Advance(d)
	if err := r.db.Write(r.t.Context(), func(tx *store.Tx) error {
		_, err := r.mail.enqueue(tx, kindAsk, "wake", "", time.Time{}, task{User: romeo.String()})
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
}

// plainPart is the text of a mail that has HTML as well, as people read it.
func plainPart(m Mail) string {
	_, body, _ := strings.Cut(said(m), "\n\n")
	body, _, _ = strings.Cut(body, "\n--=_")
	return body
}

func TestAliasBecomesMail(t *testing.T) {
	t.Parallel()
	r := redirectRig(t, nil)
	r.redirects()
	for i := range 3 {
		r.copied(transports.Copy{Way: transports.WayAlias, ID: fmt.Sprint(i), Nick: "Bob", Body: fmt.Sprint("line ", i)})
	}
	r.pass(time.Hour)
	m := r.sent()
	for name, want := range map[string]string{
		"From": `"Bob (XMPP)" <redirect@example.org>`, "To": "me@example.net", "Subject": "Messages from Bob", "Auto-Submitted": "auto-generated",
		"X-Loop": "mail.example", "In-Reply-To": "",
	} {
		if got := field(m, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if to := field(m, "Reply-To"); !strings.HasPrefix(to, `"Bob" <r+`) || !strings.HasSuffix(to, "@example.org>") {
		t.Errorf("answers go to %q", to)
	}
	if !strings.HasPrefix(m.From.Local, "b+") || m.From.Domain != "example.org" {
		t.Errorf("reports go to %v", m.From)
	}
	for i := range 3 {
		if want := fmt.Sprintf("10:00 line %d", i); strings.Count(plainPart(m), want) != 1 {
			t.Errorf("%q is not there once:\n%s", want, plainPart(m))
		}
	}
	// The next one goes on in the same thread.
	r.copied(transports.Copy{Way: transports.WayAlias, ID: "4", Body: "more"})
	r.pass(time.Hour)
	next := r.sent()
	if first := field(m, "Message-ID"); field(next, "In-Reply-To") != first || field(next, "References") != first {
		t.Errorf("it does not go on:\n%s", next.Body)
	}
}

// said has romeo say something to the bot.
func (r *rig) command(words string) (string, error) {
	r.t.Helper()
	return r.mail.sayRedirect(r.t.Context(), transports.Call{User: romeo, Lang: "en"}, strings.Fields(words))
}

func TestOwnerOfMailboxRefuses(t *testing.T) {
	t.Parallel()
	r := redirectRig(t, nil)
	if _, err := r.command("to me@example.net"); err != nil {
		t.Fatal(err)
	}
	r.sent()
	if err := r.db.Write(t.Context(), func(tx *store.Tx) error {
		return r.mail.refuseRedirect(tx, &store.RedirectMail{UserID: r.mail.userID(romeo), Mailbox: "me@example.net"})
	}); err != nil {
		t.Fatal(err)
	}
	if e, ok := r.next().(transports.Remark); !ok || !strings.Contains(e.Text, "no more") {
		t.Errorf("he is told %+v", e)
	}
	if _, err := r.command("to ME@example.net"); transports.AsError(err).Kind != transports.Denied {
		t.Errorf("he may ask again: %v", err)
	}
}

// TestGuestsHaveRedirects: who has no address here has one only where the operator lets him.
func TestGuestsHaveRedirects(t *testing.T) {
	t.Parallel()
	guest, other := transports.Address{Local: "zoe", Domain: "friend.example"}, transports.Address{Local: "eve", Domain: "evil.example"}
	r := redirectRig(t, func(rules *RedirectRules) { rules.Guest = func(user transports.Address) bool { return user == guest } })
	if _, err := r.mail.redirectTo(t.Context(), "en", other, "eve@example.net"); transports.AsError(err).Kind != transports.NotRegistered {
		t.Errorf("somebody else is answered %v", err)
	}
	if _, err := r.mail.redirectTo(t.Context(), "en", guest, "zoe@example.net"); err != nil {
		t.Fatal(err)
	}
	code := codeInMail.FindStringSubmatch(string(r.sent().Body))
	if _, err := r.mail.confirmRedirect(t.Context(), "en", guest, code[1]); err != nil {
		t.Fatal(err)
	}
	r.next() // how her messages are learnt of
	r.copied(transports.Copy{User: guest, Way: transports.WayAlias, ID: "1", Nick: "Bob", Body: "Are you there?"})
	r.pass(time.Hour)
	if m := r.sent(); field(m, "From") != `"Bob (XMPP)" <redirect@example.org>` || field(m, "To") != "zoe@example.net" {
		t.Errorf("the mail is\n%s", m.Body)
	}
}
