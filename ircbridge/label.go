package ircbridge

import (
	"slices"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// Lines that change something have a label (IRCv3 labeled-response), so that a refusal is certain to be theirs: it may name a channel of which
// several things were asked, or somebody to whom something was said as well, or nothing. So have reactions and what takes something back. Messages
// have theirs, see sentPart.

// maxOver is how many labels of requests that were refused are known: each line of a request may be refused, and who asked is told of the first.
const maxOver = 32

// askFor sends lines that ask for something, and waits for the answer.
func (s *session) askFor(p pending, lines ...outLine) {
	c := s.conn
	p.label(c, lines)
	s.wait(p)
	c.enqueue(lines...)
}

// label gives each line a label by which the request is known.
func (p *pending) label(c *conn, lines []outLine) {
	for i := range lines {
		if c.labels() && lines[i].part == nil {
			lines[i].label = c.nextLabel()
			p.labels = append(p.labels, lines[i].label)
		}
	}
}

// about is the channel or the person that a request is about.
func (p *pending) about() string {
	if p.room != nil {
		return p.room.name
	}
	return p.nick
}

// byLabel finds the request with a label, -1 where there is none.
func (s *session) byLabel(label string) int {
	return slices.IndexFunc(s.pending, func(p pending) bool { return label != "" && slices.Contains(p.labels, label) })
}

// isOver reports whether a label is of a request that was refused already.
func (c *conn) isOver(label string) bool { return label != "" && slices.Contains(c.over, label) }

// endRefused ends a request that the network refuses.
func (s *session) endRefused(i int, err *transports.Error) {
	p, c := s.pending[i], s.conn
	s.pending = slices.Delete(s.pending, i, i+1)
	c.over = append(c.over, p.labels...)
	c.over = c.over[max(0, len(c.over)-maxOver):]
	if p.fence != "" {
		c.refusing = p.fence
	}
	if p.ref != 0 {
		s.post(transports.Done{Ref: p.ref, Err: err})
	}
}

// refusedByLabel takes an error that says by its label which request it answers, and reports whether it does.
func (s *session) refusedByLabel(c *conn, e *girc.Event) bool {
	label := c.label(e)
	if e.Command < "400" || e.Command > "599" && e.Command != "696" && e.Command != "974" {
		return false
	}
	i := s.byLabel(label)
	if i < 0 {
		return c.isOver(label)
	}
	p := s.pending[i]
	var err *transports.Error
	if p.room != nil {
		err = changeRefusal(e, p.room, s.net.Name)
	}
	switch {
	case err != nil:
	case e.Command == girc.ERR_NOSUCHNICK, e.Command == "408":
		err = refused(transports.NotFound, "Nobody called %s is on %s.", param1(e), s.net.Name)
	case p.kind == requestReact, p.kind == requestRedact:
		err = refused(transports.Denied, "You may not write to %s: %s.", p.about(), sentence(e))
	case e.Command == girc.ERR_NOTONCHANNEL, e.Command == girc.ERR_NOSUCHCHANNEL:
		err = refused(transports.NotJoined, "You are not in %s.", p.room.name)
	default:
		err = refused(transports.Denied, "%s does not do this in %s: %s.", s.net.Name, p.room.name, sentence(e))
	}
	s.endRefused(i, err)
	return true
}
