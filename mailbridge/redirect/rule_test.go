package redirect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRulesAreReadAndWritten(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"do always":                         "do always",
		"DO Never":                          "do never",
		"do unread 5":                       "do unread 5",
		"do unread 90 minutes":              "do unread 90",
		"do digest at 18:00,8":              "do digest at 8:00,18:00",
		"do digest at 24:00,0":              "do digest at 0:00",
		"from *@Work.example do offline":    "from *@work.example do offline",
		"rooms mentions do unread 1":        "rooms mentions do unread 1",
		"rooms no do always":                "do always",
		"when mon-wed,sun do always":        "when mon,tue,wed,sun do always",
		"when fri-mon 22-7:30 do never":     "when mon,fri,sat,sun 22:00-7:30 do never",
		"when 9-17 mon do always":           "when mon 9:00-17:00 do always",
		"do always from bob@x when 0-24:00": "", // the whole day is no time of it
		"":                                  "",
		"always":                            "",
		"do":                                "",
		"do sometimes":                      "",
		"do unread":                         "",
		"do unread 0":                       "",
		"do unread -5":                      "",
		"do unread 99999999999999999999":    "",
		"do digest at":                      "",
		"do digest at 25":                   "",
		"do digest at 8:61":                 "",
		"do digest at 8:5":                  "",
		"do always do never":                "",
		"from do always":                    "",
		"from a b do always":                "",
		"rooms perhaps do always":           "",
		"when someday do always":            "",
		"when 9-9 do always":                "",
		"when mon tue do always":            "",
		"from " + strings.Repeat("x", maxRule) + " do always":                  "",
		"do digest at " + strings.TrimSuffix(strings.Repeat("1:00,", 13), ","): "",
	} {
		r, err := ParseRule("en", line)
		if (err == nil) != (want != "") || err == nil && r.String() != want {
			t.Errorf("%q: got %q, %v, want %q", line, r.String(), err, want)
		}
	}
}

func at(s string) time.Time {
	at, err := time.Parse("Mon 2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return at
}

func TestFirstRuleThatFitsCounts(t *testing.T) {
	t.Parallel()
	rules, err := ParseRules("en", []string{
		"from boss@work.example when mon-fri 9-17 do always",
		"from *@work.example when fri 22-6 do never",
		"from *@work.example do digest at 8,18",
		"rooms mentions do unread 30",
		"from *@chat.work.example rooms yes do digest at 18",
		"from * rooms no do unread 7",
	})
	if err != nil {
		t.Fatal(err)
	}
	noon := at("Wed 2026-11-25 12:00")
	for name, c := range map[string]struct {
		m    Message
		want string
	}{
		"at work":           {Message{Peer: "Boss@work.example", At: noon}, "always"},
		"before work":       {Message{Peer: "boss@work.example", At: at("Wed 2026-11-25 08:59")}, "digest at 8:00,18:00"},
		"at its end":        {Message{Peer: "boss@work.example", At: at("Wed 2026-11-25 17:00")}, "digest at 8:00,18:00"},
		"a night":           {Message{Peer: "eve@work.example", At: at("Fri 2026-11-27 23:00")}, "never"},
		"after midnight":    {Message{Peer: "eve@work.example", At: at("Sat 2026-11-28 05:59")}, "never"},
		"the night before":  {Message{Peer: "eve@work.example", At: at("Fri 2026-11-27 05:59")}, "digest at 8:00,18:00"},
		"the next night":    {Message{Peer: "eve@work.example", At: at("Sat 2026-11-28 23:00")}, "digest at 8:00,18:00"},
		"somebody else":     {Message{Peer: "bob@jabber.example", At: noon}, "unread 7"},
		"named in a room":   {Message{Peer: "r@chat.work.example", Room: true, Mentions: true, At: noon}, "unread 30"},
		"a room":            {Message{Peer: "r@chat.work.example", Room: true, At: noon}, "digest at 18:00"},
		"an unknown room":   {Message{Peer: "r@chat.example", Room: true, At: noon}, "never"},
		"a push of nobody":  {Message{Peer: "?", At: noon}, "unread 7"},
		"like a work's one": {Message{Peer: "bob@work.example.evil", At: noon}, "unread 7"},
	} {
		if got := rules.Match(c.m, true).String(); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	for marks, want := range map[bool]string{true: "unread 10", false: "offline"} {
		if got := Rules(nil).Match(Message{Peer: "bob@x", At: noon}, marks).String(); got != want {
			t.Errorf("without rules: got %q, want %q", got, want)
		}
	}
}

func TestTooManyRules(t *testing.T) {
	t.Parallel()
	lines := slices.Repeat([]string{"do always"}, MaxRules)
	if _, err := ParseRules("en", lines); err != nil {
		t.Error(err)
	}
	if _, err := ParseRules("en", append(lines, "do always")); err == nil {
		t.Error("one more is taken")
	}
}

func TestWhenMessagesAreDue(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		do    string
		taken time.Time
		want  time.Time
	}{
		{"always", at("Wed 2026-11-25 12:00"), at("Wed 2026-11-25 12:00").Add(Gather)},
		{"unread 5", at("Wed 2026-11-25 23:58"), at("Thu 2026-11-26 00:03")},
		{"digest at 8,18", at("Wed 2026-11-25 12:00"), at("Wed 2026-11-25 18:00")},
		{"digest at 8,18", at("Wed 2026-11-25 18:00"), at("Thu 2026-11-26 08:00")},
		{"digest at 8", time.Date(2026, 12, 31, 9, 0, 0, 0, paris), time.Date(2027, 1, 1, 8, 0, 0, 0, paris)},
		// Clocks are set forward at 2:00 and back at 3:00.
		{"digest at 3:30", time.Date(2026, 3, 28, 4, 0, 0, 0, paris), time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)},
		{"digest at 8", time.Date(2026, 10, 24, 9, 0, 0, 0, paris), time.Date(2026, 10, 25, 7, 0, 0, 0, time.UTC)},
	} {
		r, err := ParseRule("en", "do "+c.do)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Action.Due(c.taken); !got.Equal(c.want) {
			t.Errorf("%s of %v: got %v, want %v", c.do, c.taken, got, c.want)
		}
	}
}

func FuzzRule(f *testing.F) {
	for _, s := range []string{
		"from *@work.example rooms mentions when mon-fri 9-17:30 do unread 5", "do digest at 8:00,18:00", "when sun-mon 22-7 do never", "do always from ***a*b*", "do\x00",
	} {
		f.Add(s, "bob@work.example")
	}
	f.Fuzz(func(t *testing.T, line, peer string) {
		r, err := ParseRule("en", line)
		if err != nil {
			return
		}
		again, err := ParseRule("en", r.String())
		if err != nil || !cmp.Equal(r, again) {
			t.Fatalf("%q is written as %q, which is read as %+v, %v, not %+v", line, r.String(), again, err, r)
		}
		now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
		a := Rules{r}.Match(Message{Peer: peer, At: now}, true)
		if due := a.Due(now); !due.After(now) || due.After(now.Add(8*24*time.Hour)) {
			t.Fatalf("%q is due at %v", a, due)
		}
	})
}
