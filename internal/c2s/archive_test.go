package c2s

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// plainSession logs in to a fake without TLS, as on the same machine.
func plainSession(t testing.TB, answer func(s *served, e element)) (*Session, *fake) {
	t.Helper()
	f := &fake{noTLS: true, mechanisms: []string{"SCRAM-SHA-1"}, password: testPassword, answer: answer}
	f.start(t)
	c := New(Options{Hosts: map[string]Host{testDomain: {Addr: f.addr, Plain: true}}})
	s, err := c.Dial(context.Background(), Account{User: romeo, Password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, f
}

var after = regexp.MustCompile(`<after>([^<]*)</after>`)

func queryOf(inner string) string {
	m := regexp.MustCompile(`queryid=["']([^"']+)`).FindStringSubmatch(inner)
	if m == nil {
		return ""
	}
	return m[1]
}

func result(query, id, from, body string) string {
	return fmt.Sprintf("<message to='romeo@example.org/r1'%s><result xmlns='urn:xmpp:mam:2' queryid='%s' id='%s'><forwarded xmlns='urn:xmpp:forward:0'>"+
		"<delay xmlns='urn:xmpp:delay' stamp='2026-01-02T03:04:05.678Z'/><message xmlns='jabber:client' from='juliet@example.org/b' type='chat'><body>%s</body></message></forwarded></result></message>",
		from, query, id, body)
}

// archive answers as a server with numbered messages does, which forgets those below first.
func archive(n, first, perPage int) func(s *served, e element) {
	return func(s *served, e element) {
		query, from := queryOf(e.Inner), first
		if strings.Contains(e.Inner, "<before/>") || strings.Contains(e.Inner, "<before></before>") {
			from = n
		} else if m := after.FindStringSubmatch(e.Inner); m != nil {
			from, _ = strconv.Atoi(m[1])
			if from++; from < first {
				s.write("<iq type='error' id='%s'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", e.ID)
				return
			}
		}
		last := 0
		for i := from; i <= n && i < from+perPage; i++ {
			s.write("%s", result(query, strconv.Itoa(i), "", "m"+strconv.Itoa(i)))
			last = i
		}
		complete := ""
		if last == n || last == 0 {
			complete = " complete='true'"
		}
		s.write("<iq type='result' from='romeo@example.org' id='%s'><fin xmlns='urn:xmpp:mam:2'%s><set xmlns='http://jabber.org/protocol/rsm'>", e.ID, complete)
		if last > 0 {
			s.write("<last>%d</last>", last)
		}
		s.write("</set></fin></iq>")
	}
}

func read(t *testing.T, s *Session, since Place) (ids []string, done bool, err error) {
	t.Helper()
	done, err = s.Archive(t.Context(), since, func(k Kept) error {
		if want := "m" + k.ID; k.Message.Child(stanza.NSClient, "body").Text() != want || k.Time.UnixMilli() != 1767323045678 {
			t.Errorf("got %q of %v", k.Message.AppendXML(nil, ""), k.Time)
		}
		ids = append(ids, k.ID)
		return nil
	})
	return ids, done, err
}

func TestArchive(t *testing.T) {
	t.Parallel()
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		n, first, perPage int
		since             Place
		want              int // the first that is read
		count             int
		done              bool
	}{
		"everything":      {n: 120, first: 1, perPage: 50, want: 1, count: 120, done: true},
		"since":           {n: 120, first: 1, perPage: 50, since: Place{ID: "100", Time: when}, want: 101, count: 20, done: true},
		"nothing new":     {n: 120, first: 1, perPage: 50, since: Place{ID: "120", Time: when}, done: true},
		"empty":           {n: 0, first: 1, perPage: 50, done: true},
		"forgotten place": {n: 120, first: 50, perPage: 50, since: Place{ID: "10", Time: when}, want: 50, count: 71, done: true},
		"small pages":     {n: 120, first: 1, perPage: 7, want: 1, count: 120, done: true},
		"too many pages":  {n: 1000, first: 1, perPage: 1, want: 1, count: maxPages},
	} {
		s, _ := plainSession(t, archive(c.n, c.first, c.perPage))
		ids, done, err := read(t, s, c.since)
		if err != nil || done != c.done || len(ids) != c.count || c.count > 0 && ids[0] != strconv.Itoa(c.want) {
			t.Errorf("%s: got %d from %v on, done %v, %v", name, len(ids), ids[:min(1, len(ids))], done, err)
		}
	}
	s, f := plainSession(t, archive(120, 50, 50))
	if _, _, err := read(t, s, Place{ID: "10"}); ReasonOf(err) != Refused {
		t.Errorf("a place that is forgotten and has no time: got %v, and everything would have been read again", err)
	}
	last, ok, err := s.Last(t.Context())
	if err != nil || !ok || last.ID != "120" || last.Time.UnixMilli() != 1767323045678 {
		t.Errorf("Last: got %v, %v, %v", last, ok, err)
	}
	if _, _, err := read(t, s, Place{ID: "10", Time: when}); err != nil {
		t.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if got := f.got[len(f.got)-2].Inner; !strings.Contains(got, "<value>2026-01-02T03:04:05Z</value>") || !strings.Contains(got, "start") {
		t.Errorf("a forgotten place is asked for by %s", got)
	}
}

// What the caller's function answers is given back, and ends the reading.
func TestArchiveStops(t *testing.T) {
	t.Parallel()
	s, _ := plainSession(t, archive(10, 1, 5))
	stop, n := errors.New("stop"), 0
	_, err := s.Archive(t.Context(), Place{}, func(Kept) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("got %v after %d", err, n)
	}
}

func TestNoArchive(t *testing.T) {
	t.Parallel()
	s, _ := plainSession(t, func(s *served, e element) {
		s.write("<iq type='error' id='%s'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", e.ID)
	})
	if _, err := s.Archive(t.Context(), Place{}, nil); !errors.Is(err, ErrNoArchive) {
		t.Errorf("Archive: got %v", err)
	}
	if _, _, err := s.Last(t.Context()); !errors.Is(err, ErrNoArchive) {
		t.Errorf("Last: got %v", err)
	}
	if err := s.Offline(t.Context(), nil, nil); !errors.Is(err, ErrNoArchive) {
		t.Errorf("Offline: got %v", err)
	}
	if err := s.Displayed(t.Context(), func(*stanza.Element) { t.Error("something is said") }); err != nil {
		t.Errorf("Displayed: got %v", err)
	}
	if err := s.EnablePush(t.Context(), transports.Address{Domain: "mail.example.org"}, "n"); ReasonOf(err) != Refused {
		t.Errorf("EnablePush: got %v", err)
	}
	if f, err := s.Features(t.Context()); err != nil || f != (Features{}) {
		t.Errorf("Features: got %v, %v", f, err)
	}
}

// What is no result of the user's archive is not taken for one, and what keeps to no limit ends the session.
func TestHostileArchive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(s *served, e element)
		want   string // what is read, and the end
	}{
		"another sender": {func(s *served, e element) {
			s.write("%s", result(queryOf(e.Inner), "1", " from='mallory@example.org/x'", "m1")+result(queryOf(e.Inner), "2", " from='example.org'", "m2")+
				result(queryOf(e.Inner), "3", " from='romeo@example.org/r1'", "m3")+result(queryOf(e.Inner), "4", " from='ROMEO@example.org'", "m4"))
			s.write("<iq type='result' id='%s'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>", e.ID)
		}, "4 done"},
		"another query": {func(s *served, e element) {
			s.write("%s<iq type='result' id='%s'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>", result("x", "1", "", "m1"), e.ID)
		}, "done"},
		"another's answer": {func(s *served, e element) {
			s.write("<iq type='result' id='%s' from='mallory@example.org'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq></stream:stream>", e.ID)
			s.conn.Close()
		}, "away"},
		"the same page for ever": {func(s *served, e element) {
			s.write("%s<iq type='result' id='%s'><fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><last>1</last></set></fin></iq>", result(queryOf(e.Inner), "1", "", "m1"), e.ID)
		}, "1 1 garbled"},
		"empty pages for ever": {func(s *served, e element) {
			s.write("<iq type='result' id='%s'><fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><last>%s</last></set></fin></iq>", e.ID, e.ID)
		}, ""},
		"nothing at all": {func(s *served, e element) { s.write("<iq type='result' id='%s'/>", e.ID) }, "done"},
		"a page too large": {func(s *served, e element) {
			for range pageSize + 1 {
				s.write("%s", result(queryOf(e.Inner), "1", "", "m1"))
			}
		}, strings.Repeat("1 ", pageSize) + "garbled"},
		"no id": {func(s *served, e element) {
			s.write("%s%s<iq type='result' id='%s'><fin xmlns='urn:xmpp:mam:2' complete='1'/></iq>", result(queryOf(e.Inner), "", "", "x"),
				result(queryOf(e.Inner), strings.Repeat("x", maxID+1), "", "x"), e.ID)
		}, "done"},
		"a huge stanza": {func(s *served, e element) {
			s.write("%s%s<iq type='result' id='%s'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>", result(queryOf(e.Inner), "1", "", strings.Repeat("x", maxStanza)),
				result(queryOf(e.Inner), "2", "", "m2"), e.ID)
		}, "2 done"},
		"entities": {func(s *served, _ element) {
			s.write("<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><message><body>&b;</body></message>")
		}, "garbled"},
		"an unknown entity": {func(s *served, e element) {
			s.write("<message><body>&b;</body></message><iq type='result' id='%s'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>", e.ID)
		}, "done"},
		"chatter": {func(s *served, _ element) {
			for range maxStrangers + 1 {
				s.write("<message from='example.org'><body>hi</body></message>")
			}
		}, "garbled"},
		"too much": {func(s *served, _ element) {
			for range maxSession>>20 + 1 {
				s.write("<message><body>%s</body></message>", strings.Repeat("x", 1<<20))
			}
		}, "garbled"},
		"an end": {func(s *served, _ element) { s.write("</stream:stream>") }, "away"},
		"a stream error": {func(s *served, _ element) {
			s.write("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
		}, "away"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := plainSession(t, c.answer)
			ids, done, err := read(t, s, Place{})
			if err != nil {
				ids = append(ids, ReasonOf(err).String())
			} else if done {
				ids = append(ids, "done")
			}
			if got := strings.Join(ids, " "); got != c.want {
				t.Errorf("got %.200q (%v), want %.200q", got, err, c.want)
			}
		})
	}
}

// A server that sends byte by byte has no more time for an answer than another.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	s, _ := plainSession(t, func(s *served, _ element) {
		for ctx.Err() == nil {
			if _, err := s.conn.Write([]byte(" ")); err != nil {
				return
			}
		}
	})
	if _, err := s.Archive(ctx, Place{}, nil); ReasonOf(err) != Away {
		t.Errorf("got %v", err)
	}
}

func TestOffline(t *testing.T) {
	t.Parallel()
	node := regexp.MustCompile(`node=["'](\d+)["']`)
	s, f := plainSession(t, func(s *served, e element) {
		if strings.Contains(e.Inner, "disco#items") {
			s.write("<iq type='result' id='%s'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/offline'>", e.ID)
			for i := range 120 {
				s.write("<item jid='romeo@example.org' node='%d' name='juliet@example.org/b'/>", i)
			}
			s.write("<item jid='romeo@example.org'/></query></iq>")
			return
		}
		s.write("<message from='juliet@example.org'><body>live</body></message>")
		for _, m := range node.FindAllStringSubmatch(e.Inner, -1) {
			s.write("<message from='juliet@example.org/b'><body>m%[1]s</body><offline xmlns='http://jabber.org/protocol/offline'><item node='%[1]s'/></offline>"+
				"<delay xmlns='urn:xmpp:delay' stamp='2026-01-02T03:04:05Z'/></message>", m[1])
		}
		s.write("<message><body>x</body><offline xmlns='http://jabber.org/protocol/offline'><item node='7'/></offline></message><iq type='result' id='%s'/>", e.ID)
	})
	var got []string
	err := s.Offline(t.Context(), func(id string) bool { return len(id) == 1 }, func(k Kept) error {
		if k.Message.Child(stanza.NSClient, "body").Text() != "m"+k.ID || k.Time.Unix() != 1767323045 {
			t.Errorf("got %s of %v", k.Message.AppendXML(nil, ""), k.Time)
		}
		got = append(got, k.ID)
		return nil
	})
	if err != nil || len(got) != 110 || got[0] != "10" || got[109] != "119" {
		t.Errorf("got %q, %v", got, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.got {
		if strings.Contains(e.Inner, "remove") || strings.Contains(e.Inner, "purge") || strings.Contains(e.Inner, "fetch") || e.Name == "presence" {
			t.Errorf("what waits was taken away by %v", e)
		}
	}
}

func TestDisplayed(t *testing.T) {
	t.Parallel()
	const items = "<items node='urn:xmpp:mds:displayed:0'><item id='juliet@example.org'><displayed xmlns='urn:xmpp:mds:displayed:0'>" +
		"<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@example.org' id='7'/></displayed></item></items>"
	s, f := plainSession(t, func(s *served, e element) {
		s.write("<iq type='result' id='%s'><pubsub xmlns='http://jabber.org/protocol/pubsub'>%s</pubsub></iq>", e.ID, items)
	})
	got := ""
	if err := s.Displayed(t.Context(), func(e *stanza.Element) {
		got = string(e.Child("", "items").AppendXML(nil, nsPubsub))
	}); err != nil || got != items {
		t.Errorf("got %s, %v", got, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if asked := f.got[0]; asked.Type != "get" || !strings.Contains(asked.Inner, nsDisplayed) {
		t.Errorf("asked %+v", asked)
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	const message = "<message id='m1' to='juliet@example.org' type='chat'><body>hi</body></message>"
	for name, c := range map[string]struct {
		before string
		pong   string
		want   string
	}{
		"taken":           {"", "type='result'", "<nil>"},
		"no pings":        {"", "type='error'", "<nil>"},
		"came back":       {"<message type='error' id='m1' from='juliet@example.org'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", "type='result'", "refused: gone"},
		"another's":       {"<message type='error' id='m2' from='juliet@example.org'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", "type='result'", "<nil>"},
		"asked meanwhile": {"<iq type='get' id='p' from='example.org'><ping xmlns='urn:xmpp:ping'/></iq><iq type='get' id='q' from='example.org'><q xmlns='q'/></iq><iq type='get' id='r' from='mallory@example.org/x'><q xmlns='q'/></iq>", "type='result'", "<nil>"},
	} {
		s, f := plainSession(t, func(s *served, e element) {
			if strings.Contains(e.Inner, "urn:xmpp:ping") {
				s.write("%s<iq %s id='%s'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", c.before, c.pong, e.ID)
			}
		})
		err := s.Send(t.Context(), "m1", []byte(message))
		if got := fmt.Sprint(err); got != c.want {
			t.Errorf("%s: got %v, want %s", name, got, c.want)
		}
		_ = s.Send(t.Context(), "m3", []byte(message)) // what was answered before has come when this is answered
		f.mu.Lock()
		if f.got[0].Name != "message" || f.got[0].Inner != "<body>hi</body>" {
			t.Errorf("%s: sent %v", name, f.got)
		}
		if name == "asked meanwhile" {
			got := fmt.Sprint(f.got)
			if !strings.Contains(got, "{iq p result") || !strings.Contains(got, "{iq q error") || strings.Contains(got, "{iq r") {
				t.Errorf("answered %s", got)
			}
		}
		f.mu.Unlock()
	}
}
