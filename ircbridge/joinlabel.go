package ircbridge

import (
	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// A JOIN has a label too (IRCv3 labeled-response), which says what is said to it even where that names no channel, or another one: a channel
// that leads to another, an answer to the PART before it. And its end says which of several channels the network has passed over.

// enqueueJoin queues a JOIN.
func (c *conn) enqueueJoin(line outLine) {
	if c.labels() {
		line.label = c.nextLabel()
	}
	for _, r := range line.rooms {
		r.enter.label, r.enter.along = line.label, len(line.rooms) > 1
	}
	c.enqueue(line)
}

// joining are the channels of a JOIN with a label that the network has not answered yet.
func (s *session) joining(label string) []*room {
	var rooms []*room
	for _, r := range s.rooms {
		if label != "" && r.state == roomJoining && r.enter != nil && r.enter.label == label {
			rooms = append(rooms, r)
		}
	}
	return rooms
}

// joinRefused takes an error that says by its label which JOIN it is about, and reports whether it does. Named is the channel that it names; of
// several channels in one JOIN it has to.
func (s *session) joinRefused(c *conn, e *girc.Event, label string, named *room) bool {
	rooms := s.joining(label)
	for _, r := range rooms {
		if r != named && len(rooms) > 1 {
			continue
		}
		if err := s.joinRefusal(c, e, r); err != nil {
			s.refuse(r, err)
			return true
		}
	}
	return false
}

// ledElsewhere takes that the network has put us into another channel than the one that we asked for, where it did not say so (470).
func (s *session) ledElsewhere(c *conn, e *girc.Event, to string) {
	if rooms := s.joining(c.label(e)); len(rooms) == 1 && !rooms[0].enter.along {
		s.refuse(rooms[0], refused(transports.Denied, "%s leads to another channel on %s. Join %s, where it leads to.", rooms[0].name, s.net.Name, plain(to)))
	}
}

// answeredJoin takes the end of the answer to a JOIN. Channels of several of which nothing was said are asked for alone: some networks take few
// at a time and drop the rest.
func (s *session) answeredJoin(c *conn, label string) {
	for _, r := range s.joining(label) {
		if r.enter.along {
			r.state = roomLost
			s.sendJoin(c, r)
		}
	}
}
