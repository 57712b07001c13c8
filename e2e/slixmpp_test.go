package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"reflect"
	"testing"

	"passerelle/internal/realservers/realtest"
)

// TestSlixmpp holds a conversation with a client library that many programs are made with.
func TestSlixmpp(t *testing.T) { withClient(t, holdSlixmpp, "prosody", "ejabberd") }

func holdSlixmpp(p *party) {
	t, irc := p.t, p.irc
	python := findPython(t)
	host, port, err := net.SplitHostPort(p.c2sAddr)
	if err != nil {
		t.Fatal(err)
	}
	expect, end := startScript(t, python, "slixmpp/conversation.py", host, port, "alice@localhost/slixmpp", password, roomJID, "alice")
	expect(`{"event": "items", "found": true}`)
	expect(`{"event": "gateway", "identities": [["conference", "irc"], ["gateway", "irc"]]}`)
	expect(`{"event": "registration", "registered": true}`)
	expect(`{"event": "command", "status": "completed"}`)
	expect(`{"event": "info", "identities": [["conference", "irc"]], "muc": true}`)
	expect(`{"event": "joined", "roster": ["alice", "bob"]}`)
	irc("<", ":alice!* JOIN *#go")
	expect(`{"event": "reflected", "nick": "alice"}`)
	irc("<", ":alice!* PRIVMSG #go :hello from slixmpp")
	irc(">", "PRIVMSG #go :your turn")
	expect(`{"event": "message", "nick": "bob", "body": "your turn"}`)
	expect(`{"event": "archived", "said": [["alice", "hello from slixmpp"], ["bob", "your turn"]]}`)
	for i := range 300 {
		irc(">", fmt.Sprintf("PRIVMSG #go :line %d", i))
	}
	expect(`{"event": "pages", "lines": 300, "ordered": true, "same": true}`)
	irc("<", ":alice!* NICK *alice2")
	expect(`{"event": "nick", "left": [110, 303], "came": [100, 110], "roster": ["alice2", "bob"]}`)
	expect(`{"event": "left", "codes": [110]}`)
	irc("<", ":alice2!* *bye*")
	expect(`{"event": "registration", "registered": false}`)
	expect(`{"event": "end"}`)
	end()
}

// startScript starts a script that says what happens in lines of JSON. Expect waits for one, and end for its own end.
func startScript(t *testing.T, python string, args ...string) (expect func(want string), end func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	return func(want string) {
			t.Helper()
			var got, wanted any
			if !lines.Scan() {
				t.Fatalf("it ended: %v, want %s\n%s", cmd.Wait(), want, &stderr)
			}
			if err := errors.Join(json.Unmarshal(lines.Bytes(), &got), json.Unmarshal([]byte(want), &wanted)); err != nil {
				t.Fatalf("%s: %v", lines.Bytes(), err)
			}
			if !reflect.DeepEqual(got, wanted) {
				t.Errorf("got  %s\nwant %s", lines.Bytes(), want)
			}
		}, func() {
			t.Helper()
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v\n%s", err, &stderr)
			}
		}
}

// findPython finds the Python that has slixmpp: Debian's package is for Debian's Python, which need not be the first in PATH.
func findPython(t *testing.T) string {
	t.Helper()
	var errs []error
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		out, err := exec.CommandContext(t.Context(), python, "-c", "import slixmpp").CombinedOutput()
		if err == nil {
			return python
		}
		errs = append(errs, fmt.Errorf("%s: %w\n%s", python, err, out))
	}
	realtest.Missing(t, fmt.Errorf("no Python with slixmpp: %w", errors.Join(errs...)))
	return ""
}
