package ircbridge

import (
	"slices"
	"strings"
)

// capability is one that is used where the network has it (IRCv3 capability negotiation).
type capability uint8

// The capabilities, in the order in which they are asked for. Labels need batch and message-tags. no-implicit-names is none of them: who is
// in a channel is needed in any case, so not to be told would only take one more question.
const (
	capAccountNotify capability = iota
	capAccountTag
	capAwayNotify
	capBatch
	capChghost
	capChathistory
	capEcho
	capEventPlayback
	capExtendedJoin
	capExtendedISupport
	capExtendedMonitor
	capInviteNotify
	capLabels
	capTags
	capMetadata
	capMultiline
	capMultiPrefix
	capPreAway
	capRegistration
	capRedaction
	capReadMarker
	capRename
	capServerTime
	capSetname
	capStandardReplies
	capUserhostInNames
)

// capNames are what they are called. While they are drafts they have "draft/" in front, and some networks still call them so.
var capNames = [...]string{
	capAccountNotify:    "account-notify",
	capAccountTag:       "account-tag",
	capAwayNotify:       "away-notify",
	capBatch:            "batch",
	capChghost:          "chghost",
	capEcho:             "echo-message",
	capExtendedJoin:     "extended-join",
	capExtendedISupport: "extended-isupport",
	capExtendedMonitor:  "extended-monitor",
	capInviteNotify:     "invite-notify",
	capLabels:           "labeled-response",
	capTags:             "message-tags",
	capMetadata:         "metadata-2",
	capMultiPrefix:      "multi-prefix",
	capPreAway:          "pre-away",
	capRegistration:     "account-registration",
	capRedaction:        "message-redaction",
	capServerTime:       "server-time",
	capSetname:          "setname",
	capStandardReplies:  "standard-replies",
	capUserhostInNames:  "userhost-in-names",
	capChathistory:      "chathistory",
	capEventPlayback:    "event-playback",
	capMultiline:        "multiline",
	capReadMarker:       "read-marker",
	capRename:           "channel-rename",
}

// valuedCaps are those whose value counts.
const valuedCaps capSet = 1<<capRegistration | 1<<capMultiline

const capDraft = "draft/"

// Bounds of what a network says of its capabilities.
const (
	maxCapLines = 64  // of one list; it counts as complete then
	maxCapValue = 400 // bytes; a longer value counts as none
	maxCapReq   = 400 // bytes of names in one CAP REQ, which has to be answered in one line
)

// capSet is a set of capabilities.
type capSet uint64

func (s capSet) has(k capability) bool { return s&(1<<k) != 0 }

// caps is what a connection's network can do.
type caps struct {
	on     capSet
	has    capSet   // that the network offers
	draft  capSet   // of those, the ones that it offers as drafts only
	no     capSet   // that it refused each by itself, and that are not asked for again
	asked  []capSet // CAP REQ that are not answered yet, each once
	lines  int      // of the list, so far
	listed bool     // the list is complete
	values map[capability]string
}

// can reports whether the network does what it was asked for.
func (c *conn) can(k capability) bool { return c.caps.on.has(k) }

// echoes reports whether what is written now comes back (IRCv3 echo-message): a request for that is in front of it.
func (c *conn) echoes() bool {
	return c.can(capEcho) || slices.ContainsFunc(c.caps.asked, func(asked capSet) bool { return asked.has(capEcho) })
}

// labels reports whether lines can be labelled, so that it is certain what answers them.
func (c *conn) labels() bool { return c.can(capLabels) && c.can(capTags) && c.can(capBatch) }

// capNamed finds a capability by its name; they are case-sensitive.
func capNamed(name string) (k capability, draft, ok bool) {
	name, draft = strings.CutPrefix(name, capDraft)
	i := slices.Index(capNames[:], name)
	return capability(max(i, 0)), draft, i >= 0
}

// offer notes a word of a list of capabilities, "name" or "name=value".
func (p *caps) offer(word string) {
	name, value, _ := strings.Cut(word, "=")
	k, draft, ok := capNamed(name)
	if !ok || draft && p.has.has(k) && !p.draft.has(k) {
		return
	}
	p.has |= 1 << k
	if p.draft &^= 1 << k; draft {
		p.draft |= 1 << k
	}
	if valuedCaps.has(k) && len(value) <= maxCapValue {
		if p.values == nil {
			p.values = make(map[capability]string)
		}
		p.values[k] = strings.Clone(value)
	}
}

// requests are the lines that ask for what the network has and does not do yet.
func (p *caps) requests() []string {
	want := p.has &^ (p.on | p.no)
	for _, asked := range p.asked {
		want &^= asked
	}
	var lines []string
	var line string
	var set capSet
	flush := func() {
		if set != 0 {
			lines, p.asked = append(lines, "CAP REQ :"+line[1:]), append(p.asked, set)
		}
		line, set = "", 0
	}
	for i, name := range capNames {
		k := capability(i)
		if !want.has(k) {
			continue
		}
		if p.draft.has(k) {
			name = capDraft + name
		}
		if len(line)+1+len(name) > maxCapReq {
			flush()
		}
		line, set = line+" "+name, set|1<<k
	}
	flush()
	return lines
}

// answered takes what was granted or refused, and gives the lines that ask for each of a refused set by itself: one name that the network
// does not take spoils all. It reports what is on now and was not.
func (p *caps) answered(list string, granted bool) (again []string, came capSet) {
	var named, off capSet
	for word := range fields(list) {
		name, gone := strings.CutPrefix(word, "-")
		if k, _, ok := capNamed(name); ok {
			if named |= 1 << k; gone {
				off |= 1 << k
			}
		}
	}
	i := max(slices.IndexFunc(p.asked, func(asked capSet) bool { return asked&named != 0 }), 0)
	var asked capSet
	if i < len(p.asked) {
		asked = p.asked[i]
		p.asked = slices.Delete(p.asked, i, i+1)
	}
	if granted {
		came = named &^ (off | p.on)
		p.on = p.on&^off | named&^off
		return nil, came
	}
	if asked&(asked-1) == 0 { // one, or nobody asked
		p.no |= asked
		return nil, 0
	}
	for i, name := range capNames {
		if k := capability(i); asked.has(k) {
			if p.draft.has(k) {
				name = capDraft + name
			}
			again, p.asked = append(again, "CAP REQ :"+name), append(p.asked, 1<<k)
		}
	}
	return again, 0
}

// withdrawn takes that the network has a capability no more, and reports whether it did what it is for.
func (p *caps) withdrawn(name string) (capability, bool) {
	k, _, ok := capNamed(name)
	if !ok {
		return 0, false
	}
	was := p.on.has(k)
	for _, set := range []*capSet{&p.on, &p.has, &p.draft} {
		*set &^= 1 << k
	}
	return k, was
}

// capability handles CAP (IRCv3 capability negotiation): params are our nick or "*", the subcommand, and a list.
func (s *session) capability(c *conn, params []string) {
	if len(params) < 3 {
		return
	}
	list := params[len(params)-1]
	switch command := strings.ToUpper(params[1]); command {
	case "LS":
		if c.caps.listed {
			return
		}
		s.offered(c, list)
		if c.caps.lines++; params[2] == "*" && len(params) > 3 && c.caps.lines < maxCapLines {
			return // more lines follow
		}
		c.caps.listed = true
		s.askCaps(c)
		s.startLogin(c)
		s.endCaps(c)
	case "NEW":
		if c.caps.listed {
			s.offered(c, list)
			s.askCaps(c)
			s.loginAgain(c)
		}
	case "ACK", "NAK":
		granted := command == "ACK"
		if strings.TrimSpace(list) == capSASL { // it is asked for alone
			s.loginAnswered(c, granted)
			return
		}
		again, came := c.caps.answered(list, granted)
		c.urgently(again...)
		s.startWriter(c)
		if s.capsCame(c, came); !c.echoes() {
			s.echoWent(c)
		}
		s.endCaps(c)
	case "DEL":
		for name := range fields(list) {
			if k, was := c.caps.withdrawn(name); was {
				s.capWent(c, k)
			}
			if name == capSASL && c.login != nil {
				if c.login.offered = false; c.login.early() {
					s.loginMissing(c)
				}
			}
		}
	}
}

// offered takes a list of what the network has.
func (s *session) offered(c *conn, list string) {
	for word := range fields(list) {
		name, value, _ := strings.Cut(word, "=")
		if strings.HasPrefix(name, "znc.in/") || strings.HasPrefix(name, "soju.im/") {
			c.bouncer = true
		}
		switch name {
		case capSASL:
			c.login.offer(value)
		case capSTS, capDraft + capSTS: // it is never asked for, and cannot be withdrawn
			s.mustBeStrict(c, value)
		}
		c.caps.offer(word)
	}
}

// askCaps asks for what is of use and not asked for yet.
func (s *session) askCaps(c *conn) {
	c.urgently(c.caps.requests()...)
	s.startWriter(c)
}

// urgently puts lines that the network provokes in front of the others, as far as there is room for them.
func (c *conn) urgently(lines ...string) {
	c.urgent = append(c.urgent, lines[:min(len(lines), max(0, maxUrgent-len(c.urgent)))]...)
}

// capsCame does what has to be done where the network does more than before in the middle of a connection.
func (s *session) capsCame(c *conn, came capSet) {
	if !c.registered && came.has(capExtendedISupport) { // what holds for nicks and names is known before we have one
		c.urgently("ISUPPORT")
		s.startWriter(c)
	}
	if !c.ready {
		return
	}
	if came.has(capMetadata) && c.can(capBatch) && c.answer(subscription()) { // as often as the network wants
		s.startWriter(c)
	}
	if came.has(capAwayNotify) || came.has(capAccountNotify) {
		s.askWhoOfAll(c) // it tells of changes, so it is asked once how it is
	}
}

// capWent does what has to be done where the network does something no more.
func (s *session) capWent(c *conn, k capability) {
	switch k {
	case capEcho:
		s.echoWent(c)
	case capAwayNotify:
		if c.ready {
			s.askWhoOfAll(c)
		}
	}
}

// echoWent has what waits for its echo, which may not come any more, wait for the answer to a PING: by then the network has said what is
// wrong with it.
func (s *session) echoWent(c *conn) {
	fence := ""
	for _, p := range c.inflight {
		if p.fence != "" {
			continue
		}
		if fence == "" {
			fence = c.nextFence()
			c.urgently("PING :" + fence)
			s.startWriter(c)
		}
		p.fence = fence
	}
}

// endCaps lets the network register us, once it answered what was asked and the user is logged in.
func (s *session) endCaps(c *conn) {
	if !c.registered && !c.capsEnded && c.caps.listed && len(c.caps.asked) == 0 && !c.login.early() {
		c.capsEnded = true
		s.tellAwayFirst(c)
		c.urgent = append(c.urgent, "CAP END")
		s.startWriter(c)
	}
}
