package ircbridge

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"passerelle/transports"
)

// Bounds of a list of channels.
const (
	maxListed    = 10_000
	maxListTopic = 390
)

// listing is a LIST that the network is answering (RFC 2812 §3.2.6). There is one at a time; whoever asks meanwhile gets the
// same answer.
type listing struct {
	name  string // in small letters, what names have to have in them; empty for all
	refs  []transports.Ref
	by    time.Time // zero until it is asked
	rooms []transports.RoomInfo
	cut   bool
}

func (s *session) listRooms(q transports.List) *transports.Error {
	name := listName(q.Name)
	switch {
	case s.phase == phaseWaiting:
		return s.offline()
	case s.list != nil && s.list.name != name:
		return refused(transports.Busy, "The network is answering another search. Try again in a moment.")
	case s.list != nil && len(s.list.refs) >= maxWaiting:
		return s.busy()
	case s.list == nil && s.phase == phaseOnline && s.conn.full(1):
		return s.busy()
	}
	if s.list == nil {
		s.list = &listing{name: name}
		if s.phase == phaseOnline {
			s.askList(s.conn)
		}
	}
	s.list.refs = append(s.list.refs, q.Ref)
	if s.phase == phaseIdle {
		s.start(s.user.Local)
	}
	return nil
}

func (s *session) askList(c *conn) {
	s.list.by = time.Now().Add(requestTimeout)
	s.wakeBy(c, s.list.by)
	line := "LIST"
	switch {
	case s.list.name != "" && c.isup.listMasks:
		line += " *" + s.list.name + "*"
	case !c.isup.safeList && c.isup.listUsers:
		line += " >1" // where one may be cut off for a list that is too long, channels of one person are left out
	}
	c.enqueue(outLine{text: line})
	s.startWriter(c)
}

// listedModes are what InspIRCd and UnrealIRCd put in front of a topic.
var listedModes = regexp.MustCompile(`^\[\+[A-Za-z]*(?: [^\]]*)?\] ?`)

// listName is a part of a name as it can stand in a pattern.
func listName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || isControl(r) || strings.ContainsRune("*?,<>!\\", r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// listed takes a line of the list (322): channel, number of visible members, topic.
func (s *session) listed(c *conn, params []string) {
	if s.list == nil || len(params) < 3 {
		return
	}
	name := params[1]
	if !validChannel(name) || !c.isup.isChannel(name) {
		return // "*" stands for a channel that is hidden; others could not be joined from here
	}
	if !strings.Contains(strings.ToLower(name), s.list.name) {
		return // the network knows no patterns, or others
	}
	if len(s.list.rooms) >= maxListed {
		s.list.cut = true
		return
	}
	members, err := strconv.Atoi(params[2])
	if err != nil || members < 0 {
		members = 0
	}
	info := transports.RoomInfo{
		Room: transports.Target{Kind: transports.TargetRoom, Network: s.net.ID, ID: lowerASCII(name)}, Name: name, Members: members,
	}
	if len(params) > 3 {
		info.Subject = plain(listedModes.ReplaceAllString(params[3], ""))
		for len(info.Subject) > maxListTopic {
			_, n := utf8.DecodeLastRuneInString(info.Subject[:maxListTopic+1])
			info.Subject = info.Subject[:maxListTopic+1-n]
		}
	}
	s.list.rooms = append(s.list.rooms, info)
}

// listEnd answers everybody who asked (323).
func (s *session) listEnd() {
	if s.list == nil {
		return
	}
	for _, ref := range s.list.refs {
		s.post(transports.RoomList{Ref: ref, Rooms: s.list.rooms, Cut: s.list.cut})
	}
	s.list = nil
}

// listFailed tells everybody who asked that there is no answer.
func (s *session) listFailed(err *transports.Error) {
	if s.list == nil {
		return
	}
	for _, ref := range s.list.refs {
		s.post(transports.Done{Ref: ref, Err: err})
	}
	s.list = nil
}
