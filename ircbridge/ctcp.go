package ircbridge

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// What clients ask of each other (https://modern.ircdocs.horse/ctcp): a request is a PRIVMSG, its answer a NOTICE.

const (
	// ctcpInterval is how often requests are answered, and ctcpBurst how many of them at once: they come from strangers.
	ctcpInterval = 3 * time.Second
	ctcpBurst    = 4

	maxCTCP     = 200              // bytes of an answer
	ctcpTimeout = 20 * time.Second // for the answer of somebody's client: many do not answer
)

// cutCTCP takes a client-to-client message apart (https://modern.ircdocs.horse/ctcp). The closing delimiter may be missing.
func cutCTCP(text string) (command, body string, ok bool) {
	inner, ok := strings.CutPrefix(text, "\x01")
	if !ok {
		return "", "", false
	}
	command, body, _ = strings.Cut(strings.TrimSuffix(inner, "\x01"), " ")
	return strings.ToUpper(command), body, true
}

// answerCTCP answers what a stranger's client asks of ours, to the user alone. Which client he uses is told only where he wants it so, and a
// clock that knows no time zone does not say where anybody is.
func (s *session) answerCTCP(c *conn, e *girc.Event) {
	command, body, ok := cutCTCP(e.Last())
	if !ok || e.Source == nil || !validContact(e.Source.Name) || !c.ready {
		return
	}
	body = oneLine(plain(body), maxCTCP)
	answer, ask := "", transports.Enquired{From: s.t.people.intern(transports.Person{Nick: e.Source.Name}), Token: body}
	switch command {
	case girc.CTCP_VERSION:
		answer, ask.Question = "VERSION "+s.t.opt.Version, transports.AskVersion
	case girc.CTCP_PING:
		answer, ask.Question = "PING "+body, transports.AskPing
	case girc.CTCP_CLIENTINFO:
		answer, ask.From = "CLIENTINFO ACTION CLIENTINFO PING TIME VERSION", nil
	case girc.CTCP_TIME:
		answer, ask.From = "TIME "+time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC"), nil
	case "DCC":
		s.refuseDCC(c, e, body)
		return
	default:
		return
	}
	switch {
	case !c.mayAnswer():
		s.t.metrics.dropped.WithLabelValues(dropFull).Inc()
	case c.showsClient && ask.From != nil:
		s.post(ask)
	default:
		s.reply(c, e.Source.Name, answer)
	}
}

// mayAnswer counts an answer to a stranger, and reports whether there were not too many.
func (c *conn) mayAnswer() bool { return pacedBy(&c.nextCTCP) }

// pacedBy counts something that strangers provoke, and reports whether there was not too much of it. Next is when it would be let through
// again if it came one by one.
func pacedBy(next *time.Time) bool {
	now := time.Now()
	at := *next
	if at.Before(now) {
		at = now
	}
	if at.Sub(now) >= ctcpBurst*ctcpInterval {
		return false
	}
	*next = at.Add(ctcpInterval)
	return true
}

// reply answers a request.
func (s *session) reply(c *conn, nick, answer string) {
	if !c.answer("NOTICE " + nick + " :\x01" + strings.TrimSpace(answer) + "\x01") {
		s.t.metrics.dropped.WithLabelValues(dropFull).Inc()
		return
	}
	s.startWriter(c)
}

// refuseDCC tells both sides that nothing comes of a connection from one client to the other: it would go past the gateway.
func (s *session) refuseDCC(c *conn, e *girc.Event, body string) {
	if !c.mayAnswer() {
		s.t.metrics.dropped.WithLabelValues(dropFull).Inc()
		return
	}
	kind, rest, _ := strings.Cut(body, " ")
	said := "offers you a direct connection (DCC " + kind + ")"
	if strings.EqualFold(kind, "SEND") {
		said = fmt.Sprintf("offers you the file %s", dccFile(rest))
	}
	s.reply(c, e.Source.Name, "DCC REJECT "+kind+" "+dccFile(rest))
	who := transports.Person{Nick: e.Source.Name, Ident: plain(e.Source.Ident), Host: plain(e.Source.Host)}
	s.post(transports.Message{
		From: s.t.people.intern(who), Action: true, Time: time.Now().UTC(),
		Body: said + ", which this gateway does not carry: ask for a link instead.",
	})
}

// dccFile is the first parameter, which is a file's name and may be in quotes.
func dccFile(params string) string {
	if quoted, ok := strings.CutPrefix(params, `"`); ok {
		name, _, _ := strings.Cut(quoted, `"`)
		return name
	}
	name, _, _ := strings.Cut(params, " ")
	return name
}

// tellClient answers a request with what the host found out.
func (s *session) tellClient(q transports.Tell) *transports.Error {
	if err := s.mayAsk(); err != nil {
		return err
	}
	if q.Who.Kind != transports.TargetContact || !validContact(q.Who.ID) {
		return refused(transports.BadRequest, "%q is nobody on %s.", q.Who.ID, s.net.Name)
	}
	answer := "PING " + q.Token
	if q.Question == transports.AskVersion {
		answer = "VERSION " + s.t.opt.Version
		if said := oneLine(q.Text, maxCTCP); said != "" {
			answer = "VERSION " + said + " (through " + s.t.opt.Version + ")"
		}
	}
	s.reply(s.conn, q.Who.ID, answer)
	return nil
}

// enquire asks somebody's client.
func (s *session) enquire(q transports.Enquire) *transports.Error {
	if err := s.mayAsk(); err != nil {
		return err
	}
	if q.Who.Kind != transports.TargetContact || q.Who.Network != s.net.ID || !validContact(q.Who.ID) {
		return refused(transports.BadRequest, "%q is nobody on %s.", q.Who.ID, s.net.Name)
	}
	p := pending{kind: requestEnquire, ref: q.Ref, nick: q.Who.ID, question: q.Question, by: time.Now().Add(ctcpTimeout)}
	request := girc.CTCP_VERSION
	if q.Question == transports.AskPing {
		request = girc.CTCP_PING + " " + strconv.FormatInt(time.Now().UnixMilli(), 10) // some clients want a time there
	}
	s.wait(p)
	s.conn.enqueue(outLine{text: "PRIVMSG " + q.Who.ID + " :\x01" + request + "\x01"})
	s.startWriter(s.conn)
	return nil
}

// heardCTCP takes the answer of somebody's client.
func (s *session) heardCTCP(c *conn, e *girc.Event) {
	command, body, ok := cutCTCP(e.Last())
	if !ok || e.Source == nil {
		return
	}
	question := transports.AskVersion
	switch command {
	case girc.CTCP_VERSION:
	case girc.CTCP_PING:
		question, body = transports.AskPing, ""
	default:
		return
	}
	ref, asked := s.answer(func(p *pending) bool {
		return p.kind == requestEnquire && p.question == question && c.isup.casemap.equal(p.nick, e.Source.Name)
	})
	if asked {
		s.post(transports.Told{Ref: ref, Text: oneLine(plain(body), maxCTCP)})
	}
}
