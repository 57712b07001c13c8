package mailbridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/internal/postaltest"
	"passerelle/store"
	"passerelle/transports"
)

// followed stands for component where it follows users. What it does not know it says so.
type followed struct {
	*xmppSide
	mu       sync.Mutex
	offers   []transports.Offer
	refuse   map[transports.Way]error
	follows  []string
	online   map[string]bool
	marks    []transports.ReadMark
	fill     func(context.Context) error
	password string
}

func (f *followed) Offers(context.Context, transports.Address, string) ([]transports.Offer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.offers), nil
}

func (f *followed) Follow(_ context.Context, _ transports.Address, w transports.Way, what transports.Following, password string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refuse[w]; err != nil {
		return err
	}
	f.follows, f.password = append(f.follows, fmt.Sprint(wayName(w), " ", what)), password
	return nil
}

func (f *followed) Unfollow(context.Context, transports.Address) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.follows = append(f.follows, "nothing")
	return nil
}

func (f *followed) Followed(context.Context, transports.Address) (transports.Way, transports.Following, error) {
	return transports.WayNone, transports.FollowNothing, nil
}

func (f *followed) ReadMarks(context.Context, transports.Address) ([]transports.ReadMark, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.marks), nil
}

func (f *followed) Fill(ctx context.Context, _ transports.Address) error {
	f.mu.Lock()
	fill := f.fill
	f.mu.Unlock()
	if fill == nil {
		return transports.NewError(transports.Unsupported, "nothing to read", nil)
	}
	return fill(ctx)
}

func (f *followed) Speak(*store.Tx, transports.Address, transports.Speech) (bool, error) {
	return false, errors.New("it is not for this test")
}

func (f *followed) Online(user transports.Address) (online, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	online, known = f.online[user.Bare().String()]
	return online, known
}

func (f *followed) did() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.follows, ", ")
}

var bestOffers = []transports.Offer{
	{Way: transports.WayModule, Speaks: true, Marks: true, Whole: true}, {Way: transports.WayLogin, Speaks: true, Marks: true, Whole: true}, {Way: transports.WayAlias, Whole: true},
}

// followedRig is a gateway whose users' messages are learnt of, redirected to romeo's mailbox by a module.
func followedRig(t *testing.T, change func(*RedirectRules)) (*rig, *followed) {
	t.Helper()
	r := redirectRig(t, change)
	f := &followed{xmppSide: r.xmpp, offers: bestOffers, online: map[string]bool{}, refuse: map[transports.Way]error{}}
	r.mail.Serve(f)
	r.redirects()
	return r, f
}

// waiting is how many messages wait for romeo.
func (r *rig) waiting() (n int) {
	r.t.Helper()
	talks, err := r.db.RedirectTalks(r.t.Context(), r.mail.userID(romeo), 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, talk := range talks {
		n += talk.Waiting
	}
	return n
}

// silent checks that no mail goes out but a last one, which a message to the alias makes.
func (r *rig) silent() {
	r.t.Helper()
	r.copied(transports.Copy{Way: transports.WayAlias, Peer: transports.Address{Local: "probe", Domain: "probe.example"}, ID: "probe", Body: "probe"})
	r.pass(48 * time.Hour)
	if m := r.sent(); !strings.Contains(plainPart(m), "probe") {
		r.t.Errorf("a mail went out:\n%s", plainPart(m))
	}
	// Of what else was due there is no mail that could be waited for.
	for end := time.Now().Add(postaltest.Patience); r.waiting() != 0; {
		if time.Now().After(end) {
			r.t.Fatalf("%d messages wait", r.waiting())
		}
	}
}

func copyOf(id, body string) transports.Copy {
	return transports.Copy{Way: transports.WayModule, ID: id, ArchiveID: "a" + id, Body: body}
}

func TestUnreadMessagesAreMailed(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	r.copied(copyOf("1", "one"))
	r.clock.Advance(9 * time.Minute)
	r.copied(copyOf("2", "two"))
	if n := r.waiting(); n != 2 {
		t.Fatalf("%d messages wait", n)
	}
	r.pass(time.Minute)
	m := r.sent()
	if got := plainPart(m); !strings.Contains(got, "10:00 one\n10:09 two\n") {
		t.Errorf("it says\n%s", got)
	}
	r.silent()
}

func TestReadMessagesAreNotMailed(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(r *rig){
		"he answers": func(r *rig) {
			r.copied(transports.Copy{Way: transports.WayModule, Sent: true, ID: "9", Body: "yes"})
		},
		"a marker of the archive": func(r *rig) {
			r.read(transports.ReadMark{Peer: bob.Bare(), ArchiveID: "a2"})
		},
		"a marker of the stanza": func(r *rig) { r.read(transports.ReadMark{Peer: bob.Bare(), ID: "2"}) },
		"a marker of a time":     func(r *rig) { r.read(transports.ReadMark{Peer: bob.Bare(), Time: r.clock.Now()}) },
		"a marker of what is unknown, with its time": func(r *rig) {
			r.read(transports.ReadMark{Peer: bob.Bare(), ArchiveID: "other", Time: r.clock.Now()})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := followedRig(t, nil)
			r.copied(copyOf("1", "one"))
			r.copied(copyOf("2", "two"))
			r.clock.Advance(time.Minute)
			read(r)
			if n := r.waiting(); n != 0 {
				t.Errorf("%d messages wait", n)
			}
			// What was said before, and comes late by another way, is read as well.
			r.copied(transports.Copy{Way: transports.WayLogin, ID: "0", ArchiveID: "a0", Body: "zero", Time: r.clock.Now().Add(-2 * time.Minute)})
			r.silent()
		})
	}
}

func (r *rig) read(m transports.ReadMark) {
	r.t.Helper()
	m.User = romeo
	if err := r.mail.WasRead(r.t.Context(), m); err != nil {
		r.t.Fatal(err)
	}
}

func TestMarkerDropsWhatIsBeforeIt(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	for i := range 3 {
		r.clock.Advance(time.Second)
		r.copied(copyOf(fmt.Sprint(i), fmt.Sprint("line ", i)))
	}
	r.read(transports.ReadMark{Peer: bob.Bare(), ArchiveID: "a1"})
	r.read(transports.ReadMark{Peer: transports.Address{Local: "eve", Domain: "x.example"}, ArchiveID: "a2"})
	r.pass(time.Hour)
	if got := plainPart(r.sent()); strings.Contains(got, "line 1") || !strings.Contains(got, "line 2") {
		t.Errorf("it says\n%s", got)
	}
}

func TestMarksAreAskedForBeforeTheMail(t *testing.T) {
	t.Parallel()
	r, f := followedRig(t, nil)
	r.copied(copyOf("1", "one"))
	f.mu.Lock()
	f.marks = []transports.ReadMark{{Peer: bob.Bare(), ArchiveID: "a1"}}
	f.mu.Unlock()
	r.silent()
}

func TestPresenceStopsTheClockWhereHeWantsThat(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	for _, want := range []int{1, 0} {
		r.copied(copyOf(fmt.Sprint(want), "one"))
		if err := r.mail.WasPresent(t.Context(), client, true); err != nil {
			t.Fatal(err)
		}
		if n := r.waiting(); n != want {
			t.Errorf("%d messages wait, want %d", n, want)
		}
		r.mustSay("presence on")
	}
}

func (r *rig) mustSay(words string) string {
	r.t.Helper()
	said, err := r.command(words)
	if err != nil {
		r.t.Fatalf("%s: %v", words, err)
	}
	return said
}

func TestOfflineMessagesAreMailed(t *testing.T) {
	t.Parallel()
	r, f := followedRig(t, nil)
	r.mustSay("add do offline")
	set := func(online bool) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.online[romeo.String()] = online
	}
	set(true)
	r.copied(copyOf("1", "he is there"))
	if n := r.waiting(); n != 0 {
		t.Errorf("%d messages wait", n)
	}
	// His phone did not get it after all, and his server stores it then.
	late := copyOf("1", "he is there")
	late.Offline = true
	r.copied(late)
	set(false)
	gone := copyOf("2", "he is not")
	gone.Offline = true
	r.copied(gone)
	if n := r.waiting(); n != 2 {
		t.Errorf("%d messages wait", n)
	}
	r.pass(time.Minute)
	r.sent()
}

func TestDigestsOfConversations(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	r.mustSay("zone Europe/Paris") // it is 11:00 there
	r.mustSay("add do digest at 12:00,18:00")
	r.copied(copyOf("1", "one"))
	carol := copyOf("2", "two")
	carol.Peer = transports.Address{Local: "carol", Domain: "jabber.example"}
	r.copied(carol)
	r.pass(59 * time.Minute)
	if n := r.waiting(); n != 2 {
		t.Fatalf("%d messages wait", n)
	}
	r.pass(time.Minute)
	got := plainPart(r.sent()) + plainPart(r.sent())
	for _, want := range []string{"bob@jabber.example wrote", "11:00 one", "carol@jabber.example wrote", "11:00 two"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	r.copied(copyOf("3", "three"))
	if talks, err := r.db.RedirectTalks(t.Context(), r.mail.userID(romeo), 10); err != nil || len(talks) != 1 || !talks[0].Due.Equal(time.Date(2026, 11, 26, 17, 0, 0, 0, time.UTC)) {
		t.Errorf("waiting are %+v, %v", talks, err)
	}
}

func TestRoomsOnlyWhereHeWants(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	room := transports.Address{Local: "verona", Domain: "rooms.example", Resource: "Tybalt"}
	say := func(id, body string) {
		r.copied(transports.Copy{Way: transports.WayModule, Peer: room, Room: true, ID: id, ArchiveID: id, Nick: "Tybalt", Body: body})
	}
	say("1", "Romeo!")
	r.mustSay("add rooms mentions do unread 5")
	say("2", "Romeo, thou art a villain")
	say("3", "romeos and romeo_ are others")
	if n := r.waiting(); n != 1 {
		t.Errorf("%d messages wait", n)
	}
	r.pass(5 * time.Minute)
	m := r.sent()
	if got := plainPart(m); !strings.Contains(got, "In the room verona@rooms.example:") || !strings.Contains(got, "10:00 Tybalt: Romeo, thou") {
		t.Errorf("it says\n%s", got)
	}
	if field(m, "Subject") != "Messages in verona" || field(m, "From") != `"verona (XMPP)" <redirect@example.org>` {
		t.Errorf("its head is\n%s", m.Body)
	}
}

// TestNickInRooms: a user is named by what he is called in the room, which he learns who hears him there; what he says himself is not mailed to him.
func TestNickInRooms(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	r.mustSay("add rooms mentions do unread 5")
	room := transports.Address{Local: "verona", Domain: "rooms.example"}
	say := func(nick, id, body string) {
		r.copied(transports.Copy{Way: transports.WayModule, Peer: room.WithResource(nick), Room: true, ID: id, Nick: nick, Body: body})
	}
	r.copied(transports.Copy{Way: transports.WayModule, Peer: room, Room: true, Sent: true, ID: "own", Body: "I am Lover and Romeo"})
	say("Lover", "own", "I am Lover and Romeo")
	if n := r.waiting(); n != 0 {
		t.Errorf("%d messages wait of what he said himself", n)
	}
	r.clock.Advance(time.Second)
	say("Tybalt", "own", "Romeo is none of his names here")
	say("Tybalt", "2", "lover, thou art a villain")
	say("Lover", "3", "whoever has that nick by now: Lover")
	if n := r.waiting(); n != 2 {
		t.Errorf("%d messages wait", n)
	}
	r.pass(time.Hour)
	if got := plainPart(r.sent()); !strings.Contains(got, "Tybalt: lover, thou") || strings.Contains(got, "none of his") {
		t.Errorf("it says\n%s", got)
	}
}

// TestPrivateMessagesInRooms: each occupant who writes to the user alone is a conversation, which cannot be answered by mail.
func TestPrivateMessagesInRooms(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	room := transports.Address{Local: "verona", Domain: "rooms.example"}
	for _, nick := range []string{"Tybalt", "Nurse"} {
		r.copied(transports.Copy{Way: transports.WayModule, Peer: room.WithResource(nick), ID: nick, Nick: "Juliet", Body: "It is " + nick})
	}
	r.read(transports.ReadMark{User: romeo, Peer: room.WithResource("Nurse"), ID: "Nurse"})
	r.pass(time.Hour)
	m := r.sent()
	if got := plainPart(m); field(m, "Subject") != "Messages from Tybalt (verona)" || !strings.Contains(got, "verona@rooms.example/Tybalt wrote to you") ||
		!strings.Contains(got, "It is Tybalt") || !strings.Contains(got, "can only be answered there") || strings.Contains(got, "Answer this mail") {
		t.Errorf("the mail is\n%s", m.Body)
	}
	r.silent()
}

func TestWhatIsNeverMailed(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	for name, c := range map[string]transports.Copy{
		"nothing":           {ID: "1"},
		"from the gateway":  {ID: "2", Peer: transports.Address{Local: `bob\40example.com`, Domain: "mail.example"}, Body: "was mail"},
		"from the bot":      {ID: "3", Peer: transports.Address{Domain: "mail.example"}, Body: "hello"},
		"from himself":      {ID: "4", Peer: client, Body: "a note"},
		"a room's subject":  {ID: "5", Room: true, Subject: "new"},
		"of nobody":         {ID: "6", User: transports.Address{Domain: "xmpp.example"}, Body: "x"},
		"of somebody else":  {ID: "7", User: transports.Address{Local: "other", Domain: "xmpp.example"}, Body: "x"},
		"to whom he writes": {ID: "8", Sent: true, Body: "x"},
	} {
		c.Way = transports.WayModule
		r.copied(c)
		if n := r.waiting(); n != 0 {
			t.Errorf("%s: %d messages wait", name, n)
		}
	}
}

func TestSameMessageIsMailedOnce(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	one := copyOf("1", "one")
	push := transports.Copy{Way: transports.WayPush, Partial: true, Body: "one", Peer: bob}
	r.copied(push)
	r.copied(push)
	r.copied(one)
	r.copied(one)
	byID := one
	byID.ArchiveID, byID.Way = "", transports.WayAlias
	r.copied(byID)
	r.copied(push) // 2 seconds
	if n := r.waiting(); n != 1 {
		t.Errorf("%d messages wait", n)
	}
	// The same words are another message, and so is the same id with other words.
	r.copied(copyOf("2", "one"))
	other := copyOf("1", "something else")
	other.ArchiveID = "a3"
	r.copied(other)
	if n := r.waiting(); n != 3 {
		t.Errorf("%d messages wait", n)
	}
	r.pass(time.Hour)
	m := r.sent()
	if got := plainPart(m); strings.Count(got, "10:00 one") != 2 || strings.Count(got, "something else") != 1 {
		t.Errorf("it says\n%s", got)
	}
	// It was mailed; that it comes again from the archive changes nothing.
	r.copied(one)
	r.silent()
}

// TestSameWordsAreNotTheSameMessage: what the archive has is what was pushed when it was said, and not what says the same.
func TestSameWordsAreNotTheSameMessage(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	r.copied(transports.Copy{Way: transports.WayPush, Peer: bob, Body: "ok", Partial: true})
	r.clock.Advance(2 * time.Minute)
	r.copied(copyOf("2", "ok"))
	if n := r.waiting(); n != 2 {
		t.Errorf("%d messages wait, want 2", n)
	}
	first := copyOf("1", "ok")
	first.Time = r.clock.Now().Add(-150 * time.Second)
	r.copied(first)
	if n := r.waiting(); n != 2 {
		t.Errorf("%d messages wait, want 2", n)
	}
}

func TestPartialCopiesAreFilled(t *testing.T) {
	t.Parallel()
	r, f := followedRig(t, nil)
	r.copied(transports.Copy{Way: transports.WayPush, Partial: true})                                    // it says nothing
	r.copied(transports.Copy{Way: transports.WayPush, Partial: true, Peer: bob, Body: "New Message!"})   // nor this
	r.copied(transports.Copy{Way: transports.WayPush, Partial: true, Peer: bob, Body: "said in a push"}) // this does
	f.mu.Lock()
	f.fill = func(ctx context.Context) error {
		for i, body := range []string{"whole", "said in a push"} {
			c := copyOf(fmt.Sprint(i), body)
			c.User, c.Peer, c.Time = romeo, bob, r.clock.Now().Add(-time.Hour)
			if err := r.mail.Copied(ctx, c); err != nil {
				return err
			}
		}
		return nil
	}
	f.mu.Unlock()
	r.pass(time.Hour)
	got := plainPart(r.sent())
	if strings.Contains(got, "New Message!") || strings.Count(got, "whole") != 1 || strings.Count(got, "said in a push") != 1 {
		t.Errorf("it says\n%s", got)
	}
	r.silent()
}

func TestPartialCopiesThatNobodyCanFill(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	r.copied(transports.Copy{Way: transports.WayPush, Partial: true})
	r.pass(time.Hour)
	m := r.sent()
	if got := plainPart(m); !strings.Contains(got, "could not read") || !strings.Contains(got, "cannot be answered") {
		t.Errorf("it says\n%s", got)
	}
}

func TestCorrectionsOfWhatWaitsAndWasMailed(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	r.copied(copyOf("1", "Helo"))
	fix := copyOf("2", "Hello")
	fix.Replaces = "1"
	r.copied(fix)
	again := copyOf("3", "Hello!")
	again.Replaces = "1"
	r.copied(again)
	r.copied(fix) // it comes again
	forged := copyOf("4", "I owe you")
	forged.Replaces, forged.Peer = "1", transports.Address{Local: "eve", Domain: "x.example"}
	r.copied(forged)
	r.pass(time.Hour)
	both := plainPart(r.sent()) + plainPart(r.sent())
	if strings.Count(both, "10:00 Hello!\n") != 1 || strings.Count(both, "Hel") != 1 || strings.Count(both, "Correction: I owe you") != 1 {
		t.Errorf("they say\n%s", both)
	}
	late := copyOf("5", "Hullo")
	late.Replaces = "1"
	r.copied(late)
	r.pass(time.Hour)
	if got := plainPart(r.sent()); !strings.Contains(got, "Correction: Hullo") {
		t.Errorf("it says\n%s", got)
	}
}

func TestEncryptedMessagesAreAnnounced(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	for i := range 3 {
		c := copyOf(fmt.Sprint(i), "I sent you an OMEMO encrypted message but your client doesn’t seem to support that.")
		c.Encrypted = "OMEMO"
		r.copied(c)
	}
	r.pass(time.Hour)
	if got := plainPart(r.sent()); !strings.Contains(got, "3 encrypted messages (OMEMO)") || strings.Contains(got, "I sent you") {
		t.Errorf("it says\n%s", got)
	}
}

func TestWhatIsTakenBackIsNotMailed(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	r.copied(copyOf("1", "one"))
	r.copied(copyOf("2", "two"))
	back := func(id, from string) {
		r.copied(transports.Copy{Way: transports.WayModule, Peer: transports.Address{Local: from, Domain: "jabber.example"}, ID: "b" + id, Replaces: id})
	}
	back("2", "eve")
	back("1", "bob")
	back("1", "bob")
	back("9", "bob")
	if n := r.waiting(); n != 1 {
		t.Errorf("%d messages wait", n)
	}
	r.pass(time.Hour)
	if got := plainPart(r.sent()); strings.Contains(got, "one") || !strings.Contains(got, "two") {
		t.Errorf("it says\n%s", got)
	}
	r.copied(copyOf("3", "three"))
	back("3", "bob")
	r.silent()
}

func TestMessagesOfWhichTheNumberAloneIsKnown(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	if err := r.mail.Copied(t.Context(), transports.Copy{Way: transports.WayPush, User: romeo, More: 7}); err != nil {
		t.Fatal(err)
	}
	r.pass(time.Minute)
	m := r.sent()
	if got := plainPart(m); !strings.Contains(got, "7 messages, which this gateway could not read") || field(m, "Subject") != "Messages from XMPP" {
		t.Errorf("it says\n%s", m.Body)
	}
	r.silent()
}

// TestBusyConversation: messages that come while a mail is made are in the next one, and none is in two.
func TestBusyConversation(t *testing.T) {
	t.Parallel()
	r, f := followedRig(t, func(rules *RedirectRules) { rules.PerHour, rules.PerDay = 0, 0 })
	r.mustSay("add do always")
	f.mu.Lock()
	f.marks = []transports.ReadMark{{Peer: transports.Address{Local: "x", Domain: "y.example"}}} // so that it is looked at
	f.mu.Unlock()
	const many = 120
	for i := range many {
		r.copied(copyOf(fmt.Sprint(i), fmt.Sprintf("line-%d.", i)))
		if i%10 == 9 {
			r.pass(time.Minute)
		}
	}
	seen := map[string]int{}
	for len(seen) < many {
		got := plainPart(r.sent())
		for i := range many {
			seen[fmt.Sprint(i)] += strings.Count(got, fmt.Sprintf("line-%d.", i))
			if seen[fmt.Sprint(i)] == 0 {
				delete(seen, fmt.Sprint(i))
			}
		}
		r.pass(time.Minute)
	}
	for i, n := range seen {
		if n != 1 {
			t.Errorf("line %s was mailed %d times", i, n)
		}
	}
	r.silent()
}
