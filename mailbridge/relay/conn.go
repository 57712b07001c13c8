package relay

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// times are how long a server has for what (RFC 5321 §4.5.3.2, with less patience: whoever waits keeps others waiting).
type times struct {
	connect  time.Duration
	greeting time.Duration // and EHLO, STARTTLS, AUTH, each
	command  time.Duration // for MAIL, RCPT, DATA
	block    time.Duration // for what is written at once, blockSize at most
	end      time.Duration // for the answer to the mail as a whole
	quit     time.Duration
	stop     time.Duration // for that answer once everything is to end
	idle     time.Duration // that a connection waits for the next mail
}

var defaultTimes = times{
	connect: 30 * time.Second, greeting: time.Minute, command: 2 * time.Minute, block: 2 * time.Minute, end: 10 * time.Minute,
	quit: 5 * time.Second, stop: 5 * time.Second, idle: 30 * time.Second,
}

const (
	blockSize    = 64 << 10
	maxPerConn   = 100 // mails
	maxExtension = 64  // that a server may name
)

// longAgo is a deadline that is over.
var longAgo = time.Unix(1, 0)

// conn is a connection to a mail server. It belongs to one goroutine.
type conn struct {
	net.Conn
	host  string // as we call it
	times *times
	r     *bufio.Reader
	w     *bufio.Writer
	ext   map[string]string // what it offers, by name in upper case
	name  string            // what it calls itself
	tls   bool
	sent  int  // mails
	dead  bool // nothing more can be said on it
}

func newConn(c net.Conn, host string, t *times) *conn {
	n := &conn{host: host, times: t}
	n.over(c)
	return n
}

// over goes on over another connection, as behind STARTTLS: what was read ahead counts for nothing, since it was not encrypted.
func (c *conn) over(n net.Conn) {
	c.Conn = n
	c.r, c.w = bufio.NewReaderSize(n, maxReplyLine), bufio.NewWriterSize(n, blockSize)
}

// until bounds what follows, in time and by a context.
func (c *conn) until(ctx context.Context, d time.Duration) error {
	if err := c.SetDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// bind ends what is waited for with ctx. The function that it returns undoes that.
func (c *conn) bind(ctx context.Context) (undo func() bool) {
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(longAgo) })
}

// command says something and reads the reply.
func (c *conn) command(ctx context.Context, d time.Duration, line string) (reply, error) {
	if err := c.write(ctx, d, line); err != nil {
		return reply{}, err
	}
	return c.read(ctx, d)
}

// write says something and waits for nothing.
func (c *conn) write(ctx context.Context, d time.Duration, line string) error {
	if strings.ContainsAny(line, "\r\n\x00") {
		return errors.New("a command has more than one line")
	}
	if err := c.until(ctx, d); err != nil {
		return c.died(err)
	}
	_, err := c.w.WriteString(line + "\r\n")
	return c.died(err)
}

// read reads a reply. Its time is for all of it, however slowly it comes.
func (c *conn) read(ctx context.Context, d time.Duration) (reply, error) {
	if err := c.until(ctx, d); err != nil {
		return reply{}, c.died(err)
	}
	if err := c.w.Flush(); err != nil {
		return reply{}, c.died(err)
	}
	got, err := readReply(c.r)
	if err != nil {
		if ctx.Err() != nil { // which ended the waiting
			err = context.Cause(ctx)
		}
		return reply{}, c.died(err)
	}
	if got.code == 421 { // RFC 5321 §3.8
		c.dead = true
	}
	return got, nil
}

func (c *conn) died(err error) error {
	if err != nil {
		c.dead = true
	}
	return err
}

// refusal is a reply that ends an attempt to connect.
type refusal struct {
	reply
	what string
}

func (r *refusal) Error() string {
	enhanced, text := r.status()
	return strings.TrimSpace(fmt.Sprintf("%s: %d %s %s", r.what, r.code, enhanced, text))
}

// greet reads the greeting and says who we are.
func (c *conn) greet(ctx context.Context, hostname string) error {
	got, err := c.read(ctx, c.times.greeting)
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if got.code != 220 {
		return &refusal{got, "greeting"}
	}
	return c.hello(ctx, hostname)
}

// hello says EHLO, or HELO where the server is of old.
func (c *conn) hello(ctx context.Context, hostname string) error {
	got, err := c.command(ctx, c.times.greeting, "EHLO "+hostname)
	if err == nil && got.code/100 == 5 {
		c.ext = nil
		got, err = c.command(ctx, c.times.greeting, "HELO "+hostname) // RFC 5321 §3.2
	} else if err == nil {
		c.extensions(got)
	}
	if err != nil {
		return fmt.Errorf("EHLO: %w", err)
	}
	if !got.ok() {
		return &refusal{got, "EHLO"}
	}
	if len(got.lines) > 0 {
		c.name, _, _ = strings.Cut(got.lines[0], " ")
	}
	return nil
}

// extensions reads what a server offers (RFC 5321 §4.1.1.1).
func (c *conn) extensions(r reply) {
	c.ext = make(map[string]string)
	for i, line := range r.lines {
		if i == 0 || len(c.ext) == maxExtension {
			continue
		}
		name, args, _ := strings.Cut(line, " ")
		if rest, ok := strings.CutPrefix(strings.ToUpper(name), "AUTH="); ok { // of old
			name, args = "AUTH", rest+" "+args
		}
		name = strings.ToUpper(name)
		if known, twice := c.ext[name]; twice {
			args = known + " " + args
		}
		c.ext[name] = args
	}
}

// offers reports whether the server has an extension.
func (c *conn) offers(name string) bool {
	_, ok := c.ext[name]
	return ok
}

// maxSize is how many bytes the server takes at most; 0 where it does not say (RFC 1870 §4).
func (c *conn) maxSize() int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(c.ext["SIZE"]), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// errTLS says that encryption came to nothing.
var errTLS = errors.New("no encrypted connection")

// startTLS encrypts the connection (RFC 3207) and says anew who we are.
func (c *conn) startTLS(ctx context.Context, config *tls.Config, hostname string) error {
	got, err := c.command(ctx, c.times.greeting, "STARTTLS")
	if err != nil {
		return fmt.Errorf("STARTTLS: %w", err)
	}
	if got.code != 220 {
		return errors.Join(errTLS, &refusal{got, "STARTTLS"})
	}
	if err := c.handshake(ctx, config); err != nil {
		return err
	}
	c.ext = nil // RFC 3207 §4.2: what was said before counts for nothing
	return c.hello(ctx, hostname)
}

// handshake encrypts the connection.
func (c *conn) handshake(ctx context.Context, config *tls.Config) error {
	if err := c.until(ctx, c.times.greeting); err != nil {
		return c.died(err)
	}
	secure := tls.Client(c.Conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		c.dead = true
		return errors.Join(errTLS, err)
	}
	c.over(secure)
	c.tls = true
	return nil
}

// quit says goodbye, to somebody who may not listen any more.
func (c *conn) quit() {
	if !c.dead {
		_, _ = c.command(context.Background(), c.times.quit, "QUIT")
	}
	_ = c.Close()
}
