// Command demo shows passerelle at its main job: it starts a private Prosody, a private ngIRCd and, for root, a private Postfix and Dovecot with
// throw-away accounts on loopback, passerelle between them, and plays a short conversation between an XMPP client and an IRC client, one
// with somebody who has a mailbox, and one in public with somebody of another gateway, that one can read on the terminal. Then it stays up, so
// that one can join with one's own client, until Ctrl-C.
//
// With -once it ends after the conversation: 0 when every line arrived, 1 when one did not.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"passerelle/internal/realservers"
)

// Names of the demonstration.
const (
	gatewayDomain = "irc.localhost"
	networkName   = "irc.demo.example"
	channel       = "#demo"
	roomJID       = channel + "%" + networkName + "@" + gatewayDomain
)

// Bounds of time. Of the play half a minute is a mail that waits for more to say.
const (
	startTime = 60 * time.Second
	playTime  = 2 * time.Minute
)

func main() {
	once := flag.Bool("once", false, "end after the conversation; exit 1 if a line did not arrive")
	binary := flag.String("binary", "bin/passerelle", "the program to show")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *binary, *once, os.Stdout)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run starts everything, plays, and stays up unless once is set.
func run(ctx context.Context, binary string, once bool, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "passerelle-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	password, secret := rand.Text()[:12], rand.Text()

	starting, cancel := context.WithTimeoutCause(ctx, startTime, errors.New("the servers did not start in time"))
	defer cancel()
	fmt.Fprintln(out, "Starting Prosody, ngIRCd, mail servers and passerelle on loopback …")
	prosody, err := realservers.StartProsody(starting, realservers.ProsodyOptions{
		Components: []realservers.Component{
			{Domain: gatewayDomain, Secret: secret},
			{Domain: mailDomain, Secret: secret, Privileged: true},
			{Domain: socialDomain, Secret: secret},
			{Domain: otherSocialDomain, Secret: secret},
		},
		Redirect: mailDomain,
		Users:    []realservers.Account{{Name: "alice", Password: password}, {Name: "guest", Password: password}},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, prosody.Stop()) }()
	ircd, err := realservers.StartNgircd(starting, realservers.NgircdOptions{Name: networkName})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ircd.Stop()) }()
	mail, err := startMail(starting, password)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mail.stop()) }()
	social, err := startSocial(dir)
	if err != nil {
		return err
	}
	defer social.stop()
	gateway, err := startGateway(starting, binary, filepath.Join(dir, "passerelle"), ircConfig(secret, prosody.ComponentAddr, ircd.Addr)+
		mail.config(secret, prosody.ComponentAddr)+social.config(socialDomain, 0, secret, prosody.ComponentAddr))
	if err != nil {
		return err
	}
	defer gateway.Stop()
	other, err := startGateway(starting, binary, filepath.Join(dir, "other"), social.config(otherSocialDomain, 1, secret, prosody.ComponentAddr))
	if err != nil {
		return err
	}
	defer other.Stop()

	p := &play{out: out, color: isTerminal(out)}
	playing, cancelPlay := context.WithTimeoutCause(ctx, playTime, errors.New("the conversation did not end in time"))
	defer cancelPlay()
	robert, err := p.conversation(playing, prosody.C2SAddr, password, ircd.Addr)
	if err != nil {
		if ctx.Err() != nil {
			return nil // Ctrl-C
		}
		return fmt.Errorf("%w\n\nThe end of passerelle's log:\n%s", err, gateway.Tail())
	}
	defer robert.close()
	if mail == nil {
		fmt.Fprintln(out, "\nEmail is left out: only root can start the mail servers, with sudo make demo.")
	} else if err := p.byMail(playing, prosody.C2SAddr, password, mail); err != nil {
		if ctx.Err() != nil {
			return nil // Ctrl-C
		}
		return fmt.Errorf("%w\n\nThe end of passerelle's log:\n%s", err, gateway.Tail())
	}
	if err := p.inPublic(playing, prosody.C2SAddr, password, social); err != nil {
		if ctx.Err() != nil {
			return nil // Ctrl-C
		}
		return fmt.Errorf("%w\n\nThe end of passerelle's log:\n%s\n\nThe end of the log of the other one:\n%s", err, gateway.Tail(), other.Tail())
	}
	fmt.Fprintf(out, "\nAll %d lines arrived.\n", p.arrived)
	if once {
		return nil
	}
	printInvitation(out, prosody.C2SAddr, password, ircd.Addr)
	for {
		select {
		case line, ok := <-robert.lines:
			if !ok {
				return errors.New("the IRC server ended robert's connection")
			}
			if err := robert.host(line); err != nil {
				return err
			}
		case <-ctx.Done():
			fmt.Fprintln(out, "\nStopping.")
			return nil
		case <-gateway.Done():
			return fmt.Errorf("passerelle ended; the end of its log:\n%s", gateway.Tail())
		}
	}
}

// ircConfig is the table of the gateway to IRC.
func ircConfig(secret, xmpp, irc string) string {
	return fmt.Sprintf(`[[irc]]
domain = %q
secret = %q
server = %q

[[irc.network]]
name = %q
title = "Demo network"
addresses = [%q]
tls = false # only because it is on this machine
`, gatewayDomain, secret, xmpp, networkName, irc)
}

// startGateway writes a configuration, as an operator would, into a directory of its own, and runs the program until it is ready.
func startGateway(ctx context.Context, binary, dir, config string) (*realservers.Process, error) {
	admin, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "passerelle.toml")
	text := config + fmt.Sprintf(`
[store]
path = %q

[admin]
listen = %q
`, filepath.Join(dir, "passerelle.db"), admin)
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		return nil, err
	}
	gateway, err := realservers.Spawn(exec.Command(binary, "serve", "-config", file), nil)
	if err != nil {
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	for {
		if ready(ctx, "http://"+admin+"/readyz") {
			return gateway, nil
		}
		select {
		case <-gateway.Done():
			return nil, fmt.Errorf("passerelle ended; the end of its log:\n%s", gateway.Tail())
		case <-ctx.Done():
			gateway.Kill()
			return nil, fmt.Errorf("%w; the end of passerelle's log:\n%s", context.Cause(ctx), gateway.Tail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freeAddress finds a port that nobody uses at the moment.
func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func ready(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // the status says it all
	return resp.StatusCode == http.StatusOK
}

func printInvitation(out io.Writer, xmpp, password, irc string) {
	xmppHost, xmppPort, _ := strings.Cut(xmpp, ":")
	ircHost, ircPort, _ := strings.Cut(irc, ":")
	fmt.Fprintf(out, `
Everything stays up until you press Ctrl-C. Join with your own clients; robert is in the room and says hello:

  XMPP   server    %[1]s, port %[2]s, without TLS (it is this machine)
         account   guest@localhost
         password  %[3]s
         room      %[4]s
         help      write to help@%[5]s

         Profanity, for instance:
           profanity
           /connect guest@localhost server %[1]s port %[2]s tls disable
           /join %[4]s nick guest

  IRC    server    %[6]s, port %[7]s, without TLS
         channel   %[8]s

         irssi, for instance:
           irssi -c %[6]s -p %[7]s -n visitor
           /join %[8]s
`, xmppHost, xmppPort, password, roomJID, gatewayDomain, ircHost, ircPort, channel)
}

// isTerminal reports whether somebody reads this with a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == ""
}
