package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
	"unicode"

	"passerelle/mailbridge/address"
)

// errStale says that a connection that had waited was over before anything was handed over: another one may do.
var errStale = errors.New("the connection was over")

// deliver hands a mail over for some recipients, and says what became of it for each. Nothing is known of any of them where it returns
// errStale, and only then.
func (c *conn) deliver(ctx context.Context, m *message, to []int) error {
	undo := c.bind(ctx)
	defer undo()
	fresh := c.sent == 0
	c.sent++
	to, lines := c.commands(m, to)
	if len(to) == 0 {
		return nil
	}
	replies := make([]reply, len(lines))
	n, err := c.exchange(ctx, lines, replies)
	if !fresh && (err != nil && n == 0 || n > 0 && replies[0].code == 421) {
		return errStale
	}
	var accepted []int
	for i, r := range to {
		switch mail := replies[0]; {
		case n > 0 && !mail.ok():
			c.answer(m, r, mail)
		case n <= i+1:
			m.results[r] = c.broke(m.To[r], err)
		case replies[i+1].ok():
			accepted = append(accepted, r)
		default:
			c.answer(m, r, replies[i+1])
		}
	}
	if len(accepted) == 0 || c.dead {
		for _, r := range accepted {
			m.results[r] = c.broke(m.To[r], errors.Join(err, errGone))
		}
		c.reset(ctx)
		return nil
	}
	c.data(ctx, undo, m, accepted)
	return nil
}

var errGone = errors.New("it ended the connection")

// commands are MAIL and RCPT for those recipients whom the server can be asked to take; the others get their result.
func (c *conn) commands(m *message, to []int) (left []int, lines []string) {
	utf8 := c.offers("SMTPUTF8")
	switch limit := c.maxSize(); {
	case limit > 0 && int64(len(m.data)) > limit:
		m.say(to, failure{Permanent, 552, "5.3.4", fmt.Sprintf("the mail is larger than the %d bytes that %s takes", limit, c.host)})
		return nil, nil
	case m.UTF8 && !utf8:
		m.say(to, failure{Permanent, 553, "5.6.7", c.host + " does not take mail with other scripts in its addresses"})
		return nil, nil
	case m.eightBit && !c.offers("8BITMIME") && !utf8:
		m.say(to, failure{Permanent, 554, "5.6.3", c.host + " takes seven bits to a character only"})
		return nil, nil
	}
	needs := m.UTF8
	from := ""
	if !m.From.IsZero() {
		var err error
		if from, err = smtpAddress(m.From, utf8); err != nil {
			enhanced := "5.1.7"
			if errors.Is(err, address.ErrNeedsUTF8) {
				enhanced = "5.6.7"
			}
			m.say(to, failure{Permanent, 553, enhanced, err.Error()})
			return nil, nil
		}
		needs = needs || !ascii(from)
	}
	var names []string
	for _, i := range to {
		name, err := smtpAddress(m.To[i], utf8)
		switch {
		case errors.Is(err, address.ErrNeedsUTF8):
			m.say([]int{i}, failure{Permanent, 553, "5.6.7", err.Error()})
			continue
		case err != nil:
			m.say([]int{i}, failure{Permanent, 553, "5.1.3", err.Error()})
			continue
		}
		needs = needs || !ascii(name)
		left, names = append(left, i), append(names, name)
	}
	lines = append(lines, c.mailCommand(m, from, needs))
	for _, name := range names {
		lines = append(lines, c.rcptCommand(m, name))
	}
	return left, lines
}

// smtpAddress writes an address for a command. One that nobody has checked may be anything.
func smtpAddress(m address.Mailbox, utf8 bool) (string, error) {
	s, err := m.SMTPString(utf8)
	if err == nil && strings.ContainsFunc(s, unicode.IsControl) {
		err = address.ErrSyntax
	}
	return s, err
}

func ascii(s string) bool { return !hasEightBit([]byte(s)) }

func (c *conn) mailCommand(m *message, from string, utf8 bool) string {
	var b strings.Builder
	b.WriteString("MAIL FROM:<" + from + ">")
	if c.offers("SIZE") {
		fmt.Fprintf(&b, " SIZE=%d", len(m.data)) // RFC 1870 §6
	}
	if (m.eightBit || utf8) && c.offers("8BITMIME") {
		b.WriteString(" BODY=8BITMIME") // RFC 6152 §3
	}
	if utf8 {
		b.WriteString(" SMTPUTF8") // RFC 6531 §3.4
	}
	if c.offers("DSN") && from != "" {
		b.WriteString(" RET=HDRS") // RFC 3461 §4.3
		if m.EnvID != "" && len(m.EnvID) <= maxEnvID {
			b.WriteString(" ENVID=" + xtext(m.EnvID)) // §4.4
		}
	}
	return b.String()
}

func (c *conn) rcptCommand(m *message, to string) string {
	line := "RCPT TO:<" + to + ">"
	switch {
	case !c.offers("DSN"):
		return line
	case m.From.IsZero():
		return line + " NOTIFY=NEVER" // RFC 3461 §4.1: nobody waits for news of a bounce
	case m.Notify:
		line += " NOTIFY=SUCCESS,FAILURE,DELAY"
	default:
		line += " NOTIFY=FAILURE,DELAY"
	}
	if ascii(to) {
		return line + " ORCPT=rfc822;" + xtext(to) // §4.2
	}
	return line + " ORCPT=utf-8;" + unitext(to) // RFC 6533 §3
}

// maxEnvID is how many bytes a name for reports has at most (RFC 3461 §4.4).
const maxEnvID = 100

// xtext writes a value of DSN parameters (RFC 3461 §4).
func xtext(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c > ' ' && c < 0x7f && c != '+' && c != '=' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "+%02X", c)
		}
	}
	return b.String()
}

// unitext writes an address of other scripts (RFC 6533 §3, utf-8-addr-unitext).
func unitext(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c <= ' ' || c == 0x7f || c == '+' || c == '=' || c == '\\' {
			fmt.Fprintf(&b, "\\x{%X}", c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// exchange says commands and reads their replies, all at once where the server takes that (RFC 2920). It returns how many replies came.
// A refused MAIL or a server that says goodbye ends it.
func (c *conn) exchange(ctx context.Context, lines []string, replies []reply) (n int, err error) {
	together := c.offers("PIPELINING")
	for said := range lines {
		if err := c.write(ctx, c.times.command, lines[said]); err != nil {
			return n, err
		}
		if together {
			continue
		}
		if replies[n], err = c.read(ctx, c.times.command); err != nil {
			return n, err
		}
		if n++; c.dead || !replies[0].ok() {
			return n, nil
		}
	}
	for n < len(lines) && !c.dead {
		if replies[n], err = c.read(ctx, c.times.command); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// answer is what the server says of a recipient.
func (c *conn) answer(m *message, i int, r reply) {
	enhanced, text := r.status()
	m.results[i] = Result{To: m.To[i], Outcome: r.outcome(), Code: r.code, Enhanced: enhanced, Text: text, Host: c.host}
	switch {
	case r.outcome() == Sent:
		m.results[i].Reports = m.Notify && c.offers("DSN")
	case r.code == 552 && strings.HasPrefix(enhanced, "5.5.3"), r.code == 452 && strings.HasPrefix(enhanced, "4.5.3"):
		m.results[i].Outcome = Temporary // RFC 5321 §4.5.3.1.10: too many recipients, and the next time there are fewer
	case r.code == 421:
		m.results[i].Away = true
	}
}

// broke is the result of a recipient where the connection broke before the server had the mail.
func (c *conn) broke(to address.Mailbox, err error) Result {
	return Result{To: to, Outcome: Temporary, Code: 451, Enhanced: "4.4.2", Text: "the connection broke: " + because(err), Host: c.host, Away: true}
}

// because is an error in words that an operator can use, without what strangers said.
func because(err error) string {
	var timeout net.Error
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errGone.Error()
	case errors.Is(err, context.Canceled):
		return "the gateway is being stopped"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "it did not answer in time"
	}
	return cleanReply(err.Error())
}

// data hands over the mail itself.
func (c *conn) data(ctx context.Context, undo func() bool, m *message, to []int) {
	got, err := c.command(ctx, c.times.command, "DATA")
	if err != nil || got.code != 354 {
		for _, i := range to {
			if err != nil {
				m.results[i] = c.broke(m.To[i], err)
			} else {
				c.answer(m, i, got)
				if m.results[i].Outcome == Sent { // it takes what it was not given
					m.results[i] = c.broke(m.To[i], errBadReply)
					c.dead = true
				}
			}
		}
		c.reset(ctx)
		return
	}
	if err := c.body(ctx, m.data); err != nil {
		// Some answer before they have all of it, and listen no more.
		early, unread := c.early()
		for _, i := range to {
			if unread == nil && early.outcome() != Sent {
				c.answer(m, i, early)
				continue
			}
			m.results[i] = c.broke(m.To[i], err)
			m.results[i].Away = false // it may be this mail
		}
		return
	}
	undo()
	got, err = c.last(ctx)
	for _, i := range to {
		if err != nil {
			m.results[i] = Result{
				To: m.To[i], Outcome: Temporary, Code: 451, Enhanced: "4.4.2", Host: c.host,
				Text: "whether it has taken the mail is not known: " + because(err),
			}
			continue
		}
		c.answer(m, i, got)
	}
}

// body writes the mail: with a second dot where a line begins with one (RFC 5321 §4.5.2), and a dot behind it.
func (c *conn) body(ctx context.Context, mail []byte) error {
	begin, written := true, blockSize // of a line; bytes since the time was set
	for len(mail) > 0 {
		piece := mail[:min(len(mail), blockSize)]
		if end := bytes.IndexByte(piece, '\n'); end >= 0 {
			piece = piece[:end+1]
		}
		mail = mail[len(piece):]
		if written += len(piece); written >= blockSize {
			written = 0
			if err := c.until(ctx, c.times.block); err != nil {
				return c.died(err)
			}
		}
		if begin && piece[0] == '.' {
			_ = c.w.WriteByte('.') // an error stays with the writer
		}
		if _, err := c.w.Write(piece); err != nil {
			return c.died(err)
		}
		begin = piece[len(piece)-1] == '\n'
	}
	if !begin {
		_, _ = c.w.WriteString("\r\n")
	}
	_, _ = c.w.WriteString(".\r\n")
	if err := c.until(ctx, c.times.block); err != nil {
		return c.died(err)
	}
	return c.died(c.w.Flush())
}

// early reads an answer that is there already, on a connection that cannot be written to any more.
func (c *conn) early() (reply, error) {
	if err := c.SetDeadline(time.Now().Add(c.times.quit)); err != nil {
		return reply{}, err
	}
	return readReply(c.r)
}

// last reads the answer to the mail as a whole. The server may have it, so when everything else ends there is some time left for that.
func (c *conn) last(ctx context.Context) (reply, error) {
	if err := c.SetDeadline(time.Now().Add(c.times.end)); err != nil {
		return reply{}, c.died(err)
	}
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now().Add(c.times.stop)) })()
	got, err := readReply(c.r)
	if got.code == 421 {
		c.dead = true
	}
	return got, c.died(err)
}

// reset ends what was begun, so that the next mail can use the connection.
func (c *conn) reset(ctx context.Context) {
	if c.dead {
		return
	}
	if got, err := c.command(ctx, c.times.command, "RSET"); err != nil || !got.ok() {
		c.dead = true
	}
}
