package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// mailSize is how large the mails are, in bytes.
const mailSize = 4096

// client gives mail to a server, one after the other over one connection, as mail servers do: MAIL, RCPT and DATA go out together where the
// server takes that (PIPELINING, RFC 2920), as all of these do.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	name string
	lmtp bool // there is an answer for each recipient (RFC 2033 §4.2)
	sent int
	// Patience is how long an answer may take.
	patience time.Duration
}

// dialMail connects and says hello, in LMTP or in SMTP.
func dialMail(addr, name string, lmtp bool) (*client, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	conn, err := net.DialTimeout(network, addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, r: bufio.NewReader(conn), name: name, lmtp: lmtp, patience: time.Minute}
	hello := map[bool]string{false: "EHLO", true: "LHLO"}[lmtp]
	if err = c.expect("220"); err == nil {
		err = c.command("250", hello+" bench.test")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	return c, nil
}

func (c *client) close() {
	_ = c.command("221", "QUIT") // nothing depends on it
	_ = c.conn.Close()           // nor on that
}

func (c *client) command(code, line string) error {
	if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
		return err
	}
	return c.expect(code)
}

// expect reads a reply (RFC 5321 §4.2).
func (c *client) expect(code string) error {
	if err := c.conn.SetReadDeadline(time.Now().Add(c.patience)); err != nil {
		return err
	}
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return err
		}
		if len(line) > 3 && line[3] == '-' {
			continue
		}
		if !strings.HasPrefix(line, code) {
			return fmt.Errorf("%q in place of %s", strings.TrimSpace(line), code)
		}
		return nil
	}
}

// send gives one mail for some recipients, and returns how long the answer to its end took. No two mails are equal, as equal ones would be a loop.
func (c *client) send(to []string) (time.Duration, error) {
	c.sent++
	id := fmt.Sprintf("%s.%d", c.name, c.sent)
	var b strings.Builder
	fmt.Fprintf(&b, "From: Sender <%s@sender.test>\r\nTo: <%s>\r\nSubject: mail %s\r\nMessage-ID: <%s@sender.test>\r\nDate: %s\r\n\r\n",
		c.name, strings.Join(to, ">, <"), id, id, time.Now().Format(time.RFC1123Z))
	for line := 0; b.Len() < mailSize; line++ {
		fmt.Fprintf(&b, "Line %d of mail %s, which says what mails say, and nothing that would surprise anybody.\r\n", line, id)
	}
	b.WriteString(".\r\n")
	var envelope strings.Builder
	fmt.Fprintf(&envelope, "MAIL FROM:<%s@sender.test>\r\n", c.name)
	for _, r := range to {
		fmt.Fprintf(&envelope, "RCPT TO:<%s>\r\n", r)
	}
	if _, err := io.WriteString(c.conn, envelope.String()+"DATA\r\n"); err != nil {
		return 0, err
	}
	for n := range 2 + len(to) {
		code := "250"
		if n == 1+len(to) {
			code = "354"
		}
		if err := c.expect(code); err != nil {
			return 0, err
		}
	}
	begun := time.Now()
	if _, err := io.WriteString(c.conn, b.String()); err != nil {
		return 0, err
	}
	answers := 1
	if c.lmtp {
		answers = len(to)
	}
	for range answers {
		if err := c.expect("250"); err != nil {
			return 0, err
		}
	}
	return time.Since(begun), nil
}
