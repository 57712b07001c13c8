package ircd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// History keeps what is said on a server, for clients that ask for it (draft/chathistory). It outlives the server: one that is started anew
// with it knows all of it. The capability has to be among Options.Caps.
type History struct {
	Limit int // messages in one answer, as told in RPL_ISUPPORT

	mu    sync.Mutex
	lines []*spoken
	count int
	read  map[string]string // MARKREAD by account or nick, and target
}

// spoken is a message, or an event that is told with draft/event-playback.
type spoken struct {
	at    time.Time
	id    string // msgid; empty where the server keeps none
	mask  string
	to    string
	buf   string // the conversation that it belongs to: a folded channel, or two folded nicks
	event string // of an event, the line behind its source
	verb  string // PRIVMSG or NOTICE
	lines []saidLine
	tags  []string // client-only ones, as they came
}

// saidLine is a line of a message; with concat it goes on where the one before ended (draft/multiline).
type saidLine struct {
	text   string
	concat bool
}

// serverTime is the form of IRCv3 server-time.
const serverTime = "2006-01-02T15:04:05.000Z"

// conversation names that of two people, or a channel.
func conversation(from, to string) string {
	if strings.HasPrefix(to, "#") || strings.HasPrefix(to, "&") {
		return fold(to)
	}
	pair := []string{fold(from), fold(to)}
	slices.Sort(pair)
	return strings.Join(pair, " ")
}

// keep gives a message its id and remembers it.
func (s *Server) keep(c *client, m *spoken) {
	h := s.opt.History
	if h == nil {
		m.id = s.name(c, m.to)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	m.id = "m" + strconv.Itoa(h.count)
	h.lines = append(h.lines, m)
	if s.said == nil {
		s.said = make(map[string]said)
	}
	s.said[m.id] = said{m.to, c}
}

// keepEvent remembers what happened in a channel.
func (s *Server) keepEvent(c *client, channel, line string) {
	s.keep(c, &spoken{at: time.Now(), mask: c.mask(), to: channel, buf: fold(channel), event: line})
}

// relay sends a message to a client: under a label, or in a batch, where those are not empty.
func (c *client) relay(m *spoken, label, batch string) {
	var tags []string
	add := func(name, value string) {
		if value != "" {
			name += "=" + value
		}
		tags = append(tags, name)
	}
	if label != "" && c.caps["labeled-response"] {
		add("label", label)
	}
	if batch != "" {
		add("batch", batch)
	}
	if c.caps["server-time"] {
		add("time", m.at.UTC().Format(serverTime))
	}
	if c.caps["message-tags"] {
		if m.id != "" {
			add("msgid", m.id)
		}
		tags = append(tags, m.tags...)
	}
	write := func(tags []string, line string) {
		if len(tags) > 0 {
			line = "@" + strings.Join(tags, ";") + " " + line
		}
		c.send(line)
	}
	switch {
	case m.event != "":
		write(tags, ":"+m.mask+" "+m.event)
	case len(m.lines) > 1 && c.caps["draft/multiline"]:
		ref := c.nextBatch()
		write(tags, ":"+m.mask+" BATCH +"+ref+" draft/multiline "+m.to)
		for _, l := range m.lines {
			in := []string{"batch=" + ref}
			if l.concat {
				in = append(in, "draft/multiline-concat")
			}
			write(in, ":"+m.mask+" "+m.verb+" "+m.to+" :"+l.text)
		}
		var end []string
		if batch != "" {
			end = []string{"batch=" + batch}
		}
		write(end, ":"+c.s.opt.Name+" BATCH -"+ref)
	default: // draft/multiline, "Fallback"
		for i, l := range m.lines {
			if l.text == "" && len(m.lines) > 1 {
				continue
			}
			write(tags, ":"+m.mask+" "+m.verb+" "+m.to+" :"+l.text)
			if i == 0 {
				tags = slices.DeleteFunc(tags, func(t string) bool { return strings.HasPrefix(t, "msgid=") || strings.HasPrefix(t, "label=") })
			}
		}
	}
}

func (c *client) nextBatch() string {
	c.batches++
	return "b" + strconv.Itoa(c.batches)
}

// fail sends a standard reply.
func (c *client) fail(words ...string) {
	words[len(words)-1] = ":" + words[len(words)-1]
	c.reply(":" + c.s.opt.Name + " FAIL " + strings.Join(words, " "))
}

// point is a place in the history: before or after the lines that it is compared with.
type point struct {
	at time.Time
	id string
}

func parsePoint(s string) (p point, ok bool) {
	if id, is := strings.CutPrefix(s, "msgid="); is {
		return point{id: id}, id != ""
	}
	value, is := strings.CutPrefix(s, "timestamp=")
	at, err := time.Parse(serverTime, value)
	return point{at: at}, is && err == nil
}

// splitAt gives the lines before a point and those after it, without the line that it names.
func splitAt(lines []*spoken, p point) (before, after []*spoken) {
	if p.id != "" {
		i := slices.IndexFunc(lines, func(m *spoken) bool { return m.id == p.id })
		if i < 0 {
			return nil, nil
		}
		return lines[:i], lines[i+1:]
	}
	for _, m := range lines {
		switch at := m.at.Truncate(time.Millisecond); {
		case at.Before(p.at):
			before = append(before, m)
		case at.After(p.at):
			after = append(after, m)
		}
	}
	return before, after
}

func firstOf(lines []*spoken, n int) []*spoken { return lines[:min(n, len(lines))] }
func lastOf(lines []*spoken, n int) []*spoken  { return lines[max(0, len(lines)-n):] }

// chathistory answers CHATHISTORY (draft/chathistory).
func (s *Server) chathistory(c *client, params []string) {
	h := s.opt.History
	needs := map[string]int{"LATEST": 4, "BEFORE": 4, "AFTER": 4, "AROUND": 4, "BETWEEN": 5, "TARGETS": 4}
	verb := strings.ToUpper(first(params))
	switch need, known := needs[verb]; {
	case h == nil || !c.caps["draft/chathistory"]:
		c.numeric("421", "CHATHISTORY :Unknown command")
		return
	case !known:
		c.fail("CHATHISTORY", "INVALID_PARAMS", verb, "Unknown command")
		return
	case len(params) < need:
		c.fail("CHATHISTORY", "NEED_MORE_PARAMS", verb, "Missing parameters")
		return
	}
	limit, err := strconv.Atoi(params[len(params)-1])
	if err != nil || limit <= 0 {
		c.fail("CHATHISTORY", "INVALID_PARAMS", verb, "Invalid limit")
		return
	}
	limit = min(limit, h.Limit)
	var points []point
	for _, word := range params[1 : len(params)-1] {
		if p, ok := parsePoint(word); ok {
			points = append(points, p)
		}
	}
	if verb == "TARGETS" {
		s.targets(c, points, limit)
		return
	}
	target := params[1]
	if len(points) != needs[verb]-3 && (verb != "LATEST" || params[2] != "*") {
		c.fail("CHATHISTORY", "INVALID_PARAMS", verb, target, "Invalid selector")
		return
	}
	if ch := s.channels[fold(target)]; strings.HasPrefix(target, "#") && (ch == nil || ch.members[c] == "" && !slices.Contains(ch.order, c)) {
		c.fail("CHATHISTORY", "INVALID_TARGET", verb, target, "Messages could not be retrieved")
		return
	}
	all := h.of(conversation(c.nick, target), c.caps["draft/event-playback"])
	ref := c.nextBatch()
	c.reply(":" + s.opt.Name + " BATCH +" + ref + " chathistory " + target)
	for _, m := range pick(all, verb, points, limit) {
		c.relay(m, "", ref)
	}
	c.send(":" + s.opt.Name + " BATCH -" + ref)
}

// pick gives what a subcommand asks for.
func pick(all []*spoken, verb string, points []point, limit int) []*spoken {
	if len(points) == 0 { // LATEST *
		return lastOf(all, limit)
	}
	before, after := splitAt(all, points[0])
	switch verb {
	case "LATEST":
		return lastOf(after, limit)
	case "BEFORE":
		return lastOf(before, limit)
	case "AFTER":
		return firstOf(after, limit)
	case "AROUND":
		return append(slices.Clone(lastOf(before, limit/2)), firstOf(after, limit-limit/2)...)
	}
	if between, _ := splitAt(after, points[1]); len(between) > 0 { // BETWEEN
		return firstOf(between, limit)
	}
	_, between := splitAt(before, points[1])
	return lastOf(between, limit)
}

// of is a conversation, oldest line first.
func (h *History) of(buf string, events bool) []*spoken {
	h.mu.Lock()
	defer h.mu.Unlock()
	var of []*spoken
	for _, m := range h.lines {
		if m.buf == buf && (m.event == "" || events) {
			of = append(of, m)
		}
	}
	return of
}

// targets answers with the conversations that have messages between two points, and the time of the last one of each.
func (s *Server) targets(c *client, points []point, limit int) {
	if len(points) != 2 || points[0].id != "" || points[1].id != "" {
		c.fail("CHATHISTORY", "INVALID_PARAMS", "TARGETS", "Invalid selector")
		return
	}
	low, high := points[0].at, points[1].at
	if high.Before(low) {
		low, high = high, low
	}
	h := s.opt.History
	h.mu.Lock()
	last, order := map[string]time.Time{}, []string{}
	for _, m := range h.lines {
		name := m.buf
		if pair := strings.Fields(m.buf); len(pair) == 2 {
			switch fold(c.nick) {
			case pair[0]:
				name = pair[1]
			case pair[1]:
				name = pair[0]
			default:
				continue
			}
		} else if ch := s.channels[m.buf]; ch == nil || !slices.Contains(ch.order, c) {
			continue
		}
		if m.event != "" || !m.at.After(low) || !m.at.Before(high) {
			continue
		}
		if last[name].IsZero() {
			order = append(order, name)
		}
		last[name] = m.at
	}
	h.mu.Unlock()
	ref := c.nextBatch()
	c.reply(":" + s.opt.Name + " BATCH +" + ref + " draft/chathistory-targets")
	for _, name := range order[:min(limit, len(order))] {
		c.send(fmt.Sprintf("@batch=%s :%s CHATHISTORY TARGETS %s %s", ref, s.opt.Name, name, last[name].UTC().Format(serverTime)))
	}
	c.send(":" + s.opt.Name + " BATCH -" + ref)
}

// markRead answers MARKREAD (draft/read-marker), and tells the client's others on the same account.
func (s *Server) markRead(c *client, params []string) {
	h, target := s.opt.History, first(params)
	switch {
	case h == nil || !c.caps["draft/read-marker"]:
		c.numeric("421", "MARKREAD :Unknown command")
		return
	case target == "":
		c.fail("MARKREAD", "NEED_MORE_PARAMS", "Missing parameters")
		return
	}
	if len(params) > 1 {
		p, ok := parsePoint(params[1])
		if !ok || p.id != "" {
			c.fail("MARKREAD", "INVALID_PARAMS", target, "Invalid parameters")
			return
		}
		h.mu.Lock()
		if h.read == nil {
			h.read = make(map[string]string)
		}
		key := c.reader() + " " + fold(target)
		newer := params[1] > h.read[key] // the form has one order with time
		if newer {
			h.read[key] = params[1]
		}
		h.mu.Unlock()
		if newer {
			for other := range s.clients {
				if other != c && other.registered && other.caps["draft/read-marker"] && other.reader() == c.reader() {
					other.tellRead(target)
				}
			}
		}
	}
	c.tellRead(target)
}

// reader is whose marks a client shares.
func (c *client) reader() string {
	if c.account != "" {
		return c.account
	}
	return fold(c.person().nick)
}

func (c *client) tellRead(target string) {
	h := c.s.opt.History
	h.mu.Lock()
	at := h.read[c.reader()+" "+fold(target)]
	h.mu.Unlock()
	if at == "" {
		at = "*"
	}
	c.send(":" + c.s.opt.Name + " MARKREAD " + target + " " + at)
}
