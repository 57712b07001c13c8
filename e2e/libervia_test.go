package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"passerelle/internal/realservers"
)

// TestLibervia does with Libervia's command line what a user does with a gateway: he finds it, registers, sets it up, talks in a
// room and in private, and reads what was said. What has no command of its own is called by "debug bridge method", which is what
// Libervia's other frontends call. Each command takes the better part of a second of a processor, so one XMPP server has to do.
func TestLibervia(t *testing.T) { withClient(t, holdLibervia, "prosody") }

func holdLibervia(p *party) {
	li := startLibervia(p)
	expect := func(pattern string, args ...string) string {
		p.t.Helper()
		out, err := li.run(p.ctx, "", args...)
		if err == nil && !regexp.MustCompile(pattern).MatchString(out) {
			err = fmt.Errorf("want %q", pattern)
		}
		if err != nil {
			p.t.Fatalf("libervia-cli %q: %v\n%s\nthe end of the backend's log:\n%s", args, err, out, li.backend.Tail())
		}
		return out
	}
	call := func(pattern, method string, args ...string) string {
		p.t.Helper()
		return expect(pattern, append([]string{"debug", "bridge", "method", method}, args...)...)
	}

	// It connects, finds the gateway as one of those of the server (XEP-0100 §4.1), and registers with the form (XEP-0077).
	expect(`<row index="`+gatewayDomain+`">.*Internet Relay Chat`, "debug", "bridge", "method", "-c", "findGateways", quoted("localhost"), quoted("alice"))
	expect(networkJID, "info", "disco", gatewayDomain)
	form := call(`submit="`, "gatewayRegister", quoted(gatewayDomain), quoted("alice"))
	submit := regexp.MustCompile(`submit="([^"]*)"`).FindStringSubmatch(form)[1]
	call(``, "launchAction", quoted(submit), "{}")
	expect(gatewayDomain, "roster", "get")

	expect(`Your settings`, "ad-hoc", "list", "-j", networkJID)
	expect(`Saved`, "ad-hoc", "run", "-j", networkJID, "configure", "-f", "realname", "Alice L.", "-S")

	call(`'bob'.*`+bobJID, "mucJoin", quoted(roomJID), quoted("alice"), "{}", quoted("alice"))
	p.irc("<", ":alice!* JOIN *#go")
	li.say(p, "groupchat", roomJID, "hello from libervia")
	p.irc("<", ":alice!* PRIVMSG #go :hello from libervia")
	p.irc(">", "PRIVMSG #go :welcome, alice")
	li.say(p, "chat", bobJID, "just between us")
	p.irc("<", ":alice!* PRIVMSG bob :just between us")
	p.irc(">", "PRIVMSG alice :nobody else hears this")
	// It formats by XHTML-IM (XEP-0071), both ways.
	if out, err := li.run(p.ctx, "it is <strong>bold</strong> of me\n", "message", "send", "-t", "groupchat", "--xhtml", roomJID); err != nil {
		p.t.Fatalf("%v: %s", err, out)
	}
	p.irc("<", ":alice!* PRIVMSG #go :it is \x02bold\x0f of me")
	p.irc(">", "PRIVMSG #go :so it \x1dis\x1d")
	for from, text := range map[string]string{roomJID: "welcome, alice", roomJID + "/": "font-style: italic", bobJID: "nobody else hears this"} {
		from = strings.TrimSuffix(from, "/")
		err := poll(p.ctx, func() error {
			out, err := li.run(p.ctx, "", "debug", "bridge", "method", "historyGet", quoted(from), quoted("alice@localhost"), "20", "True", "{}")
			if err == nil && !strings.Contains(out, text) {
				err = fmt.Errorf("no %q in the history: %s", text, out)
			}
			return err
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
	expect(`(?s)hello from libervia.*welcome, alice`, "message", "mam", "-s", roomJID)
	expect(`nobody else hears this`, "message", "mam", "-s", bobJID)
	call(``, "mucNick", quoted(roomJID), quoted("alyssa"), quoted("alice"))
	p.irc("<", ":alice!* NICK *alyssa")
	call(``, "mucLeave", quoted(roomJID), quoted("alice"))
	p.irc("<", ":alyssa!* *")
}

// libervia is a user's Libervia: a backend and a message bus of its own.
type libervia struct {
	cli         string
	environment []string
	backend     *realservers.Process
}

// startLibervia starts Libervia, with a profile of alice that is not connected.
func startLibervia(p *party) *libervia {
	t := p.t
	t.Helper()
	bus, backend, cli := findProgram(t, "dbus-daemon"), findProgram(t, "libervia-backend"), findProgram(t, "libervia-cli")
	host, port, err := net.SplitHostPort(p.c2sAddr)
	if err != nil {
		t.Fatal(err)
	}
	home := shortTempDir(t)
	writeHome(t, home, ".libervia.conf", "[DEFAULT]\nxmpp_domain = localhost\nhosts_dict = {\"localhost\": {\"host\": %q, \"port\": %s}}\n", host, port)
	address := "unix:path=" + filepath.Join(home, "bus")
	li := &libervia{cli: cli, environment: []string{
		// Debian's programs look for a Python in PATH, where another one may come before Debian's.
		"PATH=/usr/bin:/bin", "HOME=" + home, "XDG_RUNTIME_DIR=" + home, "LANG=C.UTF-8", "DBUS_SESSION_BUS_ADDRESS=" + address,
	}}
	spawn := func(ready string, name string, args ...string) *realservers.Process {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env, cmd.Dir = li.environment, home
		process, err := realservers.Spawn(cmd, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(process.Kill)
		err = poll(p.ctx, func() error {
			if strings.Contains(process.Tail(), ready) {
				return nil
			}
			select {
			case <-process.Done():
				return fmt.Errorf("%w: %s has ended", errFinal, name)
			default:
				return errors.New("it is not ready")
			}
		})
		if err != nil {
			t.Fatalf("%v\n%s", err, process.Tail())
		}
		return process
	}
	spawn(address, bus, "--session", "--nofork", "--nopidfile", "--nosyslog", "--print-address", "--address="+address)
	li.backend = spawn("Backend is ready", backend, "fg")
	for _, args := range [][]string{
		{"profile", "create", "alice", "-j", "alice@localhost", "-x", password},
		{"param", "set", "-p", "alice", "--start-session", "Connection", "check_certificate", "false"}, // without TLS, on loopback
	} {
		if out, err := li.run(p.ctx, "", args...); err != nil {
			t.Fatalf("libervia-cli %q: %v\n%s\nthe end of the backend's log:\n%s", args, err, out, li.backend.Tail())
		}
	}
	return li
}

// run runs a command with an input.
func (li *libervia) run(ctx context.Context, input string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, li.cli, args...)
	cmd.Env, cmd.Stdin = li.environment, strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// say sends a message of that type.
func (li *libervia) say(p *party, typ, to, text string) {
	p.t.Helper()
	if out, err := li.run(p.ctx, text+"\n", "message", "send", "-t", typ, to); err != nil {
		p.t.Fatalf("send %q to %s: %v\n%s", text, to, err, out)
	}
}

// quoted is a string in Python, which the arguments of "debug bridge method" are.
func quoted(s string) string { return "'" + s + "'" }
