package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"

	"passerelle/internal/xmpptest"
)

// ircActor is an IRC client in a script. It reads only while the script waits for something, and answers pings then.
type ircActor struct {
	conn    net.Conn
	in      *bufio.Reader
	pending []string
	came    []string
	heard   func(line string) // is told of each line, if not nil
	fences  int
	sent    string // the last line of the script
}

// dialIRC connects and registers a client.
func dialIRC(ctx context.Context, addr, nick string) (*ircActor, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	a := &ircActor{conn: conn, in: bufio.NewReader(conn)}
	err = a.register(ctx, nick)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	a.came = nil
	return a, nil
}

// register is RFC 2812 §3.1, and reads up to the end of the message of the day.
func (a *ircActor) register(ctx context.Context, nick string) error {
	if err := a.send(ctx, "NICK "+nick+"\r\nUSER "+nick+" 0 * :"+nick); err != nil {
		return err
	}
	for {
		line, err := a.receive(ctx)
		if err != nil {
			return err
		}
		switch code := numeric(line); {
		case code == "376" || code == "422":
			return nil
		case code >= "400":
			return fmt.Errorf("register as %s: %s", nick, line)
		}
	}
}

var numericForm = regexp.MustCompile(`^:\S+ (\d\d\d) `)

// numeric is the code of a numeric reply, or empty.
func numeric(line string) string {
	if m := numericForm.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

func (a *ircActor) send(ctx context.Context, line string) error {
	deadline, _ := ctx.Deadline()
	if err := a.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	_, err := io.WriteString(a.conn, line+"\r\n")
	return err
}

// receive reads a line and answers pings (RFC 2812 §3.7.2).
func (a *ircActor) receive(ctx context.Context) (string, error) {
	deadline, _ := ctx.Deadline()
	if err := a.conn.SetReadDeadline(deadline); err != nil {
		return "", err
	}
	for {
		line, err := a.in.ReadString('\n')
		if err != nil {
			return "", err
		}
		line = strings.TrimRight(line, "\r\n")
		if token, ok := strings.CutPrefix(line, "PING "); ok {
			if err := a.send(ctx, "PONG "+token); err != nil {
				return "", err
			}
			continue
		}
		a.came = remember(a.came, fmt.Sprintf("%q", line))
		if a.heard != nil {
			a.heard(line)
		}
		return line, nil
	}
}

func (a *ircActor) next(ctx context.Context) (string, error) {
	if len(a.pending) > 0 {
		line := a.pending[0]
		a.pending = a.pending[1:]
		return line, nil
	}
	return a.receive(ctx)
}

// matchLine matches a line as it came, or without the colon that a last parameter of one word need not have (RFC 2812 §2.3.1):
// ngIRCd sends "MODE #go +i", InspIRCd "MODE #go :+i".
func matchLine(pattern, line string, vars xmpptest.Vars) bool {
	if xmpptest.MatchText(pattern, line, vars) {
		return true
	}
	before, last, ok := strings.Cut(line, " :")
	return ok && last != "" && !strings.Contains(last, " ") && xmpptest.MatchText(pattern, before+" "+last, vars)
}

// namedID is where a pattern names the id of a message, messageID where a line has it.
var (
	namedTag = regexp.MustCompile(`(msgid|time)=\{([a-z]+)\}`)
	taggedAs = map[string]*regexp.Regexp{
		"msgid": regexp.MustCompile(`^@(?:[^ ]*;)?msgid=([^ ;]+)`), "time": regexp.MustCompile(`^@(?:[^ ]*;)?time=([^ ;]+)`),
	}
)

// expect waits for a line like pattern: the next one that is no numeric reply, or with skip one of the next.
func (a *ircActor) expect(ctx context.Context, pattern string, vars xmpptest.Vars, skip bool) error {
	tag, name := "", ""
	if m := namedTag.FindStringSubmatch(pattern); m != nil {
		tag, name, pattern = m[1], m[2], strings.Replace(pattern, m[0], m[1]+"=*", 1)
	}
	for {
		line, err := a.next(ctx)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, report(fmt.Sprintf("%q", pattern), a.came))
		}
		if matchLine(pattern, line, vars) {
			if name != "" {
				if m := taggedAs[tag].FindStringSubmatch(line); m != nil {
					vars[name] = m[1]
				}
			}
			return nil
		}
		if !skip && numeric(line) == "" {
			return fmt.Errorf("it is another line\n%s", report(fmt.Sprintf("%q", pattern), a.came))
		}
	}
}

// ask sends the last line once more, again and again, until one of the answers is like pattern.
func (a *ircActor) ask(ctx context.Context, pattern string, vars xmpptest.Vars) error {
	return poll(ctx, func() error {
		if err := a.refute(ctx, pattern, vars); err != nil {
			return a.expect(ctx, pattern, vars, true)
		}
		if err := a.send(ctx, a.sent); err != nil {
			return fmt.Errorf("%w: %w", errFinal, err)
		}
		return errors.New("the answers are other ones")
	})
}

// refute fails if a line like pattern has come before the server's answer to a ping. It takes nothing away.
func (a *ircActor) refute(ctx context.Context, pattern string, vars xmpptest.Vars) error {
	a.fences++
	token := fmt.Sprintf("fence-%d", a.fences)
	if err := a.send(ctx, "PING "+token); err != nil {
		return err
	}
	for {
		line, err := a.receive(ctx)
		if err != nil {
			return fmt.Errorf("wait for the answer to a ping: %w", err)
		}
		if strings.Contains(line, " PONG ") && strings.HasSuffix(line, token) {
			break
		}
		a.pending = append(a.pending, line)
	}
	for _, line := range a.pending {
		if matchLine(pattern, line, vars) {
			return fmt.Errorf("it came\n%s", report(fmt.Sprintf("%q", pattern), a.came))
		}
	}
	return nil
}
