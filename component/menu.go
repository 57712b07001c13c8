package component

import (
	"strconv"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/transports"
)

// Menus in chat: a number stands for a line that one would write as well, so that nobody has to know any.

// choice is an entry of a menu.
type choice struct {
	label string
	line  string // what it stands for
}

// asked is what somebody may answer to what the bot has said last at a JID.
type asked struct {
	lines []string   // what the numbers stand for, from 1
	line  string     // where other words are an answer too, what they go behind
	list  *execution // of which the numbers are, where there is more of it
	until time.Time
}

// Bounds of what is asked.
const (
	askTime    = 15 * time.Minute
	maxAsked   = 32  // JIDs of a user
	maxChoices = 500 // numbers at one of them
)

// menu is the bot's menu.
func (g *Gateway) menu(lang string) []choice {
	var all []choice
	if g.about().Rooms {
		all = append(all, choice{text.Say(lang, g.about().Prompt.Room.Title), "join"})
	}
	switch {
	case !g.configurable():
	case g.postal != nil:
		all = append(all, choice{text.Say(lang, "My settings"), "configure"})
	default:
		settings := "configure"
		if g.about().Fixed != "" {
			settings = "global-configure"
		}
		all = append(all, choice{text.Say(lang, "Log in to a network"), "login"}, choice{text.Say(lang, "My settings"), settings})
	}
	return append(all, choice{text.Say(lang, "Help"), "help"})
}

// showMenu is the menu as numbered lines, with a line in front.
func (g *Gateway) showMenu(lang, first string) string {
	lines := []string{first + " " + text.Say(lang, "Answer with a number:")}
	for i, c := range g.menu(lang) {
		lines = append(lines, strconv.Itoa(i+1)+" "+c.label)
	}
	return strings.Join(lines, "\n")
}

// hello greets somebody at the bot or the domain.
func (u *user) hello(s said) {
	u.say(s, u.g.showMenu(s.lang, text.Say(s.lang, "Hello! This is %s at %s.", text.Say(s.lang, u.g.about().Name), u.g.opt.Domain)))
}

// welcome greets somebody who has just added the gateway or its bot to his contact list. Who adds both is greeted once.
func (u *user) welcome(added transports.Address) {
	other := u.g.domain
	if added == other {
		other = u.g.botAddress()
	}
	if !u.inContacts(other) {
		u.hello(saidTo(u.g.botAddress(), u.jid, u.lang))
	}
}

// ask remembers what may be answered at a JID, for a while.
func (u *user) ask(at transports.Address, a asked) {
	for to, old := range u.asks {
		if now().After(old.until) {
			delete(u.asks, to)
		}
	}
	if len(u.asks) >= maxAsked {
		return // the answer will not be understood, and he is told what there is
	}
	if u.asks == nil {
		u.asks = make(map[transports.Address]asked)
	}
	a.lines = a.lines[:min(len(a.lines), maxChoices)]
	a.until = now().Add(askTime)
	u.asks[at] = a
	u.after(askTime, func() { // else he would not be forgotten
		if a, ok := u.asks[at]; ok && !now().Before(a.until) {
			delete(u.asks, at)
		}
	})
}

// askNetwork asks for a network, which goes behind a line.
func (u *user) askNetwork(s said, line string) {
	a := asked{line: line}
	lines := []string{text.Say(s.lang, "Which network? Write its name, such as “%s”.", u.g.shortNetwork())}
	if named := u.g.about().Networks; len(named) > 0 {
		lines[0] = text.Say(s.lang, "Which network? Answer with a number, or write its name.")
		for i, n := range named[:min(len(named), chatLines-1)] {
			lines = append(lines, strconv.Itoa(i+1)+" "+n.Name)
			a.lines = append(a.lines, line+" "+n.ID)
		}
	}
	u.say(s, strings.Join(lines, "\n"))
	u.ask(s.to, a)
}

// picked is the number that words are, "3" or "join 3"; 0 for other words.
func picked(words []string) int {
	if len(words) == 2 && (readWord(words[0]).command == "join" || strings.EqualFold(words[0], "join")) {
		words = words[1:]
	}
	if len(words) != 1 {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSuffix(words[0], "."))
	if err != nil {
		return 0
	}
	return n
}

// picks reports whether words are a number that stands for something.
func (u *user) picks(at transports.Address, words []string) bool {
	n := picked(words)
	return 1 <= n && n <= len(u.asks[at].lines)
}

// answerAsked takes words as an answer to what was asked, or as an entry of the menu, and returns the line that they stand for.
func (u *user) answerAsked(s said, e entity, words []string) (line string, ok bool) {
	a, open := u.asks[s.to]
	if open && now().After(a.until) {
		delete(u.asks, s.to)
		open = false
	}
	lines := a.lines
	if !open && e.kind&(entityGateway|entityBot) != 0 {
		for _, c := range u.g.menu(s.lang) {
			lines = append(lines, c.line)
		}
	}
	if n := picked(words); 1 <= n && n <= len(lines) {
		if a.line != "" {
			delete(u.asks, s.to)
		}
		return lines[n-1], true
	}
	if !open || a.line == "" {
		return "", false
	}
	if _, err := strconv.Atoi(words[0]); err == nil && len(words) == 1 {
		return a.line, true // none of the numbers: it is asked once more
	}
	delete(u.asks, s.to)
	if w := readWord(words[0]); w.means != meansNothing || len(words) > 1 {
		return "", false
	}
	if _, err := u.chatNamed(e, words[0], true); err == nil {
		return "", false
	}
	return a.line + " " + words[0], true
}
