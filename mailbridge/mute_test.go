package mailbridge

import (
	"fmt"
	"strings"
	"testing"

	"passerelle/transports"
)

// bringFrom has somebody write a mail that is known by a number.
func (r *rig) bringFrom(who string, n int, body string) {
	r.t.Helper()
	r.accepted(who, plainMail(fmt.Sprintf("From: %s\nTo: romeo@example.org\nMessage-ID: <m%d@example.com>\n", who, n), body), "romeo@example.org")
}

// TestMute: mail of somebody who is muted is taken and kept, and shown to nobody until it is asked for. What came meanwhile comes afterwards, once.
func TestMute(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bringFrom("juliet@example.com", 1, "Before.")
	if l := r.letter(); l.Body != "Before." {
		t.Errorf("got %+v", l)
	}
	r.say("1", "/mute")
	if said := r.told(); !strings.Contains(said, "juliet@example.com writes is not shown") {
		t.Errorf("the answer is %q", said)
	}
	r.bringFrom("juliet@example.com", 2, "Meanwhile.")
	// One with a file, which nobody uploads before it is shown.
	r.accepted("juliet@example.com", fromJuliet+"Message-ID: <m3@example.com>\nMIME-Version: 1.0\nContent-Type: application/pdf; name=a.pdf\n\nx\n", "romeo@example.org")
	r.bringFrom("nurse@example.net", 4, "Of somebody else.")
	if l := r.letter(); l.Body != "Of somebody else." {
		t.Errorf("got %+v of somebody who is muted", l)
	}
	table, err := r.mail.listContacts(t.Context(), transports.Call{User: romeo, Lang: "en"}, transports.Page{Max: 10})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, row := range table.Rows {
		found = found || row.Key == juliet.ID && row.Cells[2] == "muted"
	}
	if !found {
		t.Errorf("the contacts are %+v", table.Rows)
	}
	r.say("2", "/full")
	if said := r.told(); !strings.Contains(said, "nothing that was left out") && said != "Meanwhile." {
		t.Errorf("the last mail is %q", said)
	}
	r.say("3", "/unmute")
	if said := r.told(); !strings.Contains(said, "2 mails came meanwhile, and come now.") {
		t.Errorf("the answer is %q", said)
	}
	first, second := r.letter(), r.letter()
	if first.Body != "Meanwhile." || len(second.Files) != 1 || first.ID == "" || first.ID == second.ID {
		t.Errorf("got %+v and %+v", first, second)
	}
	r.bringFrom("juliet@example.com", 5, "Afterwards.")
	if l := r.letter(); l.Body != "Afterwards." {
		t.Errorf("got %+v", l)
	}
	r.say("4", "/unmute")
	if said := r.told(); strings.Contains(said, "meanwhile") {
		t.Errorf("the second answer is %q", said)
	}
	for id := int64(1); id < 6; id++ {
		if in, ok, err := r.db.MailIn(t.Context(), id); err != nil || ok && in.Open != 0 {
			t.Errorf("the mail %d is kept as %+v: %v", id, in, err)
		}
	}
}

// TestMuteForOne of several recipients: the others get it.
func TestMuteForOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.say("1", "/mute")
	r.told()
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Message-ID: <m1@example.com>\n", "To both."), "romeo@example.org", "admin@example.org")
	if l := r.letter(); l.Body != "To both." {
		t.Errorf("got %+v", l)
	}
	r.say("2", "/unmute")
	if said := r.told(); !strings.Contains(said, "One mail came meanwhile") {
		t.Errorf("the answer is %q", said)
	}
	if l := r.letter(); l.Body != "To both." {
		t.Errorf("got %+v", l)
	}
}

// TestMuteMany: of many that came the last come.
func TestMuteMany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.say("1", "/mute")
	r.told()
	const n = maxUnmuted + 3
	for i := range n {
		r.bringFrom("juliet@example.com", i, fmt.Sprintf("Mail %d.", i))
	}
	r.say("2", "/unmute")
	if said := r.told(); !strings.Contains(said, fmt.Sprintf("%d mails came meanwhile. The last %d", n, maxUnmuted)) {
		t.Errorf("the answer is %q", said)
	}
	for i := n - maxUnmuted; i < n; i++ {
		if l := r.letter(); l.Body != fmt.Sprintf("Mail %d.", i) {
			t.Errorf("got %q, want mail %d", l.Body, i)
		}
	}
}

// TestMuteStrangersAndLists: who is muted is not asked about, and a list is muted by its address.
func TestMuteStrangersAndLists(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.set(SettingStrangers, StrangersAsk)
	for _, who := range []string{"eve@example.net", "talk@lists.example.net"} {
		if _, err := r.mail.runMute(t.Context(), transports.Call{User: romeo, Lang: "en", Values: transports.Values{"who": {who}}}); err != nil {
			t.Fatal(err)
		}
	}
	r.bringFrom("eve@example.net", 1, "Buy.")
	r.accepted("dave@example.net", plainMail("From: dave@example.net\nTo: romeo@example.org\nList-Id: <talk.lists.example.net>\n"+
		"List-Post: <mailto:talk@lists.example.net>\nMessage-ID: <m2@example.net>\n", "All."), "romeo@example.org")
	table, err := r.mail.listQueue(t.Context(), transports.Call{User: romeo, Lang: "en"}, transports.Page{Max: 10})
	if err != nil || len(table.Rows) != 0 {
		t.Errorf("what waits is %+v, %v", table, err)
	}
	for _, who := range []string{"eve@example.net", "talk@lists.example.net"} {
		if said, err := r.mail.runUnmute(t.Context(), transports.Call{User: romeo, Lang: "en", Values: transports.Values{"who": {who}}}); err != nil || !strings.Contains(said, "One mail came meanwhile") {
			t.Errorf("%s: the answer is %q, %v", who, said, err)
		}
		r.letter()
	}
}

func TestOriginalPage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	raw := fromJuliet + "Message-ID: <m1@example.com>\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\n" +
		"--b\nContent-Type: text/plain\n\nPlain.\n--b\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n<b>caf=E9</b>\n--b--\n"
	r.accepted("juliet@example.com", raw, "romeo@example.org")
	r.letter()
	r.say("1", "/original html")
	link := r.told()
	if got := strings.TrimSpace(r.xmpp.uploads[link]); got != "\ufeff<b>café</b>" || !strings.HasSuffix(link, ".html") {
		t.Errorf("the page is %q at %s", got, link)
	}
	r.bringFrom("juliet@example.com", 2, "Plain.")
	r.letter()
	r.say("2", "/original html")
	if said := r.told(); !strings.Contains(said, "no HTML") {
		t.Errorf("of plain text: %q", said)
	}
}
