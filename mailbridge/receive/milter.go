package receive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-milter"
	"github.com/emersion/go-smtp"
)

// Bounds of a filter, which is a program of others that reads what strangers wrote.
const (
	filterTime   = 30 * time.Second // for a mail
	filterWait   = 10 * time.Second // for one answer, or something of it
	maxFilterIn  = 1 << 20          // bytes that it may say of a mail
	maxFieldsNew = 100              // fields that it may add or change
	bodyChunk    = 32 << 10         // at most milter.MaxBodyChunk
)

// Milter is a mail filter that is asked about each mail that comes, such as rspamd. It is safe to use from any goroutine.
type Milter struct {
	Network, Addr string // "tcp" and host:port, or "unix" and a path
	// Optional has mail taken unfiltered while the filter does not answer; else it waits at its sender's server.
	Optional bool
}

var (
	errFilterAway    = reply(451, 4, 7, 1, "The mail filter does not answer, try again later")
	errFilterRefuses = reply(550, 5, 7, 1, "A mail filter takes the message for spam or for harmful")
	errFilterWaits   = reply(451, 4, 7, 1, "A mail filter wants the message later, try again")
)

// filter asks the filter about a mail, of which head is the header as it came. The header that it returns is what the filter made of that. Its
// error is an *smtp.SMTPError: the mail is refused.
func (s *session) filter(m *Incoming, head []byte) ([]byte, error) {
	o := s.server.rules.Load().Milter
	if o == nil {
		return head, nil
	}
	ctx, cancel := context.WithTimeout(s.server.ctx, filterTime)
	defer cancel()
	changes, action, err := o.ask(ctx, m, head, s.server.options.Hostname)
	if err != nil {
		if o.Optional {
			s.server.log.Warn("the mail filter does not answer; the mail is taken unfiltered", "error", err)
			return head, nil
		}
		s.server.log.Warn("the mail filter does not answer; mail waits where it is", "error", err)
		return nil, errFilterAway
	}
	switch action.Code {
	case milter.ActReject:
		return nil, errFilterRefuses
	case milter.ActTempFail:
		return nil, errFilterWaits
	case milter.ActReplyCode:
		return nil, filterReply(action)
	case milter.ActDiscard:
		// No mail vanishes: it is kept apart.
		m.Suspect = "A mail filter wanted to drop it"
	}
	return m.change(head, changes), nil
}

// filterReply is a refusal in the filter's own words.
func filterReply(a *milter.Action) *smtp.SMTPError {
	class := a.SMTPCode / 100
	if class != 4 && class != 5 {
		return errFilterWaits
	}
	text, subject, detail := a.SMTPText, 7, 1
	var c, sub, d int
	word, rest, _ := strings.Cut(text, " ")
	if n, err := fmt.Sscanf(word, "%d.%d.%d", &c, &sub, &d); err == nil && n == 3 && c == class && sub >= 0 && sub < 1000 && d >= 0 && d < 1000 {
		text, subject, detail = rest, sub, d
	}
	return reply(a.SMTPCode, class, subject, detail, text)
}

// ask has one conversation about one mail.
func (o *Milter) ask(ctx context.Context, m *Incoming, head []byte, hostname string) ([]milter.ModifyAction, *milter.Action, error) {
	var d net.Dialer
	socket, err := d.DialContext(ctx, o.Network, o.Addr)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	defer func() { _ = socket.Close() }() // the library leaves it open after some errors
	client := milter.NewClientWithOptions(o.Network, o.Addr, milter.ClientOptions{
		Dialer:      given{&filterConn{Conn: socket, ctx: ctx, left: maxFilterIn}},
		ReadTimeout: filterWait, WriteTimeout: filterWait,
		ActionMask: milter.OptAddHeader | milter.OptChangeHeader | milter.OptQuarantine,
	})
	c, err := client.Session()
	if err != nil {
		return nil, nil, err
	}
	for _, step := range o.steps(c, m, head, hostname) {
		action, err := step()
		if err != nil {
			return nil, nil, err
		}
		switch action.Code {
		case milter.ActContinue:
		case milter.ActSkip:
		default:
			return nil, action, nil // it has heard enough
		}
	}
	changes, action, err := o.body(c, m)
	if err == nil {
		_ = c.Close() // it has said what it had to say
	}
	return changes, action, err
}

// steps are what the filter is told before the body, in its order.
func (o *Milter) steps(c *milter.ClientSession, m *Incoming, head []byte, hostname string) []func() (*milter.Action, error) {
	p := m.Peer
	family, addr := milter.FamilyUnknown, ""
	if p.Addr.IsValid() {
		family, addr = milter.FamilyInet, p.Addr.String()
		if p.Addr.Is6() {
			family = milter.FamilyInet6
		}
	}
	all := []func() (*milter.Action, error){
		func() (*milter.Action, error) {
			if err := c.Macros(milter.CodeConn, "j", hostname, "{daemon_name}", "passerelle", "{client_addr}", addr); err != nil {
				return nil, err
			}
			return c.Conn(nameOf(addr), family, 0, addr)
		},
		func() (*milter.Action, error) { return c.Helo(word(p.Hello)) },
		func() (*milter.Action, error) {
			if err := c.Macros(milter.CodeMail, "i", m.ID, "{mail_addr}", m.From.String()); err != nil {
				return nil, err
			}
			return c.Mail(m.From.String(), nil)
		},
	}
	for _, to := range m.To {
		all = append(all, func() (*milter.Action, error) { return c.Rcpt(to.String(), nil) })
	}
	for _, f := range fields(head) {
		if name, value, ok := f.split(); ok {
			all = append(all, func() (*milter.Action, error) {
				if !c.ProtocolOption(milter.OptHeaderLeadingSpace) {
					value = strings.TrimPrefix(value, " ")
				}
				return c.HeaderField(name, strings.ReplaceAll(value, "\r\n", "\n"))
			})
		}
	}
	return append(all, c.HeaderEnd)
}

// nameOf is how a filter is told of a peer whose name was not looked up.
func nameOf(addr string) string {
	if addr == "" {
		return "localhost"
	}
	return "[" + addr + "]"
}

// body tells the body and reads what the filter makes of the mail.
func (o *Milter) body(c *milter.ClientSession, m *Incoming) ([]milter.ModifyAction, *milter.Action, error) {
	r := io.NewSectionReader(&m.Body.tail, 0, m.Body.tail.size)
	buf := make([]byte, bodyChunk)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			action, err := c.BodyChunk(buf[:n])
			if err != nil {
				return nil, nil, err
			}
			if action.Code == milter.ActSkip {
				break
			}
			if action.Code != milter.ActContinue {
				return nil, action, nil
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return c.End()
}

// change makes of a header what a filter wants. What it may not change it does not.
func (m *Incoming) change(head []byte, changes []milter.ModifyAction) []byte {
	all, added := fields(head), []byte(nil)
	rest := head[size(all):]
	for _, c := range changes[:min(len(changes), maxFieldsNew)] {
		switch c.Code {
		case milter.ActQuarantine:
			m.Suspect = plain(c.Reason)
			if m.Suspect == "" {
				m.Suspect = "A mail filter wants it kept apart"
			}
		case milter.ActAddHeader, milter.ActInsertHeader, milter.ActChangeHeader:
			f := newField(c.HeaderName, c.HeaderValue)
			if f == nil {
				continue
			}
			if isSpamMark(c.HeaderName, c.HeaderValue) && m.Suspect == "" {
				m.Suspect = "A mail filter takes it for spam"
			}
			if c.Code == milter.ActChangeHeader && replace(all, c.HeaderName, int(c.HeaderIndex), f, c.HeaderValue == "") {
				continue
			}
			if c.HeaderValue != "" {
				added = append(added, f...)
			}
		}
	}
	for _, f := range all {
		added = append(added, f...)
	}
	return append(added, rest...)
}

func size(all []field) int {
	n := 0
	for _, f := range all {
		n += len(f)
	}
	return n
}

// replace puts a field in the place of the nth of its name, or takes that away.
func replace(all []field, name string, nth int, f field, gone bool) bool {
	n := 0
	for i := range all {
		if have, _, ok := all[i].split(); ok && strings.EqualFold(have, name) {
			if n++; n == nth {
				all[i] = f
				if gone {
					all[i] = nil
				}
				return true
			}
		}
	}
	return false
}

// newField makes a field of what a filter says, nil where it cannot be one: nothing that it says begins another field, or the body.
func newField(name, value string) field {
	const longestName, longestValue = 100, 16 << 10
	if name == "" || len(name) > longestName || len(value) > longestValue {
		return nil
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' || c == ':' { // RFC 5322 §2.2
			return nil
		}
	}
	var b strings.Builder
	b.WriteString(name + ":")
	value = strings.ReplaceAll(value, "\r", "")
	for i, line := range strings.Split(value, "\n") {
		line = strings.TrimRight(strings.ReplaceAll(line, "\x00", ""), " \t")
		if i > 0 && strings.TrimLeft(line, " \t") == "" {
			continue // an empty line of a fold would be none
		}
		if i > 0 {
			b.WriteString("\r\n")
		}
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	b.WriteString("\r\n")
	return field(b.String())
}

// isSpamMark reports whether a field says what filters say of spam.
func isSpamMark(name, value string) bool {
	switch strings.ToLower(name) {
	case "x-spam", "x-spam-flag":
		return strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "yes")
	}
	return false
}

// given is a milter.Dialer that has connected already.
type given struct{ conn net.Conn }

func (g given) Dial(string, string) (net.Conn, error) { return g.conn, nil }

// filterConn is a connection to a filter on which there is only so much time, and only so much is read.
type filterConn struct {
	net.Conn
	ctx  context.Context
	left int64
}

var errFilterTalks = errors.New("the filter says too much")

// Read implements net.Conn.
func (c *filterConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return n, errFilterTalks
	}
	return n, err
}

// SetReadDeadline implements net.Conn: no later than the time for the mail.
func (c *filterConn) SetReadDeadline(t time.Time) error { return c.Conn.SetReadDeadline(c.bound(t)) }

// SetWriteDeadline implements net.Conn.
func (c *filterConn) SetWriteDeadline(t time.Time) error { return c.Conn.SetWriteDeadline(c.bound(t)) }

func (c *filterConn) bound(t time.Time) time.Time {
	if c.ctx.Err() != nil {
		return time.Unix(1, 0)
	}
	if limit, ok := c.ctx.Deadline(); ok && (t.IsZero() || limit.Before(t)) {
		return limit
	}
	return t
}
