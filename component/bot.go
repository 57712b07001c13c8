package component

import (
	"slices"
	"sort"
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
}

func (u *user) hear(in *inbound) said {
	root := in.root()
	return said{
		from: in.from, to: in.to.Bare(), thread: root.Child("", "thread").Text(), lang: root.Attr("xml:lang"),
		body: strings.TrimSpace(root.Child(stanza.NSComponent, "body").Text()),
	}
}

// say answers in chat, from the JID that was written to and in the thread that it was written in.
func (u *user) say(to said, body string) {
	b := u.out.Stanzas.Start("message").JID("from", to.to).JID("to", to.from).Attr("type", "chat").Attr("id", newID()).Attr("xml:lang", text.Known(to.lang))
	b.Start("body").Text(body).End()
	if to.thread != "" {
		b.Start("thread").Text(to.thread).End() // RFC 6121 §5.2.5
	}
	b.End()
}

// bot answers what somebody wrote to the help bot, to the domain or to a network. It is forgiving: case, a leading slash or
// exclamation mark do not matter, and what it does not understand is answered with help.
func (u *user) bot(s said, e entity) {
	if u.awaited >= maxAwaited {
		u.say(s, text.Say(s.lang, "Too much of yours is waiting. Try again in a moment."))
		return
	}
	body := strings.TrimLeft(s.body, "/!")
	words := strings.Fields(body)
	if len(words) == 0 {
		u.say(s, u.help(s, e))
		return
	}
	if u.answerChat(s, words) {
		return
	}
	switch strings.ToLower(words[0]) {
	case "status", "rooms", "networks", "état", "salons":
		u.say(s, u.status(s.lang))
		return
	case "version":
		u.say(s, "passerelle "+u.g.opt.Version)
		return
	case "cancel", "annuler":
		u.say(s, text.Say(s.lang, "There is nothing to cancel."))
		return
	}
	if !u.chatCommand(s, e, words) {
		u.say(s, u.help(s, e))
	}
}

// help says what one can do here, in few lines.
func (u *user) help(s said, e entity) string {
	var b strings.Builder
	if e.kind == entityNetwork {
		b.WriteString(text.Say(s.lang, "This is the network %s. Its rooms are at %s.", e.target.Network, u.exampleRoom(e.target.Network)))
	} else {
		b.WriteString(text.Say(s.lang, "This is %s at %s.", text.Say(s.lang, u.g.about.Name), u.g.opt.Domain))
		for _, h := range u.g.about.Hints {
			b.WriteByte('\n')
			b.WriteString(strings.ReplaceAll(text.Say(s.lang, h), "DOMAIN", u.g.opt.Domain))
		}
	}
	names := []string{"help", "status", "version"}
	for _, c := range u.chatCommands(e) {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	b.WriteByte('\n')
	b.WriteString(text.Say(s.lang, "Words that I know: %s.", strings.Join(slices.Compact(names), ", ")))
	return b.String()
}

// status says where the user is connected.
func (u *user) status(lang string) string {
	if len(u.networks) == 0 {
		return text.Say(lang, "You are connected to no network. Joining a room connects you.")
	}
	var lines []string
	for _, n := range u.networks {
		var rooms []string
		for _, r := range n.rooms {
			if r.Nick() == "" {
				rooms = append(rooms, text.Say(lang, "%s (joining)", r.Target().ID))
				continue
			}
			rooms = append(rooms, text.Say(lang, "%s as %s", r.Target().ID, r.Nick()))
		}
		sort.Strings(rooms)
		lines = append(lines, n.id+": "+strings.Join(rooms, "; "))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

func (u *user) exampleNetwork() string {
	if len(u.g.about.Networks) > 0 {
		return u.g.about.Networks[0].ID
	}
	return "irc.libera.chat"
}
