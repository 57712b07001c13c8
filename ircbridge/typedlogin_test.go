package ircbridge

import (
	"context"
	"testing"

	"passerelle/transports"
)

// Who says a password to services himself is told once that there is a better way; what he wrote goes as it is.
func TestTypedLogin(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"PRIVMSG NickServ :IDENTIFY sesame": true, "privmsg nickserv@services.test :identify a sesame": true, "NS IDENTIFY sesame": true,
		"NICKSERV REGISTER sesame a@b": true, "IDENTIFY sesame": true, "PRIVMSG Q :AUTH a sesame": true, "PRIVMSG NickServ :SETPASS a 1 sesame": true,
		"PRIVMSG NickServ :HELP": false, "PRIVMSG bob :identify yourself": false, "OPER a b": false, "PRIVMSG": false, ":pass PRIVMSG": false, "": false, "NS HELP": false,
	} {
		if got := tellsServices(line); got != want {
			t.Errorf("%q: %t", line, got)
		}
	}

	set := &memorySettings{}
	script, s, h, tr := scriptedWith(t, "", Options{Settings: set})
	script.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	do(t, s, transports.Send{Ref: 2, To: contact("NickServ"), Body: "IDENTIFY sesame"})
	if line := script.Expect(t, "PRIVMSG "); line != "PRIVMSG NickServ :IDENTIFY sesame" {
		t.Errorf("got %q", line)
	}
	if n := await[transports.Notice](t, h); n.Text != typedLoginInChat {
		t.Errorf("got %s", describe(n))
	}
	if m := await[transports.Message](t, h); !m.Services || m.Ref != 2 {
		t.Errorf("an archive keeps %s", describe(m))
	}
	do(t, s, transports.Raw{Ref: 3, Line: "NICKSERV IDENTIFY sesame"})
	script.Expect(t, "NICKSERV IDENTIFY sesame")
	script.Send(t, ":bob!b@h PRIVMSG alice :hello")
	for {
		e := h.next(t)
		if n, ok := e.(transports.Notice); ok && n.Text == typedLoginInChat {
			t.Error("he was told twice")
		}
		if m, ok := e.(transports.Message); ok && m.Body == "hello" {
			break
		}
	}
	if err := tr.Shutdown(context.Background(), "over"); err != nil { // by then it is written
		t.Fatal(err)
	}
	if kept, err := set.Load(context.Background(), alice, Scope(testNet)); err != nil || kept[settingHinted] == "" {
		t.Errorf("%v is set, error %v", kept, err)
	}
}
