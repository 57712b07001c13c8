package ircbridge

import (
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

func TestMaskCredential(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"MODE alice +i":                                       "MODE alice +i",
		"PRIVMSG NickServ :IDENTIFY sesame":                   "PRIVMSG NickServ :IDENTIFY " + masked,
		"privmsg nickserv identify alice sesame":              "privmsg nickserv identify " + masked,
		"NS IDENTIFY sesame":                                  "NS IDENTIFY " + masked,
		"PRIVMSG Q@CServe.quakenet.org :AUTH alice sesame":    "PRIVMSG Q@CServe.quakenet.org :AUTH " + masked,
		"PRIVMSG X@channels.undernet.org :login alice sesame": "PRIVMSG X@channels.undernet.org :login " + masked,
		"OPER alice sesame":                                   "OPER " + masked,
		"PRIVMSG NickServ :SETPASS alice 1234 sesame":         "PRIVMSG NickServ :SETPASS " + masked,
		"PRIVMSG NickServ :SET PASSWORD sesame":               "PRIVMSG NickServ :SET PASSWORD " + masked,
		"PRIVMSG NickServ :REGAIN alice sesame":               "PRIVMSG NickServ :REGAIN " + masked,
		"PRIVMSG NickServ :DROP alice sesame":                 "PRIVMSG NickServ :DROP " + masked,
		"PRIVMSG NickServ :VERIFY REGISTER alice 1234":        "PRIVMSG NickServ :VERIFY " + masked,
		"MODE #den +k sesame":                                 "MODE #den +k " + masked,
		"mode #den -i+lk 5 sesame":                            "mode #den -i+lk " + masked,
		"MODE #den +kl-o sesame 5 bob":                        "MODE #den +kl-o " + masked,
		"MODE #den -k+o *":                                    "MODE #den -k+o *",
		"MODE #dark +o bob":                                   "MODE #dark +o bob",
		"PRIVMSG NickServ :HELP identify":                     "PRIVMSG NickServ :HELP identify",
		"PRIVMSG bob :I did not":                              "PRIVMSG bob :I did not",
		"AWAY :identifying":                                   "AWAY :identifying",
	} {
		if got := maskCredential(line); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

func TestCheckAfterConnect(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", "MODE alice +i", "ping x", "PRIVMSG NickServ :IDENTIFY sesame\nMODE alice +x", "WHO"} {
		if wrong := checkAfterConnect("", good); wrong != "" {
			t.Errorf("%q: %s", good, wrong)
		}
	}
	for _, bad := range []string{
		"/msg NickServ identify sesame", ":bob PRIVMSG x :y", "@a=b WHO", "NICK bob", "quit", "JOIN #a", "PART #a", "CAP REQ x", "PASS sesame", "USER a b c d",
		"AUTHENTICATE PLAIN", "MODE a\x01", "MODE a\rQUIT", "!", "PRIVMSG NickServ :IDENTIFY " + masked, "AWAY :" + strings.Repeat("x", maxAfterConnectLine),
		strings.Repeat("WHO\n", maxAfterConnect+1),
	} {
		wrong := checkAfterConnect("", bad)
		if wrong == "" || strings.Contains(wrong, "sesame") {
			t.Errorf("%.40q: %q", bad, wrong)
		}
		if lines := afterConnect(map[string]string{SettingAfterConnect: bad}); len(lines) > maxAfterConnect || len(lines) > 0 && lines[0] == bad {
			t.Errorf("%.40q is sent", bad)
		}
	}
}

// They come after the greeting, in order, before the first JOIN; and again on the next connection.
func TestAfterConnect(t *testing.T) {
	t.Parallel()
	server := ircd.NewScript(t, nil)
	settings := &memorySettings{}
	settings.set(map[string]string{SettingAfterConnect: "PRIVMSG NickServ :IDENTIFY sesame\nNICK evil\nMODE alice +i"})
	tr := newTransport(t, Options{Networks: plainNet(server.Addr), Settings: settings})
	s, _ := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := server.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :", ":irc.test 001 alice :hi", ":irc.test 422 alice :none")
	for _, want := range []string{"PRIVMSG NickServ :IDENTIFY sesame", "MODE alice +i", "JOIN #test"} {
		for {
			line, err := p.Line()
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, "CAP ") {
				continue
			}
			if line != want {
				t.Fatalf("got %q, want %q", line, want)
			}
			break
		}
	}
}

// TestToldAfterConnect: what the network echoes of them is known to be among them, and what another client of the user says is not.
func TestToldAfterConnect(t *testing.T) {
	t.Parallel()
	server := ircd.NewScript(t, nil)
	settings := &memorySettings{}
	settings.set(map[string]string{SettingAfterConnect: "PRIVMSG Q@CServe.irc.test :AUTH alice sesame"})
	s, h := open(t, newTransport(t, Options{Networks: plainNet(server.Addr), Settings: settings}), alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := server.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :echo-message", ":irc.test CAP * ACK :echo-message", ":irc.test 001 alice :hi", ":irc.test 422 alice :none")
	p.Expect(t, "PRIVMSG Q@CServe")
	p.Send(t, ":alice!a@h PRIVMSG q :AUTH alice sesame", ":alice!a@h PRIVMSG bob :from the train")
	if m := await[transports.Message](t, h); m.To.ID != "q" || !m.Services {
		t.Errorf("got %s", describe(m))
	}
	if m := await[transports.Message](t, h); m.To.ID != "bob" || m.Services {
		t.Errorf("got %s", describe(m))
	}
}
