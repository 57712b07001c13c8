package ircd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// command handles a line; what it returns, if anything, is why the client leaves.
func (s *Server) command(c *client, line string) (quit string) {
	c.label, c.tags, c.lineTags = "", "", nil
	if tags, rest, ok := strings.Cut(line, " "); ok && strings.HasPrefix(tags, "@") {
		for tag := range strings.SplitSeq(tags[1:], ";") {
			name, value, _ := strings.Cut(tag, "=")
			if c.lineTags == nil {
				c.lineTags = make(map[string]string)
			}
			if c.lineTags[name] = value; name == "label" {
				c.label = value
			}
		}
		c.tags = clientTags(tags[1:])
		line = rest
	}
	params := split(line)
	if len(params) == 0 {
		return ""
	}
	name, params := strings.ToUpper(params[0]), params[1:]
	if s.inBatch(c, name, params) {
		return ""
	}
	switch name {
	case "CAP":
		s.capability(c, params)
	case "AUTHENTICATE":
		s.authenticate(c, first(params))
	case "PASS":
		c.password = first(params)
	case "NICK":
		s.nick(c, params)
	case "USER":
		if len(params) > 3 {
			c.user, c.real = params[0], params[3]
		}
	case "PING":
		c.reply(":" + s.opt.Name + " PONG " + s.opt.Name + " :" + first(params))
	case "PONG":
	case "QUIT":
		c.send("ERROR :Closing link: " + first(params))
		return "Quit: " + first(params)
	default:
		if !c.registered {
			c.numeric("451", ":You have not registered")
			return ""
		}
		s.registeredCommand(c, name, params)
		return ""
	}
	if c.ready() {
		return s.register(c)
	}
	return ""
}

func (s *Server) registeredCommand(c *client, name string, params []string) {
	needs := map[string]int{
		"JOIN": 1, "PART": 1, "PRIVMSG": 2, "NOTICE": 2, "TOPIC": 1, "KICK": 2, "MODE": 1, "NAMES": 1, "INVITE": 2, "WHOIS": 1, "TAGMSG": 1, "REDACT": 2, "RENAME": 2,
	}
	if len(params) < needs[name] {
		c.numeric("461", name+" :Not enough parameters")
		return
	}
	switch name {
	case "JOIN":
		keys := strings.Split(append(params, "")[1], ",")
		for i, channel := range strings.Split(params[0], ",") {
			key := ""
			if i < len(keys) {
				key = keys[i]
			}
			s.join(c, channel, key)
		}
	case "PART":
		for channel := range strings.SplitSeq(params[0], ",") {
			if ch := s.member(c, channel); ch != nil {
				s.keepEvent(c, ch.name, "PART "+ch.name)
				s.tell(ch, nil, fmt.Sprintf(":%s PART %s :%s", c.mask(), ch.name, append(params, "")[1]))
				s.leave(ch, c)
			}
		}
	case "PRIVMSG", "NOTICE":
		s.message(c, name, params[0], params[1])
	case "TAGMSG":
		s.tagmsg(c, params[0])
	case "REDACT":
		s.redact(c, params[0], params[1], append(params, "")[2])
	case "TOPIC":
		s.topic(c, params)
	case "KICK":
		s.kick(c, params[0], params[1], append(params, "")[2])
	case "MODE":
		s.mode(c, params)
	case "NAMES":
		if ch := s.channels[fold(params[0])]; ch != nil {
			s.names(c, ch)
		} else {
			c.numeric("366", params[0]+" :End of NAMES list")
		}
	case "LIST":
		c.numeric("321", "Channel :Users  Name")
		for _, ch := range s.channels {
			if _, in := ch.members[c]; !in && (ch.has('s') || ch.has('p')) {
				continue
			}
			c.numeric("322", fmt.Sprintf("%s %d :%s", ch.name, len(ch.members), ch.topic))
		}
		c.numeric("323", ":End of LIST")
	case "WHOIS":
		if p := s.nicks[fold(params[0])]; p != nil {
			c.numeric("311", fmt.Sprintf("%s ~%s host.test * :%s", p.nick, p.user, p.real))
			if p.account != "" {
				c.numeric("330", p.nick+" "+p.account+" :is logged in as")
			}
			if p.away != "" {
				c.numeric("301", p.nick+" :"+p.away)
			}
		} else {
			c.numeric("401", params[0]+" :No such nick/channel")
		}
		c.numeric("318", params[0]+" :End of WHOIS list")
	case "INVITE":
		s.invite(c, params[0], params[1])
	case "CHATHISTORY":
		s.chathistory(c, params)
	case "RENAME":
		s.rename(c, params)
	case "HOLD":
		s.hold(c, first(params))
	case "RELEASE":
		s.release(c, first(params))
	case "TWIN":
		s.becomeTwin(c, first(params))
	case "MARKREAD":
		s.markRead(c, params)
	case "BATCH":
		s.clientBatch(c, params)
	default:
		if !s.presenceCommand(c, name, params) {
			c.numeric("421", name+" :Unknown command")
		}
	}
}

func (s *Server) capability(c *client, params []string) {
	switch strings.ToUpper(first(params)) {
	case "LS":
		c.negotiating = !c.registered
		caps := slices.Clone(s.opt.Caps)
		if len(s.opt.SASL) > 0 {
			caps = append(caps, "sasl="+strings.Join(s.opt.SASL, ","))
		}
		c.send(":" + s.opt.Name + " CAP " + c.nick + " LS :" + strings.Join(caps, " "))
	case "REQ":
		list := append(params, "")[1]
		for name := range strings.FieldsSeq(list) {
			if !s.offers(name) && (name != "sasl" || len(s.opt.SASL) == 0) {
				c.send(":" + s.opt.Name + " CAP " + c.nick + " NAK :" + list)
				return
			}
		}
		for name := range strings.FieldsSeq(list) {
			c.caps[name] = true
		}
		c.send(":" + s.opt.Name + " CAP " + c.nick + " ACK :" + list)
	case "END":
		c.negotiating = false
	}
}

// offers reports whether the server has a capability.
func (s *Server) offers(name string) bool {
	return slices.ContainsFunc(s.opt.Caps, func(offered string) bool {
		offered, _, _ = strings.Cut(offered, "=")
		return offered == name
	})
}

func (s *Server) register(c *client) string {
	if c.password != s.opt.Password && s.opt.Password != "" {
		c.numeric("464", ":Password incorrect")
		c.send("ERROR :Closing link: bad password")
		return "Bad password"
	}
	c.registered = true
	s.nicks[fold(c.nick)] = c
	s.changed(c.nick)
	c.numeric("001", ":Welcome to the test network "+c.mask())
	c.numeric("002", ":Your host is "+s.opt.Name)
	c.numeric("004", s.opt.Name+" ircd-test i biklmnopstv bklov")
	monitor := ""
	if s.opt.Monitor > 0 {
		monitor = fmt.Sprintf(" MONITOR=%d", s.opt.Monitor)
	}
	if s.opt.History != nil {
		monitor += fmt.Sprintf(" CHATHISTORY=%d MSGREFTYPES=timestamp,msgid", s.opt.History.Limit)
	}
	c.numeric("005", fmt.Sprintf("CASEMAPPING=rfc1459 CHANTYPES=#& PREFIX=(ov)@+ NICKLEN=%d CHANNELLEN=%d CHANMODES=b,k,l,imnpst MODES=4 NETWORK=Test%s"+
		" :are supported by this server", s.opt.NickLen, channelLen, monitor))
	c.numeric("375", ":- "+s.opt.Name+" Message of the day -")
	c.numeric("372", ":- for tests")
	c.numeric("376", ":End of MOTD command")
	return ""
}

func (s *Server) nick(c *client, params []string) {
	want := first(params)
	switch {
	case want == "":
		c.numeric("431", ":No nickname given")
	case len(want) > s.opt.NickLen || strings.ContainsAny(want, " #&!@,*?:.") || '0' <= want[0] && want[0] <= '9':
		c.numeric("432", want+" :Erroneous nickname")
	case s.nicks[fold(want)] != nil && s.nicks[fold(want)] != c:
		c.numeric("433", want+" :Nickname is already in use")
	case !c.registered:
		c.nick = want
	case want != c.nick:
		line := ":" + c.mask() + " NICK :" + want
		for _, p := range s.peers(c) {
			p.send(line)
		}
		old := c.nick
		delete(s.nicks, fold(old))
		c.nick = want
		s.nicks[fold(want)] = c
		c.reply(line)
		s.changed(old)
		s.changed(want)
	}
}

// channelLen is RFC 2812 §1.3.
const channelLen = 50

func (s *Server) join(c *client, name, key string) {
	if !strings.HasPrefix(name, "#") && !strings.HasPrefix(name, "&") || len(name) > channelLen {
		c.numeric("403", name+" :No such channel")
		return
	}
	ch := s.channels[fold(name)]
	if ch == nil {
		ch = &channel{name: name, members: make(map[*client]string), invited: make(map[*client]bool), flags: "n"}
		s.channels[fold(name)] = ch
	}
	if _, in := ch.members[c]; in {
		return
	}
	switch {
	case ch.has('i') && !ch.invited[c]:
		c.numeric("473", name+" :Cannot join channel (+i)")
		return
	case ch.key != "" && ch.key != key:
		c.numeric("475", name+" :Cannot join channel (+k)")
		return
	case ch.limit > 0 && len(ch.members) >= ch.limit:
		c.numeric("471", name+" :Cannot join channel (+l)")
		return
	case s.banned(ch, c):
		c.numeric("474", name+" :Cannot join channel (+b)")
		return
	}
	modes := ""
	if len(ch.members) == 0 {
		modes = "o"
	}
	ch.members[c] = modes
	ch.order = append(ch.order, c)
	for _, m := range ch.order {
		if m.caps["extended-join"] {
			m.send(fmt.Sprintf(":%s JOIN %s %s :%s", c.mask(), ch.name, cmp.Or(c.account, "*"), c.real))
		} else {
			m.send(fmt.Sprintf(":%s JOIN %s", c.mask(), ch.name))
		}
	}
	s.keepEvent(c, ch.name, "JOIN "+ch.name)
	if ch.topic != "" {
		s.showTopic(c, ch)
	}
	if s.opt.History != nil && c.caps["draft/read-marker"] { // before the end of NAMES
		c.tellRead(ch.name)
	}
	s.names(c, ch)
}

func (s *Server) names(c *client, ch *channel) {
	var line strings.Builder
	flush := func() {
		if line.Len() > 0 {
			c.numeric("353", "= "+ch.name+" :"+line.String())
			line.Reset()
		}
	}
	for _, m := range ch.order {
		name := m.nick
		if c.caps["userhost-in-names"] {
			name = m.mask()
		}
		signs := ""
		for i, mode := range "ov" {
			if strings.ContainsRune(ch.members[m], mode) && (signs == "" || c.caps["multi-prefix"]) {
				signs += "@+"[i : i+1]
			}
		}
		if line.Len()+len(name) > 400 {
			flush()
		}
		if line.Len() > 0 {
			line.WriteByte(' ')
		}
		line.WriteString(signs + name)
	}
	flush()
	c.numeric("366", ch.name+" :End of NAMES list")
}

func (s *Server) message(c *client, name, to, text string) {
	m := &spoken{at: time.Now(), mask: c.mask(), verb: name, to: to, lines: []saidLine{{text: text}}, tags: c.passedTags()}
	if s.opt.History != nil || s.offers("draft/multiline") {
		s.say(c, m)
		return
	}
	if p := s.nicks[fold(to)]; p != nil && p.away != "" && name == "PRIVMSG" {
		defer c.numeric("301", p.nick+" :"+p.away)
	}
	s.pass(c, to, c.tags, ":"+c.mask()+" "+name+" "+to+" :"+text, func(*client) bool { return true })
}

// say delivers a message on a server that keeps what is said, or knows messages of several lines.
func (s *Server) say(c *client, m *spoken) {
	to := m.to
	m.buf = conversation(c.person().nick, to)
	if ch := s.channels[fold(to)]; ch != nil {
		if modes, in := ch.members[c]; !in && ch.has('n') || ch.has('m') && modes == "" {
			c.numeric("404", ch.name+" :Cannot send to channel")
			return
		}
		s.keep(c, m)
		for _, member := range slices.Clone(ch.order) {
			if member != c {
				member.relay(m, "", "")
			}
			for _, other := range member.twins() {
				if other != c && other.twin != nil {
					other.relay(m, "", "")
				}
			}
		}
	} else if p := s.nicks[fold(to)]; p != nil {
		s.keep(c, m)
		p.relay(m, "", "")
		for _, other := range p.twins() {
			other.relay(m, "", "")
		}
		for _, other := range c.twins() {
			if other.caps["echo-message"] {
				other.relay(m, "", "")
			}
		}
		if p.away != "" && m.verb == "PRIVMSG" {
			c.numeric("301", p.nick+" :"+p.away)
		}
	} else {
		c.numeric("401", to+" :No such nick/channel")
		return
	}
	if c.caps["echo-message"] {
		c.relay(m, c.label, "")
	}
}

// tell sends a line to everybody in a channel but one.
func (s *Server) tell(ch *channel, but *client, line string) {
	for _, m := range slices.Clone(ch.order) {
		if m != but {
			m.send(line)
		}
	}
}

// member finds a channel that the client is in, and tells him if he is not.
func (s *Server) member(c *client, name string) *channel {
	ch := s.channels[fold(name)]
	if ch == nil {
		c.numeric("403", name+" :No such channel")
		return nil
	}
	if _, in := ch.members[c]; !in {
		c.numeric("442", name+" :You're not on that channel")
		return nil
	}
	return ch
}

// operated is member for what only operators may do.
func (s *Server) operated(c *client, name string) *channel {
	ch := s.member(c, name)
	if ch != nil && !strings.Contains(ch.members[c], "o") {
		c.numeric("482", name+" :You're not channel operator")
		return nil
	}
	return ch
}

func (s *Server) showTopic(c *client, ch *channel) {
	if ch.topic == "" {
		c.numeric("331", ch.name+" :No topic is set")
		return
	}
	c.numeric("332", ch.name+" :"+ch.topic)
	c.numeric("333", fmt.Sprintf("%s %s %d", ch.name, ch.topicBy, ch.topicAt.Unix()))
}

func (s *Server) topic(c *client, params []string) {
	if len(params) == 1 {
		if ch := s.member(c, params[0]); ch != nil {
			s.showTopic(c, ch)
		}
		return
	}
	ch := s.member(c, params[0])
	if ch != nil && ch.has('t') {
		ch = s.operated(c, params[0])
	}
	if ch != nil {
		ch.topic, ch.topicBy, ch.topicAt = params[1], c.nick, time.Now()
		s.tell(ch, nil, fmt.Sprintf(":%s TOPIC %s :%s", c.mask(), ch.name, ch.topic))
	}
}

func (s *Server) kick(c *client, name, nick, reason string) {
	ch := s.operated(c, name)
	if ch == nil {
		return
	}
	p := s.nicks[fold(nick)]
	if _, in := ch.members[p]; !in {
		c.numeric("441", nick+" "+ch.name+" :They aren't on that channel")
		return
	}
	s.tell(ch, nil, fmt.Sprintf(":%s KICK %s %s :%s", c.mask(), ch.name, p.nick, reason))
	s.leave(ch, p)
}

func split(line string) []string {
	var params []string
	for line != "" {
		if trailing, ok := strings.CutPrefix(line, ":"); ok && len(params) > 0 {
			return append(params, trailing)
		}
		var p string
		p, line, _ = strings.Cut(line, " ")
		if p != "" {
			params = append(params, p)
		}
	}
	return params
}

func first(params []string) string {
	if len(params) == 0 {
		return ""
	}
	return params[0]
}
