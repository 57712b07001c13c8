package ircbridge

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"passerelle/transports"
)

// hostileSeeds are lines of a network and, behind "!", what its user wants meanwhile.
var hostileSeeds = []string{
	"!join #a\n:alice!a@h JOIN #a\n:s 353 alice = #a :@bob!b@h +carol alice\n:s 366 alice #a :End\n:bob!b@h NICK carol\n:carol!b@h NICK carol\n:carol!c@h NICK alice\n:alice!a@h NICK alice\n:s 353 alice = #a :x\n!part #a",
	"!say #test one\n!say #test two\n@label=1 :s 404 alice #test :no\n:alice!a@h PRIVMSG #test :two\n@label=1 :alice!a@h PRIVMSG #test :one\n:s 401 alice #test :x\nPONG s done-1\nPONG s :done-2",
	":alice!a@h KICK #test alice :x\n:x!y@z KICK #test alice\n:alice!a@h PART #test\n:alice!a@h PART #test\n!join #test\n:s 471 alice #test :full (+l)\n:alice!a@h JOIN #test",
	":s 005 alice CASEMAPPING=x CHANTYPES= PREFIX=() STATUSMSG=#@ NICKLEN=-1 LINELEN=1 TARGMAX=JOIN:999999999999 MODES=0 MONITOR=0 CHANMODES=#,#,# :x\n:s 005 alice PREFIX=(oooo)#### STATUSMSG=# CHANTYPES=ab :x\n:bob!b@h PRIVMSG #####test :x\n:bob!b@h MODE #test +oooo-bk * * *\n!kick #test bob\n!ban #test bob\n!topic #test x",
	"@msgid=1;+reply=1;+draft/react=👍 :bob!b@h TAGMSG #test\n@msgid=1 :bob!b@h PRIVMSG #test :x\n@msgid=1 :carol!c@h PRIVMSG #test :y\n:mallory!m@h REDACT #test 1 :mine\n:bob!b@h REDACT alice 1\n!react #test 1 👍\n!redact #test 1\n:s FAIL REDACT UNKNOWN_MSGID #test 1 :no\n:s FAIL TAGMSG X #test :no",
	"@+typing=active :bob!b@h TAGMSG #test\n@+typing=active :bob!b@h TAGMSG alice\n!type #test\n!tick 3\n!tick 60\n!tick 600\n:s 730 alice :bob!b@h,carol\n:s 731 alice bob\n!watch bob\n!watch carol\n:s 303 alice :carol x y\n:s 734 alice 1 bob :full\n:s 301 alice bob :gone\n:bob!b@h AWAY :x\n:bob!b@h AWAY",
	"CAP * LS * :a\nCAP * NEW :batch sasl=PLAIN draft/metadata-2\nCAP * ACK :-batch\nCAP * DEL :batch echo-message\nCAP * NAK :batch\nCAP * ACK :echo-message\n!say #test x\nCAP * DEL :echo-message\nAUTHENTICATE +\nAUTHENTICATE !\n:s 903 alice :ok\n:s 900 alice a b :c\n:s 433 * alice :x",
	"!services\n:s 311 alice NickServ u h * :x\n:s 312 alice NickServ services.test :x\n:s 318 alice NickServ :End\n:NickServ!u@h NOTICE alice :You are now identified\n:NickServ!m@evil NOTICE alice :IDENTIFY\n:s 313 alice NickServ :is a Network Service\n:s 401 alice NickServ :x",
	"!services\n:s 311 alice NickServ u evil.example * :x\n:s 312 alice NickServ irc.test :x\n:s 318 alice NickServ :End\n:NickServ!u@evil.example NOTICE alice :This nickname is registered. identify via /msg NickServ\n:s MODE alice +r\nalice MODE alice +r",
	"@time=9999-12-31T23:59:59.999Z :bob!b@h PRIVMSG #test :x\n@time=0000-01-01T00:00:00.000Z :bob!b@h PRIVMSG alice :x\n@time=x :bob!b@h PRIVMSG #test :x\nMARKREAD #test timestamp=9999-01-01T00:00:00.000Z\nMARKREAD bob timestamp=2020-01-01T00:00:00.000Z\nMARKREAD evil\u202e *",
	":\u202ebob\u200b!\x01@\x02 PRIVMSG #test :\x01ACTION \x03\x03\x04\n:a/b@c.d/e PRIVMSG alice :x\n:<a>&'\" JOIN #test\n:bob!b@h PRIVMSG alice :\x01VERSION\x01\n:bob!b@h PRIVMSG alice :\x01PING a\nb\x01\n:bob!b@h PRIVMSG alice :\x01DCC SEND \"a b\" 1 2 3\x01\n:bob!b@h NOTICE alice :\x01PING 1\x01",
	"METADATA #test avatar * :https://a/{size}\nMETADATA bob avatar * :http://169.254.169.254/\n:s 774 alice #test 99999999999\n:s 761 alice bob avatar * :x\n!tick 700\nRENAME #test #other :x\n:b!b@h RENAME #other #test\nRENAME #test #TEST",
	"!list\n:s 321 alice\n:s 322 alice #x 99999999999999999999 :x\n:s 322 alice * 1 :x\n:s 263 alice LIST :x\n:s 323 alice :End\n!raw WHOIS bob\nPONG s :done-1\n:s 311 alice bob :x\nPONG s done-2\n!raw PRIVMSG a,b :x\n!raw MODE #test +k x\n!raw QUIT",
	":s 367 alice #test *!*@* x 1\n!bans #test\n:s 367 alice #test *!*@* x 1\n:s 368 alice #test :x\n:s 324 alice #test +klklk a b\n!modes #test\n:s 324 alice #test +\n:s 482 alice #test :x\n:s 442 alice #test :x\n:s 403 alice #test :x",
}

// FuzzNetwork has a network say what it likes while its user does what he likes: nothing of it grows without end, every line that goes out is
// one, and the password goes to nobody but services.
func FuzzNetwork(f *testing.F) {
	for _, seed := range hostileSeeds {
		f.Add(seed)
	}
	const secret = "s3s4me"
	f.Fuzz(func(t *testing.T, script string) {
		s, c := online(t)
		c.caps.on = 1<<(capUserhostInNames+1) - 1
		c.burst, c.ident, c.hostname = 5, "a", "h"
		now, ref, out := time.Now(), transports.Ref(0), []byte(nil)
		for line := range strings.SplitSeq(script, "\n") {
			request, own := strings.CutPrefix(line, "!")
			word, rest, _ := strings.Cut(request, " ")
			var seconds int
			switch {
			case !own:
				if line = decode([]byte(line), s.decode); s.step(c, []byte(line), nil) != nil {
					return // it ended the connection
				}
			case word == "services":
				if c.login == nil {
					c.ready = false
					c.login = &login{credentials: credentials{account: "alice", password: secret}, wish: saslServices, encrypted: true}
					s.startIdentifying(c)
				}
			case word == "tick":
				if _, err := fmt.Sscan(rest, &seconds); err == nil && seconds > 0 && seconds < 10_000 {
					now = now.Add(time.Duration(seconds) * time.Second)
					if s.expire(c, now) != nil {
						return
					}
				}
			default:
				ref++
				if r := asked(word, rest, ref); r != nil {
					_ = s.do(r) // it may refuse
				}
			}
			lines, _ := s.take(c, nil, now)
			s.written(c, lines)
			out = s.appendLines(out[:0], lines)
			for sent := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte("\r\n")), []byte("\r\n")) {
				if bytes.ContainsAny(sent, "\r\n\x00") {
					t.Errorf("%q is more than a line", sent)
				}
				if bytes.Contains(sent, []byte(secret)) && !bytes.HasPrefix(sent, []byte("PRIVMSG NickServ@")) {
					t.Errorf("the password goes out: %q", sent)
				}
			}
			checkBounds(t, s, c)
			for _, e := range s.out {
				checkEvent(t, e)
			}
			s.out = nil
		}
	})
}

// asked is a request of a user.
func asked(word, rest string, ref transports.Ref) transports.Request {
	name, more, _ := strings.Cut(rest, " ")
	to := roomOf(lowerASCII(name))
	if !isChannel(name) {
		to = contact(lowerASCII(name))
	}
	switch word {
	case "join":
		return transports.Join{Ref: ref, Room: to, Password: more}
	case "part":
		return transports.Leave{Room: to, Reason: more}
	case "say":
		return transports.Send{Ref: ref, To: to, Body: more, Receipt: true, ReplyTo: more}
	case "topic":
		return transports.SetSubject{Ref: ref, Room: to, Subject: more}
	case "nick":
		return transports.SetNick{Ref: ref, Nick: name}
	case "kick":
		return transports.Moderate{Ref: ref, Room: to, Who: transports.Person{Nick: more, Host: more}, Kick: true, Reason: more}
	case "ban":
		return transports.Moderate{Ref: ref, Room: to, Who: transports.Person{Nick: more, Host: more}, Ban: true, Grant: transports.RoleVoice}
	case "react":
		id, sign, _ := strings.Cut(more, " ")
		return transports.React{Ref: ref, To: to, On: id, Add: []string{sign}}
	case "redact":
		return transports.Redact{Ref: ref, To: to, Messages: []string{more}, Reason: more}
	case "type":
		return transports.Type{To: to, State: transports.ComposingActive}
	case "watch":
		return transports.Watch{Who: []transports.Target{to}, Stop: more != ""}
	case "invite":
		return transports.Invite{Ref: ref, Room: to, Nick: more}
	case "list":
		return transports.List{Ref: ref, Name: rest}
	case "raw":
		return transports.Raw{Ref: ref, Line: rest}
	case "typed":
		return transports.Raw{Ref: ref, Room: to, Line: more}
	case "bans", "modes":
		return transports.Inspect{Ref: ref, Room: to, Bans: word == "bans"}
	case "key":
		return transports.Configure{Ref: ref, Room: to, Set: transports.ModeKey, Key: more}
	case "away":
		return transports.SetAway{Away: rest != "", Text: rest}
	case "ask":
		return transports.Enquire{Ref: ref, Who: to}
	case "tell":
		return transports.Tell{Who: to, Token: more, Text: more}
	case "read":
		return transports.MarkRead{In: to, Time: time.Unix(int64(len(more)), 0)}
	case "past":
		return transports.CatchUp{Room: to, Since: time.Unix(1, 0), Max: 100}
	}
	return nil
}

// checkBounds checks that nothing that a session keeps of a network grows without end.
func checkBounds(t *testing.T, s *session, c *conn) {
	t.Helper()
	watched, gathered := 0, 0
	if s.watching != nil {
		watched = len(s.watching.people) + len(s.watching.toDrop) + len(s.watching.toAdd)
	}
	for _, b := range c.batches {
		gathered += b.bytes
	}
	for what, n := range map[string]struct{ is, most int }{
		"rooms": {len(s.rooms), maxRooms}, "requests": {len(s.pending), maxRequests + 1}, "lines": {len(c.queue) + len(c.inflight), maxQueue + maxRooms + maxAnswers},
		"urgent lines": {len(c.urgent), maxUrgent + 20}, "capabilities": {len(c.caps.asked), len(capNames)}, "typers": {len(c.typers), maxTypers},
		"marks": {len(c.marks), maxMarks}, "told": {len(c.awayTold), maxAwayTold}, "elsewhere": {len(c.elsewhere), maxRooms}, "labels": {len(c.over), maxOver},
		"recent": {len(c.recent), maxRecent}, "batches": {len(c.batches), maxBatches}, "bytes": {c.gathered, maxBatchBytes}, "watched": {watched, 3 * maxWatched},
		"events": {len(s.out), 20_000},
	} {
		if n.is > n.most || n.is < 0 {
			t.Fatalf("%d %s, want at most %d", n.is, what, n.most)
		}
	}
	if gathered != c.gathered {
		t.Fatalf("%d bytes are gathered, counted were %d", gathered, c.gathered)
	}
}

// checkEvent checks that an event can be shown.
func checkEvent(t *testing.T, e transports.Event) {
	t.Helper()
	nicks, texts := []string{}, []string{}
	switch e := e.(type) {
	case transports.Message:
		nicks, texts = append(nicks, e.From.Nick), append(texts, e.Body, e.From.Host, e.From.Ident, e.From.Account)
		if e.Clocked && e.Time.After(time.Now().Add(time.Minute)) {
			t.Errorf("a message of the future: %s", describe(e))
		}
		for _, span := range e.Spans {
			if span.From < 0 || span.To > len(e.Body) || span.From >= span.To {
				t.Errorf("a look of %d to %d: %s", span.From, span.To, describe(e))
			}
		}
	case transports.Joined:
		nicks, texts = append(nicks, e.Member.Person.Nick), append(texts, e.Member.Person.RealName)
	case transports.Renamed:
		nicks = append(nicks, e.Old, e.New)
	case transports.Parted:
		nicks, texts = append(nicks, e.Nick), append(texts, e.Reason, e.By)
	case transports.Entered:
		for _, m := range e.Members {
			nicks = append(nicks, m.Person.Nick)
		}
	case transports.Subject:
		texts = append(texts, e.Text, e.By)
	case transports.Notice:
		texts = append(texts, e.Text)
	case transports.Described:
		texts = append(texts, e.Value)
	}
	for _, nick := range nicks {
		if !validNick(nick) {
			t.Errorf("%q is no nick: %s", nick, describe(e))
		}
	}
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && isControl(r) }) {
			t.Errorf("%q cannot be shown: %s", text, describe(e))
		}
	}
}
