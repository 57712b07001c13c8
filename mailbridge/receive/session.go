package receive

import (
	"errors"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/emersion/go-smtp"

	"passerelle/mailbridge/address"
	"passerelle/mailbridge/judge"
)

// session is the envelope that a peer is writing. The library calls it from one goroutine at a time.
type session struct {
	server   *Server
	wire     *wire
	started  bool
	envelope Envelope
	to       []Recipient
	names    []string // of to, as the library knows them
}

var _ smtp.LMTPSession = (*session)(nil)

// NewSession implements smtp.Backend.
func (s *Server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	w, ok := c.Conn().(*wire)
	if !ok {
		return nil, errOurs // every listener of ours hands out wires
	}
	w.peer.Hello = c.Hostname()
	return &session{server: s, wire: w}, nil
}

// Reset implements smtp.Session. What a server said of its own peer was about that mail.
func (s *session) Reset() {
	s.started, s.envelope, s.to, s.names = false, Envelope{}, nil, nil
	s.wire.forward = forward{}
}

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// peer is who the mail comes from, as far as it can be known.
func (s *session) peer() Peer {
	p := s.wire.peer
	if f := s.wire.forward; f.addr.IsValid() {
		p.Addr, p.Hello, p.Forwarded = f.addr, f.hello, true
	}
	return p
}

// Mail implements smtp.Session.
func (s *session) Mail(_ string, o *smtp.MailOptions) error {
	if s.started {
		return errNested // RFC 5321 §4.1.4
	}
	from, ascii, err := path(s.wire.line)
	if err != nil {
		return errSender
	}
	if !ascii && !o.UTF8 {
		return errNeedsUTF8
	}
	if o.Size > s.server.rules.Load().Limits.Size {
		return errLarge // RFC 1870 §6.1
	}
	if s.server.gate.mail(s.wire.peer) {
		return errRate
	}
	s.started = true
	s.envelope = Envelope{Peer: s.peer(), From: from, UTF8: o.UTF8, EnvID: o.EnvelopeID, HeadersOnly: o.Return == smtp.DSNReturnHeaders}
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(name string, o *smtp.RcptOptions) error {
	to, ascii, err := path(s.wire.line)
	if err != nil || to.IsZero() {
		return errRecipient
	}
	if !ascii && !s.envelope.UTF8 {
		return errNeedsUTF8
	}
	if len(s.to) >= s.server.rules.Load().Limits.Recipients {
		return errMany // RFC 5321 §4.5.3.1.10
	}
	if err := s.server.options.Backend.Rcpt(s.server.ctx, s.envelope, to); err != nil {
		return s.refuse("recipient", err)
	}
	s.to = append(s.to, recipient(to, o))
	s.names = append(s.names, name)
	return nil
}

func recipient(to address.Mailbox, o *smtp.RcptOptions) Recipient {
	r := Recipient{Mailbox: to, Original: o.OriginalRecipient}
	for _, n := range o.Notify {
		switch n {
		case smtp.DSNNotifySuccess:
			r.NotifySuccess = true
		case smtp.DSNNotifyNever:
			r.NotifyNever = true
		}
	}
	return r
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	id, refused, err := s.take(r, true)
	if err != nil {
		return err
	}
	// There is one answer for all. A Backend that has taken the mail for some and not for others broke its word: the peer tries again then,
	// since it would be lost for them otherwise.
	var worst *smtp.SMTPError
	for _, err := range refused {
		if err == nil {
			continue
		}
		if e := s.refuse("message", err); worst == nil || e.Temporary() {
			worst = e
		}
	}
	if worst != nil {
		return worst
	}
	return queued(id)
}

// LMTPData implements smtp.LMTPSession: there is an answer for each recipient (RFC 2033 §4.2).
func (s *session) LMTPData(r io.Reader, status smtp.StatusCollector) error {
	id, refused, err := s.take(r, false)
	if err != nil {
		return err
	}
	for i, name := range s.names {
		answer := queued(id)
		if i < len(refused) && refused[i] != nil {
			answer = s.refuse("message", refused[i])
		}
		status.SetStatus(name, answer)
	}
	return nil
}

// queued is the answer to a mail that was taken; the library takes an error for an answer.
func queued(id string) *smtp.SMTPError { return reply(250, 2, 0, 0, "OK: queued as "+id) }

// refuse is what the peer is told of an error, which is logged where it is ours.
func (s *session) refuse(what string, err error) *smtp.SMTPError {
	e := refusal(err)
	if e.Temporary() {
		s.server.log.Warn("a mail cannot be taken now", "of", what, "error", err)
	} else {
		s.server.log.Debug("a mail was refused", "of", what, "error", err)
	}
	return e
}

// take reads a mail and hands it to the Backend. Err is an *smtp.SMTPError, or what ended the connection.
func (s *session) take(r io.Reader, oneAnswer bool) (id string, refused []error, err error) {
	c := newCollector(s.server.options.Spool, s.server.rules.Load().Limits.Size, s.wire.peer.Trusted)
	defer func() { _ = c.tail.close() }()   // it has no name any more
	buf := s.server.buffers.Get().(*[]byte) // nothing else is in it
	defer s.server.buffers.Put(buf)
	if _, err := io.CopyBuffer(c, r, *buf); err != nil {
		return "", nil, s.unread(err)
	}
	if err := c.end(); err != nil {
		return "", nil, s.unread(err)
	}
	m := &Incoming{
		Envelope: s.envelope, ID: newID(), To: s.to, OneAnswer: oneAnswer, Received: time.Now(), Body: c.body(),
	}
	m.Peer.extended = s.wire.peer.extended
	if err := s.examine(m); err != nil {
		return "", nil, err
	}
	refused = s.server.options.Backend.Accept(s.server.ctx, m)
	s.wire.taken()
	return m.ID, refused, nil
}

// unread is the answer to a mail that cannot be read whole.
func (s *session) unread(err error) error {
	if e, ok := errors.AsType[*smtp.SMTPError](err); ok {
		return e
	}
	s.server.log.Warn("a mail was not read to its end", "error", err)
	return errSpool
}

// examine has the mail judged and filtered, and writes on it where it came from and what was found. Its error is an *smtp.SMTPError.
func (s *session) examine(m *Incoming) error {
	o, r, head := s.server.options, s.server.rules.Load(), m.Body.head
	trace := receivedField(o.Hostname, m)
	if o.Judge != nil {
		m.Verdict = o.Judge.Judge(s.server.ctx, s.asked(m))
		trace = m.Verdict.Field(o.Hostname) + trace
	}
	if !s.wire.peer.Trusted || !slices.Contains(r.Results, o.Hostname) {
		head = withoutResults(head, o.Hostname)
	}
	head, err := s.filter(m, head)
	if err != nil {
		return err
	}
	m.Body = &Body{head: append([]byte(trace), head...), tail: m.Body.tail, sum: m.Body.sum}
	return nil
}

// asked is what a judge is asked about a mail.
func (s *session) asked(m *Incoming) judge.Mail {
	asked := judge.Mail{
		Addr: m.Peer.Addr, Hello: m.Peer.Hello, Sender: m.From, Header: m.Body.head,
		Open: func() io.Reader { return m.Body.Open() },
	}
	if s.wire.peer.Trusted {
		asked.Results = results(m.Body.head, s.server.rules.Load().Results)
		if !m.Peer.Forwarded {
			asked.Addr = netip.Addr{} // its own address says nothing of the sender
		}
	}
	return asked
}
