package relay

import (
	"slices"
	"strings"
	"testing"

	"passerelle/mailbridge/address"
)

// wire are MAIL and RCPT as a server hears them.
func wire(t *testing.T, offers string, e Envelope, mail string) (commands []string, results []Result) {
	t.Helper()
	p := listen(t, behave(offers, nil))
	r := start(t, plain(p.addr))
	results = r.Send(t.Context(), e, []byte(mail))
	for _, line := range p.said() {
		if strings.HasPrefix(line, "MAIL") || strings.HasPrefix(line, "RCPT") {
			commands = append(commands, line)
		}
	}
	return commands, results
}

func TestParameters(t *testing.T) {
	t.Parallel()
	const head = "Subject: x\r\n\r\n"
	alice := address.Mailbox{Local: "alice", Domain: "gw.example.org"}
	bob := address.Mailbox{Local: "bob", Domain: "example.com"}
	for _, c := range []struct {
		name, offers, mail string
		envelope           Envelope
		want               []string
		result             string
	}{
		{
			"nothing offered", "HELP", head,
			Envelope{From: alice, To: []address.Mailbox{bob}, Notify: true, EnvID: "7"},
			[]string{"MAIL FROM:<alice@gw.example.org>", "RCPT TO:<bob@example.com>"},
			"sent",
		},
		{
			"reports", "DSN;SIZE", head,
			Envelope{From: alice, To: []address.Mailbox{{Local: "a+b=c", Domain: "example.com"}}, Notify: true, EnvID: "a b+"},
			[]string{
				"MAIL FROM:<alice@gw.example.org> SIZE=14 RET=HDRS ENVID=a+20b+2B",
				"RCPT TO:<a+b=c@example.com> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb+3Dc@example.com",
			},
			"sent",
		},
		{
			"reports of failures alone", "DSN", head,
			Envelope{From: alice, To: []address.Mailbox{bob}},
			[]string{"MAIL FROM:<alice@gw.example.org> RET=HDRS", "RCPT TO:<bob@example.com> NOTIFY=FAILURE,DELAY ORCPT=rfc822;bob@example.com"},
			"sent",
		},
		{
			"a bounce", "DSN", head,
			Envelope{To: []address.Mailbox{bob}, Notify: true},
			[]string{"MAIL FROM:<>", "RCPT TO:<bob@example.com> NOTIFY=NEVER"},
			"sent",
		},
		{
			"eight bits", "8BITMIME;SMTPUTF8", head + "é\r\n",
			Envelope{From: alice, To: []address.Mailbox{bob}},
			[]string{"MAIL FROM:<alice@gw.example.org> BODY=8BITMIME", "RCPT TO:<bob@example.com>"},
			"sent",
		},
		{"eight bits to seven", "DSN", head + "é\r\n", Envelope{From: alice, To: []address.Mailbox{bob}}, nil, "never 5.6.3"},
		{
			"other scripts", "SMTPUTF8;8BITMIME;DSN", head,
			Envelope{From: alice, To: []address.Mailbox{{Local: "bücher", Domain: "bücher.example"}}},
			[]string{
				"MAIL FROM:<alice@gw.example.org> BODY=8BITMIME SMTPUTF8 RET=HDRS",
				"RCPT TO:<bücher@bücher.example> NOTIFY=FAILURE,DELAY ORCPT=utf-8;bücher@bücher.example",
			},
			"sent",
		},
		{"other scripts to who has none", "8BITMIME", head, Envelope{From: alice, To: []address.Mailbox{{Local: "bücher", Domain: "example.com"}}}, nil, "never 5.6.7"},
		{"headers of other scripts", "8BITMIME", head, Envelope{From: alice, To: []address.Mailbox{bob}, UTF8: true}, nil, "never 5.6.7"},
		{"too large", "SIZE 13", head, Envelope{From: alice, To: []address.Mailbox{bob}}, nil, "never 5.3.4"},
		{
			"just not too large", "SIZE 14", head,
			Envelope{From: alice, To: []address.Mailbox{bob}},
			[]string{"MAIL FROM:<alice@gw.example.org> SIZE=14", "RCPT TO:<bob@example.com>"},
			"sent",
		},
		{
			"no size", "SIZE 0", head,
			Envelope{From: alice, To: []address.Mailbox{bob}},
			[]string{"MAIL FROM:<alice@gw.example.org> SIZE=14", "RCPT TO:<bob@example.com>"},
			"sent",
		},
		{"a lone LF", "SIZE", head + ".\n", Envelope{From: alice, To: []address.Mailbox{bob}}, nil, "never 5.6.0"},
		{"a lone CR", "SIZE", head + "\r.\r\n", Envelope{From: alice, To: []address.Mailbox{bob}}, nil, "never 5.6.0"},
		{
			"a parameter in an address", "DSN", head,
			Envelope{From: alice, To: []address.Mailbox{{Local: "v@x.test> NOTIFY=NEVER", Domain: "example.com"}}},
			[]string{
				"MAIL FROM:<alice@gw.example.org> RET=HDRS",
				`RCPT TO:<"v@x.test> NOTIFY=NEVER"@example.com> NOTIFY=FAILURE,DELAY ORCPT=rfc822;"v@x.test>+20NOTIFY+3DNEVER"@example.com`,
			},
			"sent",
		},
		{"a command in an address", "DSN", head, Envelope{From: alice, To: []address.Mailbox{{Local: "v\r\nRSET", Domain: "example.com"}}}, nil, "never 5.1.3"},
		{"a command in the sender", "DSN", head, Envelope{From: address.Mailbox{Local: "v\r\nRSET", Domain: "example.com"}, To: []address.Mailbox{bob}}, nil, "never 5.1.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, results := wire(t, c.offers, c.envelope, c.mail)
			if !slices.Equal(got, c.want) {
				t.Errorf("the server heard\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			outcome := [...]string{"later ", "never ", "sent"}[results[0].Outcome]
			if results[0].Outcome != Sent {
				outcome += results[0].Enhanced
			}
			if outcome != c.result {
				t.Errorf("the result is %s, want %s", brief(results[0]), c.result)
			}
			if want := c.envelope.Notify && strings.Contains(c.offers, "DSN"); results[0].Reports != want {
				t.Errorf("it reports: %v, want %v", results[0].Reports, want)
			}
		})
	}
}

// However a mail is cut and dotted, it arrives as it is.
func TestDots(t *testing.T) {
	t.Parallel()
	p := listen(t, behave("PIPELINING", nil))
	r := start(t, plain(p.addr))
	long := strings.Repeat("x", blockSize-1)
	for _, mail := range []string{
		"", ".", ".\r\n", "..\r\n.\r\n\r\n.\r\n", long + ".\r\n." + long + "\r\n", long + "x." + long, strings.Repeat(".\r\n", 3*blockSize), "a\r\nb",
	} {
		wantResults(t, r.Send(t.Context(), envelope(t, "bob@example.com"), []byte(mail)), "bob@example.com sent 250 2.0.0 queued as 1")
		got := p.got()
		if last := got[len(got)-1]; last != mail && last != mail+"\r\n" {
			t.Errorf("%d bytes arrived as %d", len(mail), len(last))
		}
	}
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{
		"250 2.0.0 fine\r\n", "250-a\r\n250 b\r\n", "250\r\n", "250-a\r\n251 b\r\n", "999 x\r\n", "2\r\n", "550-5.1.1 a\n550 5.1.1 \xff\u202e\x00\n",
		"220 \x1b[2J\r\n", strings.Repeat("250-x\r\n", maxReplyRows+1), "250 " + strings.Repeat("x", maxReplyLine) + "\r\n", "550 5.1.1234 x\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkReply(t, s) })
}
