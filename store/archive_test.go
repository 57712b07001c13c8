package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// archiveContract is what the archive does, on every database.
var archiveContract = []behaviour{
	{"lines come back to who heard them", testArchiveLines},
	{"lines have numbers without gaps", testArchiveNumbers},
	{"times never go back nor ahead", testArchiveTimes},
	{"private lines are their owner's", testArchivePrivate},
	{"seen ranges merge", testSeenMerge},
	{"seen ranges are lines of their room", testSeenRefused},
	{"an id that is not readable is not there", testNoSuchLine},
	{"lines have limits", testArchiveLimits},
	{"what strangers say is kept", testArchiveTexts},
	{"an archive is empty", testArchiveEmpty},
	{"a line has its network's name", testNetworkIDs},
	{"what is taken back is so for who heard it", testRetract},
	{"a failed append leaves nothing", testArchiveFailed},
	{"pages are what a slice would give", testArchiveModel},
	{"pages leave a connection to others", testArchiveReaders},
}

// appendRoom appends lines to #a of the test domain. Each stanza says its id.
func appendRoom(tb testing.TB, db *DB, ids ...string) []LineID {
	tb.Helper()
	lines := make([]RoomLine, len(ids))
	for i, id := range ids {
		lines[i] = RoomLine{Domain: testDomain, Room: "#a", ID: id, Time: testStart, Nick: "alice", Stanza: "<" + id + "/>"}
	}
	var numbers []LineID
	write(tb, db, func(tx *Tx) (err error) {
		numbers, err = tx.AppendRoomLines(lines)
		return err
	})
	return numbers
}

func see(tb testing.TB, db *DB, id UserID, from, to LineID) {
	tb.Helper()
	write(tb, db, func(tx *Tx) error { return tx.ExtendSeen(id, "#a", from, to) })
}

// ids are the stanza ids of a page.
func ids(p Page) []string {
	var all []string
	for _, l := range p.Lines {
		all = append(all, l.ID)
	}
	return all
}

// wantRoom asks for a room and compares the ids. A query without Max gets MaxPage.
func wantRoom(tb testing.TB, db *DB, q RoomQuery, want ...string) {
	tb.Helper()
	if q.Max == 0 {
		q.Max = MaxPage
	}
	p, err := db.QueryRoom(tb.Context(), q)
	if err != nil || !slices.Equal(ids(p), want) {
		tb.Errorf("query %+v: got %q, %v, want %q", q, ids(p), err, want)
	}
}

func testArchiveLines(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	var numbers []LineID
	write(t, db, func(tx *Tx) (err error) {
		numbers, err = tx.AppendRoomLines([]RoomLine{
			{Domain: testDomain, Room: "#a", ID: "one", Time: testStart, Nick: "alice", Stanza: "<message>1</message>"},
			{Domain: testDomain, Room: "#b", ID: "elsewhere", Time: testStart, Nick: "alice", Stanza: "<message/>"},
			{Domain: testDomain, Room: "#a", ID: "two", Time: testStart.Add(time.Second), Stanza: "<message>2</message>"},
			{Domain: testDomain, Room: "#a", ID: "three", Time: testStart.Add(2 * time.Second), Nick: "bob", Stanza: "<message>3</message>"},
		})
		return err
	})
	wantRoom(t, db, RoomQuery{User: user(1), Room: "#a"})
	see(t, db, user(1), numbers[0], numbers[2])
	see(t, db, user(2), numbers[3], numbers[3])

	got, err := db.QueryRoom(t.Context(), RoomQuery{User: user(1), Room: "#a", Query: Query{Max: 10}})
	if err != nil {
		t.Fatal(err)
	}
	want := Page{
		Lines: []Line{
			{ID: "one", Time: testStart, Who: "alice", Stanza: "<message>1</message>"},
			{ID: "two", Time: testStart.Add(time.Second), Stanza: "<message>2</message>"},
		},
		First: "one", Last: "two", Complete: true, Count: -1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	wantRoom(t, db, RoomQuery{User: user(2), Room: "#a"}, "three")
	wantRoom(t, db, RoomQuery{User: user(1), Room: "#b"})
	wantRoom(t, db, RoomQuery{User: UserID{"other.example.org", user(1).JID}, Room: "#a"})

	m, err := db.RoomMetadata(t.Context(), user(1), "#a", time.Time{})
	if err != nil || m.First.ID != "one" || m.Last.ID != "two" || !m.Last.Time.Equal(testStart.Add(time.Second)) {
		t.Errorf("metadata: got %+v, %v", m, err)
	}
}

func testArchiveNumbers(t *testing.T, db *DB, _ *testClock) {
	var batch []string
	for i := range db.dialect.inserts[0] + 5 {
		batch = append(batch, fmt.Sprintf("first%d", i))
	}
	first := appendRoom(t, db, batch...)
	second := appendRoom(t, db, "a", "b")
	for i, n := range slices.Concat(first, second) {
		if want := first[0] + LineID(i); n != want {
			t.Fatalf("number of line %d: got %d, want %d", i, n, want)
		}
	}
}

func testArchiveTimes(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	var lines []RoomLine
	for i, minutes := range []int{10, 5, 600, 0, 60} { // now is 60
		lines = append(lines, RoomLine{
			Domain: testDomain, Room: "#a", ID: fmt.Sprint(i), Stanza: "<m/>", Time: testStart.Add(time.Duration(minutes) * time.Minute),
		})
	}
	for _, batch := range [][]RoomLine{lines[:2], lines[2:]} {
		write(t, db, func(tx *Tx) error {
			n, err := tx.AppendRoomLines(batch)
			if err != nil {
				return err
			}
			return tx.ExtendSeen(user(1), "#a", n[0], n[len(n)-1])
		})
	}
	p, err := db.QueryRoom(t.Context(), RoomQuery{User: user(1), Room: "#a", Query: Query{Max: 10}})
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, l := range p.Lines {
		got = append(got, int(l.Time.Sub(testStart).Minutes()))
	}
	if want := []int{10, 10, 60, 60, 60}; !slices.Equal(got, want) {
		t.Errorf("minutes: got %v, want %v", got, want)
	}
}

func testArchivePrivate(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	write(t, db, func(tx *Tx) error {
		_, err := tx.AppendPrivateLines([]PrivateLine{
			{Owner: user(1), With: "bob%net", Outgoing: true, ID: "p1", Time: testStart, Stanza: "<m>hi</m>"},
			{Owner: user(2), With: "bob%net", ID: "q1", Time: testStart, Stanza: "<m>other</m>"},
			{Owner: user(1), With: "carol%net", ID: "p2", Time: testStart.Add(time.Minute), Stanza: "<m>yo</m>"},
			{Owner: user(1), With: "bob%net", ID: "p3", Time: testStart.Add(time.Hour), Stanza: "<m>hello</m>"},
		})
		return err
	})
	for _, c := range []struct {
		q    Query
		want []string
	}{
		{Query{}, []string{"p1", "p2", "p3"}},
		{Query{With: "bob%net"}, []string{"p1", "p3"}},
		{Query{With: "nobody"}, nil},
		{Query{AfterID: "p1"}, []string{"p2", "p3"}},
		{Query{End: testStart.Add(time.Minute), Last: true, Flip: true}, []string{"p2", "p1"}},
	} {
		c.q.Max = 10
		p, err := db.QueryPrivate(t.Context(), PrivateQuery{user(1), c.q})
		if err != nil || !slices.Equal(ids(p), c.want) {
			t.Errorf("query %+v: got %q, %v, want %q", c.q, ids(p), err, c.want)
		}
		for _, l := range p.Lines {
			if l.Outgoing != (l.ID == "p1") {
				t.Errorf("line %s: outgoing is %v", l.ID, l.Outgoing)
			}
		}
	}
	if p, err := db.QueryPrivate(t.Context(), PrivateQuery{user(1), Query{Max: 10, AfterID: "q1"}}); !errors.Is(err, ErrNoSuchLine) {
		t.Errorf("after the line of another user: got %q, %v, want %v", ids(p), err, ErrNoSuchLine)
	}
	m, err := db.PrivateMetadata(t.Context(), user(1), "", time.Time{})
	if err != nil || m.First.ID != "p1" || m.Last.ID != "p3" || m.Last.Stanza != "" {
		t.Errorf("metadata: got %+v, %v", m, err)
	}
	if m, err = db.PrivateMetadata(t.Context(), user(3), "", time.Time{}); err != nil || m != (Metadata{}) {
		t.Errorf("metadata of nothing: got %+v, %v", m, err)
	}
}

// wantSeen compares the ranges of user 1, counted from the line before the first one.
func wantSeen(t *testing.T, db *DB, first LineID, want ...seenRange) {
	t.Helper()
	got, err := db.seen(t.Context(), user(1), first, first+1000, 100, false)
	for i := range got {
		got[i].lo -= first
		got[i].hi -= first
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("ranges: got %v, %v, want %v", got, err, want)
	}
}

func testSeenMerge(t *testing.T, db *DB, _ *testClock) {
	var batch []string
	for i := range 100 {
		batch = append(batch, fmt.Sprint("l", i))
	}
	first := appendRoom(t, db, batch...)[0]
	for _, step := range []struct {
		from, to LineID
		want     []seenRange
	}{
		{10, 10, []seenRange{{10, 10}}},
		{11, 12, []seenRange{{10, 12}}}, // the next ones
		{10, 11, []seenRange{{10, 12}}}, // known already
		{20, 25, []seenRange{{10, 12}, {20, 25}}},
		{30, 35, []seenRange{{10, 12}, {20, 25}, {30, 35}}},
		{8, 9, []seenRange{{8, 12}, {20, 25}, {30, 35}}},   // before
		{13, 19, []seenRange{{8, 25}, {30, 35}}},           // between, touching both
		{24, 31, []seenRange{{8, 35}}},                     // between, overlapping both
		{40, 40, []seenRange{{8, 35}, {40, 40}}},           //
		{50, 50, []seenRange{{8, 35}, {40, 40}, {50, 50}}}, //
		{36, 60, []seenRange{{8, 60}}},                     // over all that follow
		{0, 99, []seenRange{{0, 99}}},
	} {
		see(t, db, user(1), first+step.from, first+step.to)
		wantSeen(t, db, first, step.want...)
	}
	if got := jids(t, db, testDomain); !slices.Equal(got, []string{user(1).JID}) {
		t.Errorf("users: got %q", got)
	}
}

func testSeenRefused(t *testing.T, db *DB, _ *testClock) {
	a := appendRoom(t, db, "a1", "a2", "a3")
	var b []LineID
	write(t, db, func(tx *Tx) (err error) {
		b, err = tx.AppendRoomLines([]RoomLine{{Domain: testDomain, Room: "#b", ID: "b1", Stanza: "<m/>"}})
		return err
	})
	see(t, db, user(1), a[0], a[1])
	for _, c := range []struct {
		name     string
		id       UserID
		from, to LineID
	}{
		{"lines to come", user(1), a[2], a[2] + 1},
		{"before the first", user(1), a[0] - 1, a[0]},
		{"another room", user(1), b[0], b[0]},
		{"over the end of a room", user(1), a[0], b[0]},
		{"backwards", user(1), a[1], a[0]},
		{"another domain", UserID{"other.example.org", "x@example.org"}, a[0], a[0]},
		{"nobody", UserID{testDomain, ""}, a[0], a[0]},
	} {
		if err := db.Write(t.Context(), func(tx *Tx) error { return tx.ExtendSeen(c.id, "#a", c.from, c.to) }); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
	wantSeen(t, db, a[0], seenRange{0, 1})
}

func testNoSuchLine(t *testing.T, db *DB, _ *testClock) {
	n := appendRoom(t, db, "a", "b", "c", "d")
	see(t, db, user(1), n[0], n[0])
	see(t, db, user(1), n[2], n[3])
	see(t, db, user(2), n[1], n[1])
	for _, id := range []string{"missing", "b", "", "a\x00", "\xff", strings.Repeat("x", 1000)} {
		for name, q := range map[string]Query{
			"AfterID": {AfterID: id}, "BeforeID": {BeforeID: id}, "PageAfter": {PageAfter: id}, "PageBefore": {PageBefore: id},
			"IDs": {IDs: []string{"a", id}},
		} {
			if id == "" && name != "IDs" {
				continue // no limit
			}
			q.Max = 10
			if p, err := db.QueryRoom(t.Context(), RoomQuery{user(1), "#a", q}); !errors.Is(err, ErrNoSuchLine) {
				t.Errorf("%s %q: got %q, %v, want %v", name, id, ids(p), err, ErrNoSuchLine)
			}
		}
	}
	if p, err := db.QueryRoom(t.Context(), RoomQuery{user(1), "#none", Query{Max: 1, IDs: []string{"a"}}}); !errors.Is(err, ErrNoSuchLine) {
		t.Errorf("in a room without archive: got %q, %v", ids(p), err)
	}
	wantRoom(t, db, RoomQuery{user(1), "#a", Query{IDs: []string{"d", "a", "d"}}}, "a", "d")
	wantRoom(t, db, RoomQuery{user(1), "#a", Query{IDs: []string{"d", "a"}, AfterID: "a"}}, "d")
	many := slices.Repeat([]string{"a"}, MaxIDs+1)
	if _, err := db.QueryRoom(t.Context(), RoomQuery{user(1), "#a", Query{Max: 1, IDs: many}}); err == nil {
		t.Error("too many ids: no error")
	}
}

func testArchiveLimits(t *testing.T, db *DB, _ *testClock) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		name string
		line RoomLine
		want string // in the error; empty where it must succeed
	}{
		{"longest", RoomLine{Domain: long(maxPart), Room: long(maxPart), ID: long(maxLineID), Nick: long(maxPart), Stanza: long(maxStanza)}, ""},
		{"no domain", RoomLine{Room: "r", ID: "1"}, "no domain"},
		{"no room", RoomLine{Domain: "d", ID: "1"}, "no archive"},
		{"no id", RoomLine{Domain: "d", Room: "r"}, "no id"},
		{"long id", RoomLine{Domain: "d", Room: "r", ID: long(maxLineID + 1)}, "id has"},
		{"long nick", RoomLine{Domain: "d", Room: "r", ID: "1", Nick: long(maxPart + 1)}, "name has"},
		{"long stanza", RoomLine{Domain: "d", Room: "r", ID: "1", Stanza: long(maxStanza + 1)}, "stanza has"},
		{"NUL in the room", RoomLine{Domain: "d", Room: "r\x00", ID: "1"}, "NUL"},
	} {
		err := db.Write(t.Context(), func(tx *Tx) error {
			_, err := tx.AppendRoomLines([]RoomLine{c.line})
			return err
		})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got the error %v, want %q", c.name, err, c.want)
		}
	}
}

func testArchiveTexts(t *testing.T, db *DB, _ *testClock) {
	texts := map[string]string{ // as it comes out
		"plain": "plain", "a\x00b": "ab", "\xffx": "\uFFFDx", "'); DROP TABLE users; --": "'); DROP TABLE users; --", "$1": "$1",
		"💜\u200d🇫🇷": "💜\u200d🇫🇷", "\x01\r\n": "\x01\r\n", "": "", "\x00": "", `\u0000`: `\u0000`,
	}
	i := 0
	for in, out := range texts {
		i++
		id := fmt.Sprint("id", i)
		write(t, db, func(tx *Tx) error {
			n, err := tx.AppendRoomLines([]RoomLine{{Domain: testDomain, Room: "#a", ID: id, Nick: in, Stanza: in}})
			if err != nil {
				return err
			}
			return tx.ExtendSeen(user(1), "#a", n[0], n[0])
		})
		p, err := db.QueryRoom(t.Context(), RoomQuery{user(1), "#a", Query{Max: 1, Last: true}})
		if err != nil || len(p.Lines) != 1 || p.Lines[0].ID != id || p.Lines[0].Who != out || p.Lines[0].Stanza != out {
			t.Errorf("%q: got %+v, %v, want %q", in, p.Lines, err, out)
		}
		if cleanText(in) != "" {
			wantRoom(t, db, RoomQuery{user(1), "#a", Query{With: in}}, id)
		}
	}
}

func testArchiveEmpty(t *testing.T, db *DB, _ *testClock) {
	for _, q := range []Query{
		{Max: 10}, {Max: 10, Last: true}, {Max: 10, Start: testStart}, {Max: 10, End: testStart, With: "x"},
	} {
		p, err := db.QueryRoom(t.Context(), RoomQuery{user(1), "#none", q})
		if want := (Page{Complete: true, Count: -1}); err != nil || !cmp.Equal(p, want) {
			t.Errorf("%+v: got %+v, %v, want %+v", q, p, err, want)
		}
	}
	p, err := db.QueryRoom(t.Context(), RoomQuery{user(1), "#none", Query{}})
	if want := (Page{Complete: true}); err != nil || !cmp.Equal(p, want) {
		t.Errorf("count: got %+v, %v, want %+v", p, err, want)
	}
	n := appendRoom(t, db, "a", "b", "c")
	see(t, db, user(1), n[0], n[0])
	see(t, db, user(1), n[2], n[2])
	p, err = db.QueryRoom(t.Context(), RoomQuery{user(1), "#a", Query{}})
	if want := (Page{Count: 2}); err != nil || !cmp.Equal(p, want) {
		t.Errorf("count: got %+v, %v, want %+v", p, err, want)
	}
}

func testArchiveFailed(t *testing.T, db *DB, _ *testClock) {
	before := appendRoom(t, db, "a")
	twice := func(tx *Tx) error {
		_, err := tx.AppendRoomLines([]RoomLine{
			{Domain: testDomain, Room: "#a", ID: "b"}, {Domain: testDomain, Room: "#a", ID: "a"},
		})
		return err
	}
	if err := db.Write(t.Context(), twice); err == nil {
		t.Error("an id was taken twice")
	}
	// With others in its commit it leaves nothing either.
	other := func(tx *Tx) error { return tx.TouchUser(user(1)) }
	batch := []*operation{{fn: other}, {fn: twice}, {fn: other}}
	if err := db.commit(batch); err != nil || batch[0].err != nil || batch[1].err == nil || batch[2].err != nil {
		t.Errorf("got %v, %v, %v and %v of a commit whose second part fails", err, batch[0].err, batch[1].err, batch[2].err)
	}
	after := appendRoom(t, db, "b")
	if after[0] != before[0]+1 {
		t.Errorf("number after the failure: got %d, want %d", after[0], before[0]+1)
	}
}

// testArchiveModel compares random queries with what a slice gives that is filtered line by line.
func testArchiveModel(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	r := rand.New(rand.NewPCG(1, 2))
	const lines = 400
	nicks := []string{"alice", "bob", "carol", "rare"}
	var all []Line
	var batch []RoomLine
	for i := range lines {
		nick := nicks[r.IntN(3)]
		if i == 37 || i == 300 {
			nick = "rare"
		}
		l := Line{ID: fmt.Sprintf("%03d", i), Time: testStart.Add(time.Duration(i/7) * time.Second), Who: nick, Stanza: strings.Repeat("x", r.IntN(10))}
		all = append(all, l)
		batch = append(batch, RoomLine{Domain: testDomain, Room: "#a", ID: l.ID, Time: l.Time, Nick: l.Who, Stanza: l.Stanza})
	}
	var first LineID
	write(t, db, func(tx *Tx) error {
		n, err := tx.AppendRoomLines(batch)
		first = n[0]
		return err
	})
	readable := make([]bool, lines)
	for range 60 { // more ranges than are read at once
		from := r.IntN(lines)
		to := min(lines-1, from+r.IntN(4))
		see(t, db, user(1), first+LineID(from), first+LineID(to))
		for i := from; i <= to; i++ {
			readable[i] = true
		}
	}
	random := func() string { // an id, mostly none
		i := r.IntN(lines)
		if r.IntN(3) > 0 {
			return ""
		}
		for !readable[i] {
			i = r.IntN(lines)
		}
		return all[i].ID
	}
	for range 400 {
		q := Query{AfterID: random(), BeforeID: random(), PageAfter: random(), Max: 1 + r.IntN(30), Last: r.IntN(2) == 0, Flip: r.IntN(2) == 0}
		if r.IntN(3) == 0 {
			q.With = nicks[r.IntN(len(nicks))]
		}
		if r.IntN(3) == 0 {
			q.Start = testStart.Add(time.Duration(r.IntN(lines/7*2))*time.Second/2 + time.Duration(r.IntN(2)))
		}
		if r.IntN(3) == 0 {
			q.End = testStart.Add(time.Duration(r.IntN(lines/7*2))*time.Second/2 - time.Duration(r.IntN(2)))
		}
		if q.Last && r.IntN(2) == 0 {
			q.PageBefore = random()
		}
		if r.IntN(2) == 0 {
			q.Bytes = 1 + r.IntN(60)
		}
		want := modelPage(all, readable, q)
		got, err := db.QueryRoom(t.Context(), RoomQuery{user(1), "#a", q})
		if err != nil {
			t.Fatalf("query %+v: %v", q, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("query %+v (-want +got):\n%s", q, diff)
		}
	}
}

func modelPage(all []Line, readable []bool, q Query) Page {
	p := Page{Count: -1, Complete: true}
	for i, l := range all {
		if readable[i] && (q.With == "" || q.With == l.Who) &&
			(q.AfterID == "" || l.ID > q.AfterID) && (q.PageAfter == "" || l.ID > q.PageAfter) &&
			(q.BeforeID == "" || l.ID < q.BeforeID) && (q.PageBefore == "" || l.ID < q.PageBefore) &&
			!l.Time.Before(q.Start) && (q.End.IsZero() || !l.Time.After(q.End)) {
			p.Lines = append(p.Lines, l)
		}
	}
	fit := func(lines iter.Seq2[int, Line]) (n int) {
		size := 0
		for _, l := range lines {
			if size += len(l.Stanza); n == q.Max || n > 0 && q.Bytes > 0 && size > q.Bytes {
				p.Complete = false
				break
			}
			n++
		}
		return n
	}
	if q.Last {
		p.Lines = p.Lines[len(p.Lines)-fit(slices.Backward(p.Lines)):]
	} else {
		p.Lines = p.Lines[:fit(slices.All(p.Lines))]
	}
	if len(p.Lines) == 0 {
		p.Lines = nil
	}
	if n := len(p.Lines); n > 0 {
		p.First, p.Last = p.Lines[0].ID, p.Lines[n-1].ID
	}
	if q.Flip {
		slices.Reverse(p.Lines)
	}
	return p
}

// Whoever reads a page waits for a place, and leaves a connection to those who read something else.
func testArchiveReaders(t *testing.T, db *DB, _ *testClock) {
	for range maxPages {
		db.pages <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.QueryPrivate(ctx, PrivateQuery{User: user(1)}); !errors.Is(err, context.Canceled) {
		t.Errorf("without a place: got the error %v", err)
	}
	if _, err := db.Settings(t.Context(), user(1), "scope"); err != nil {
		t.Error(err)
	}
	<-db.pages
	if _, err := db.QueryPrivate(t.Context(), PrivateQuery{User: user(1)}); err != nil {
		t.Error(err)
	}
	if n := min(sqliteReaders, postgresReaders); n <= maxPages {
		t.Errorf("%d connections are too few for %d pages and others", n, maxPages)
	}
}
