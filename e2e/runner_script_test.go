package e2e

import (
	"strings"
	"testing"

	"passerelle/internal/xmpptest"
)

func TestParseScenario(t *testing.T) {
	t.Parallel()
	steps, err := parseScenario([]byte(`What it is.
-- script --
# a comment
irc bob
irc bob > JOIN #go

xmpp alice/phone
alice/phone > <message to='$GW'>
    <body># no comment</body>
  </message>
alice/phone <! <message type='*'/>
alice/phone close
gateway restart
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []step{
		{line: 2, actor: "irc bob", verb: "login"},
		{line: 3, actor: "irc bob", verb: ">", arg: "JOIN #go"},
		{line: 5, actor: "alice/phone", verb: "login"},
		{line: 6, actor: "alice/phone", verb: ">", arg: "<message to='$GW'>\n<body># no comment</body>\n</message>"},
		{line: 9, actor: "alice/phone", verb: "<!", arg: "<message type='*'/>"},
		{line: 10, actor: "alice/phone", verb: "close"},
		{line: 11, actor: "gateway", verb: "restart"},
	}
	if len(steps) != len(want) {
		t.Fatalf("got %d steps, want %d: %+v", len(steps), len(want), steps)
	}
	for i, s := range steps {
		s.text = ""
		if s != want[i] {
			t.Errorf("step %d: got %+v, want %+v", i, s, want[i])
		}
	}
}

func TestParseScenarioFaults(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, scenario, fault string }{
		{"no comment", "-- script --\nirc bob\n", "which behaviour"},
		{"no script", "Comment.\n-- other --\nirc bob\n", `called "script"`},
		{"no steps", "Comment.\n-- script --\n# nothing\n", "no steps"},
		{"unknown actor", "Comment.\n-- script --\nalice > <message/>\n", "line 1: alice > <message/>: nobody called alice"},
		{"unknown verb", "Comment.\n-- script --\nxmpp alice\nalice >> <message/>\n", `">>" is none of`},
		{"no such control", "Comment.\n-- script --\ngateway close\n", `"close" is none of stop kill restart reload remembers ages set`},
		{"no number", "Comment.\n-- script --\ngateway remembers all\n", `parsing "all"`},
		{"actor with a meaning", "Comment.\n-- script --\nxmpp gateway\n", "a meaning of its own"},
		{"bad name", "Comment.\n-- script --\nirc Bob\n", "is no name"},
		{"stanza without end", "Comment.\n-- script --\nxmpp alice\nalice > <message>\n<body>\n", "line 2: the stanza does not end"},
		{"broken stanza", "Comment.\n-- script --\nxmpp alice\nalice > <message></iq>\n", "element <message> closed by </iq>"},
		{"nothing to expect", "Comment.\n-- script --\nirc bob\nirc bob <\n", "too much or too little"},
		{"too much", "Comment.\n-- script --\nirc bob\nirc bob close now\n", "too much or too little"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := parseScenario([]byte(test.scenario)); err == nil || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("got %v, want a fault with %q", err, test.fault)
			}
		})
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	vars := xmpptest.Vars{"GW": "irc.localhost", "me": "a<b"}
	got, err := expand("<x to='#go%$GW/$me' cost='$$5'/>", vars, quoteXML)
	if want := "<x to='#go%irc.localhost/a&lt;b' cost='$5'/>"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := expand("$nobody", vars, quoteXML); err == nil {
		t.Error("a variable without a value: no error")
	}
	if got, want := unescape(`\x01A\u00e9\x\u12\xff\*`), "\x01Aé\\x\\u12\xff\\*"; got != want {
		t.Errorf("unescape: got %q, want %q", got, want)
	}
}
