package component

import (
	"slices"
	"strings"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// botAddress is the JID of the help bot.
func (g *Gateway) botAddress() transports.Address {
	return transports.Address{Local: botLocal, Domain: g.domain.Domain}
}

// said is a message to answer: who wrote what to whom, kept while the answer is being made.
type said struct {
	from, to transports.Address // the client; the bare JID that was written to
	thread   string
	lang     string
	body     string
	id       string // of its stanza, where one may refer to that
}

func (u *user) hear(in *inbound) said {
	root := in.root()
	return said{
		from: in.from, to: in.to.Bare(), thread: root.Child("", "thread").Text(), lang: root.Attr("xml:lang"),
		body: strings.TrimSpace(root.Child(stanza.NSComponent, "body").Text()), id: letterID(root.Attr("id")),
	}
}

// saidTo is what to answer where nobody wrote: a message from us to all clients of somebody.
func saidTo(from, to transports.Address, lang string) said {
	return said{from: to, to: from, lang: lang}
}

// say answers in chat, from the JID that was written to and in the thread that it was written in.
func (u *user) say(to said, body string) { u.sayWith(to, body, "store") }

// sayOnce is say for what is of no use later.
func (u *user) sayOnce(to said, body string) { u.sayWith(to, body, passing()...) }

// passing are the hints for what no archive and no other client is to keep (XEP-0334 §4).
func passing() []string { return []string{"no-store", "no-permanent-store", "no-copy"} }

func (u *user) sayWith(to said, body string, hints ...string) {
	b := u.out.Stanzas.Start("message").JID("from", to.to).JID("to", to.from).Attr("type", "chat").Attr("id", newID()).Attr("xml:lang", text.Known(to.lang))
	b.Start("body").Text(body).End()
	if to.thread != "" {
		b.Start("thread").Text(to.thread).End() // RFC 6121 §5.2.5
	}
	for _, h := range hints {
		b.StartNS(h, nsHints).End()
	}
	b.End()
}

// bot answers what somebody wrote to the help bot, to the domain or to a network. It is forgiving: case, a leading slash or
// exclamation mark do not matter, and what it does not understand is answered with help, or is for the network that it was written to.
func (u *user) bot(s said, e entity) {
	if u.awaited >= maxAwaited {
		u.say(s, text.Say(s.lang, "Too much of yours is waiting. Try again in a moment."))
		return
	}
	words := strings.Fields(strings.TrimLeft(s.body, "/!"))
	if len(words) == 0 {
		words = []string{"help"}
	}
	w := readWord(words[0])
	if w.lang != "" {
		s.lang = w.lang
	}
	if u.answerChat(s, e, words) {
		return
	}
	if line, ok := u.answerAsked(s, e, words); ok {
		s.body, words = line, strings.Fields(line)
		w = readWord(words[0])
	}
	greets := e.kind&(entityGateway|entityBot) != 0
	switch {
	case e.kind&entityNetwork != 0 && isLoud(words[0]) && u.networks.of(e.target.Network) != nil:
		u.rawLines(s, e)
	case w.means == meansVersion:
		u.say(s, "passerelle "+u.g.opt.Version)
	case w.means == meansCancel:
		u.say(s, text.Say(s.lang, "There is nothing to cancel."))
	case w.means == meansNothing && u.chatCommand(s, e, words):
	case w.means == meansNothing && e.kind&entityNetwork != 0:
		u.rawLines(s, e)
	case w.means == meansHello && greets:
		u.hello(s)
	case w.means == meansNothing && greets && saysPassword(words): // which is not to be repeated
		u.say(s, text.Say(s.lang, secretInChat)+"\n"+text.Say(s.lang, "To log in, write “login %s”.", u.g.shortNetwork()))
	case w.means == meansNothing && greets && u.namesRoom(s.body):
		s.body = "join " + s.body
		u.chatCommand(s, e, strings.Fields(s.body))
	case w.means == meansHelp && len(words) == 2 && u.helpWith(s, e, words[1]):
	case w.means == meansNothing && greets:
		u.say(s, u.g.showMenu(s.lang, text.Say(s.lang, "I do not understand %s.", quote(s.body))))
	default:
		u.say(s, u.help(s, e, w.means == meansMore))
	}
}

// roomBot answers commands that somebody wrote to a room as if it were a contact, and reports whether it was one. Clients show rooms
// and their commands together.
func (u *user) roomBot(s said, e entity) bool {
	words := strings.Fields(strings.TrimLeft(s.body, "/!"))
	if len(words) == 0 {
		return false
	}
	if u.chats[s.to] == nil {
		if _, err := u.chatNamed(e, words[0], true); err != nil {
			return false
		}
	}
	u.bot(s, e)
	return true
}

// namesRoom reports whether somebody has written nothing but a room or a network, which he wants to enter then.
func (u *user) namesRoom(line string) bool {
	if !u.g.about().Rooms || len(line) > maxFindWord {
		return false
	}
	t, ours := u.g.ownAddress(line)
	if !ours {
		var err error
		if t, err = u.g.opt.Transport.Find("", line, transports.TargetDomain); err != nil {
			return false
		}
	}
	return t.Kind == transports.TargetRoom || t.Kind == transports.TargetNetwork
}

// helpWith says what a command is for, and reports whether there is one.
func (u *user) helpWith(s said, e entity, word string) bool {
	c, err := u.chatNamed(e, word, false)
	if err != nil {
		return false
	}
	u.say(s, text.Say(s.lang, "%s: %s", chatName(&c), text.Say(s.lang, c.Title)))
	return true
}

// chatName is what a command is called in chat, where words are short.
func chatName(c *transports.Command) string {
	if c.Name == serverDisconnect {
		return "disconnect"
	}
	return c.Name
}

// help says what one can do here: the first lines of it, or the rest.
func (u *user) help(s said, e entity, rest bool) string {
	var lines []string
	if greets := e.kind&(entityGateway|entityBot) != 0; greets {
		names := strings.NewReplacer("DOMAIN", u.g.opt.Domain, "NETWORK", u.g.shortNetwork())
		for _, h := range u.g.about().Hints {
			lines = append(lines, names.Replace(text.Say(s.lang, h)))
		}
	} else {
		lines = append(lines, text.Say(s.lang, "This is the network %s. Its rooms are at %s.", u.g.networkName(e.target.Network), u.exampleRoom(e.target.Network)),
			text.Say(s.lang, "Other lines go to the network as they are, such as “WHOIS nick”."))
	}
	names := []string{"help", "version"}
	for _, c := range u.chatCommands(e) {
		if readWord(c.Name).means == meansNothing { // “hello” is answered with the menu
			names = append(names, chatName(&c))
		}
	}
	slices.Sort(names)
	lines = append(lines, text.Say(s.lang, "Words that I know, of which “help WORD” says more: %s.", strings.Join(slices.Compact(names), ", ")))
	if len(lines) > chatLines {
		if rest {
			lines = lines[chatLines-1:]
		} else {
			lines = append(lines[:chatLines-1:chatLines-1], text.Say(s.lang, "“more” shows the rest."))
		}
	}
	return strings.Join(lines, "\n")
}

func (u *user) exampleNetwork() string { return u.g.exampleNetwork() }

// exampleNetwork is a network, for texts.
func (g *Gateway) exampleNetwork() string {
	if len(g.about().Networks) > 0 {
		return g.about().Networks[0].ID
	}
	return "irc.libera.chat"
}

// shortNetwork is the shortest name by which that network is found.
func (g *Gateway) shortNetwork() string {
	id := g.exampleNetwork()
	labels := strings.Split(id, ".")
	slices.SortStableFunc(labels, func(a, b string) int { return len(b) - len(a) }) // “libera” and not “irc”
	for _, name := range append([]string{strings.ToLower(g.networkName(id))}, labels...) {
		t, err := g.opt.Transport.Find("", name, transports.TargetNetwork)
		if err == nil && t.Network == id && t.Kind == transports.TargetNetwork && !strings.ContainsAny(name, ". ") {
			return name
		}
	}
	return id
}

// exampleName is what a room or a person is called here, for texts.
func (g *Gateway) exampleName(kind transports.TargetKind, id string) string {
	return g.opt.Transport.Format(transports.Target{Kind: kind, Network: g.exampleNetwork(), ID: id})
}
