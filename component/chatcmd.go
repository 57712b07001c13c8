package component

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// Commands in chat, for the clients that have no ad-hoc commands: a page of a form is a few numbered lines, and an answer is a
// number or a name with the new value. No answer is longer than chatLines; “more” shows the rest.

const (
	chatLines = 6
	chatRows  = chatLines - 1 // of a table: the last line says that there are more
)

// chatCommands are the commands that somebody who writes to e can run: those of e, and through the bot and the domain those of
// networks and rooms, whose name he then adds.
func (u *user) chatCommands(e entity) []transports.Command {
	cs := u.commands(e)
	if e.kind&(entityBot|entityGateway) == 0 {
		return cs
	}
	for _, below := range []entity{
		{entityNetwork, transports.Target{Kind: transports.TargetNetwork}}, {entityRoom, transports.Target{Kind: transports.TargetRoom}},
	} {
		for _, c := range u.commands(below) {
			if !slices.ContainsFunc(cs, func(d transports.Command) bool { return d.Name == c.Name }) {
				cs = append(cs, c)
			}
		}
	}
	return cs
}

// chatNamed finds the command that a word names. Its beginning is enough where that fits one of them only.
func (u *user) chatNamed(e entity, word string, exact bool) (transports.Command, *transports.Error) {
	name := strings.ToLower(word)
	if w := readWord(word); w.command != "" {
		name = w.command
	}
	const least = 3 // letters of a beginning
	var begin []transports.Command
	for _, c := range u.chatCommands(e) {
		if c.Name == name {
			return c, nil
		}
		if len(name) >= least && strings.HasPrefix(c.Name, name) {
			begin = append(begin, c)
		}
	}
	if len(begin) == 1 && !exact {
		return begin[0], nil
	}
	_, err := u.findCommand(e, name, "")
	return transports.Command{}, err
}

// chatCommand starts the command that the first word names, and reports whether there is one.
func (u *user) chatCommand(s said, e entity, words []string) bool {
	c, err := u.chatNamed(e, words[0], false)
	if err != nil {
		if err.Kind == transports.Denied {
			u.say(s, text.Say(s.lang, "This command is for administrators."))
			return true
		}
		return false
	}
	on, args := e.on(&c), words[1:]
	if c.Say != nil && len(args) > 0 && (c.Verbatim || !strings.Contains(args[0], "=")) {
		x := u.begin(c, on, s.lang, s.from, s.to, chatRows)
		call := x.call
		_, after, _ := strings.Cut(s.body, words[0])
		call.Said = strings.TrimSpace(after)
		if len(s.id) <= maxLetterID {
			call.ID = s.id
		}
		u.work(x, func(ctx context.Context) step { return u.g.saying(ctx, c, call, args) }, func(next step) { u.chatAnswer(s, x, next) })
		return true
	}
	switch {
	case c.Name == channelsName && !strings.Contains(strings.Join(args, " "), "="):
		values, network, ask := u.channelArgs(s.lang, on, args)
		if ask {
			u.askNetwork(s, strings.Join(words, " "))
			return true
		}
		if u.networks.of(network) == nil {
			u.sayOnce(s, text.Say(s.lang, "I am connecting to %s to ask. One moment, please.", u.g.networkName(network)))
		}
		args = values
	case e.kind&(entityBot|entityGateway) != 0:
		on, args = u.targetOf(&c, on, args)
	}
	if !c.IsFor(on.Kind) { // the only network is meant, where there is one
		if d, err := u.findCommand(e, serverConfigure, s.lang); err == nil && c.Name == "configure" {
			c, on = d, e.on(&d)
		}
	}
	if !c.IsFor(on.Kind) {
		if len(args) == 0 {
			u.askNetwork(s, c.Name)
		} else {
			u.say(s, text.Say(s.lang, "%s is not the name of a network.", quote(args[0])))
		}
		return true
	}
	x := u.begin(c, on, s.lang, s.from, s.to, chatRows)
	u.advance(x, nil, func(next step) {
		switch {
		case next.form != nil && next.form.Obvious && len(args) == 0:
			u.advance(x, nil, func(next step) { u.chatAnswer(s, x, next) })
			return
		case next.form == nil || len(args) == 0:
			u.chatAnswer(s, x, next)
			return
		}
		// Values in the same line: “configure NETWORK nick=bob”.
		c := u.chat(s, x, next.form)
		if name := onlyRequired(next.form); name != "" && !strings.Contains(args[0], "=") { // “find-user trouble”
			args[0] = name + "=" + args[0]
		}
		for _, pair := range pairs(args) {
			if wrong := c.take(pair); wrong != "" {
				u.sayWrong(s, c, wrong)
				return
			}
		}
		u.advance(x, c.changes, func(next step) { u.chatAnswer(s, x, next) })
	})
	return true
}

// targetOf is what a command is run on whose arguments may begin with that, "#go", "#go libera" or "#go on libera", and the rest of them.
func (u *user) targetOf(c *transports.Command, on transports.Target, args []string) (transports.Target, []string) {
	if c.Name == "join" { // it asks for rooms itself
		return on, args
	}
	for n := min(3, len(args)); n > 0; n-- {
		if t, ok := u.g.target(strings.Join(args[:n], " ")); ok && c.IsFor(t.Kind) {
			return t, args[n:]
		}
	}
	return on, args
}

// onlyRequired is the name of the field of a form that has to be filled in, empty where there is none or several.
func onlyRequired(f *transports.Form) string {
	name := ""
	for i := range f.Fields {
		switch {
		case !f.Fields[i].Required:
		case name != "":
			return ""
		default:
			name = f.Fields[i].Name
		}
	}
	return name
}

// pairs groups words as name=value, where a value may have several words.
func pairs(words []string) [][]string {
	var out [][]string
	for _, w := range words {
		if len(out) == 0 || strings.Contains(w, "=") {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], w)
	}
	return out
}

// quote repeats a word that was not understood, or its beginning.
func quote(word string) string { return "“" + clip(word, 60) + "”" }

// clip is a text, or its beginning where it is longer than so many characters.
func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// chatAnswer shows what became of a next.
func (u *user) chatAnswer(s said, x *execution, next step) {
	s.lang = x.call.Lang
	switch {
	case next.form != nil:
		fresh := u.chats[s.to] == nil || u.chats[s.to].x != x
		c := u.chat(s, x, next.form)
		if wrong := c.wrong(s.lang, next.err); wrong != "" {
			u.say(s, wrong+"\n"+c.howTo(s.lang))
			return
		}
		if fresh && c.needsSecret() { // nothing of it can be filled in here alone
			u.offerSecret(s, c)
			return
		}
		u.say(s, u.showPage(s, c))
		if fresh && c.link {
			u.sendLink(s, x, "")
		}
	case next.table != nil:
		u.say(s, u.showTable(s, x, next.table))
		u.offerRows(s, x, next.table)
		if next.table.More {
			u.chat(s, x, nil)
			return
		}
		u.end(x)
		delete(u.chats, s.to)
	default:
		if c := u.chats[s.to]; c != nil && c.x == x { // of a list that he picked something of there may be more
			delete(u.chats, s.to)
		}
		said := next.said
		if next.err != nil {
			if said = u.sayError(next.err).In(text.In(s.lang)); said == "" {
				said = text.Say(s.lang, "That did not work: something went wrong in the gateway. Its operator finds it in the log.")
			}
		}
		u.say(s, said)
	}
}

// showTable writes a page of a table as numbered lines.
func (u *user) showTable(s said, x *execution, t *transports.Table) string {
	const longest = 200 // characters of a cell
	var lines []string
	for i, r := range t.Rows {
		var about []string
		for j, c := range t.Columns {
			if j > 0 && r.Cells[j] != "" {
				about = append(about, text.Say(s.lang, "%s: %s", text.Say(s.lang, c.Label), clip(r.Cells[j], longest)))
			}
		}
		line := strconv.Itoa(max(len(x.after)-1, 0)*x.rows+i+1) + " " + clip(r.Cells[0], longest)
		if len(about) > 0 {
			line += " (" + strings.Join(about, ", ") + ")"
		}
		lines = append(lines, line)
	}
	picks := len(t.Rows) > 0 && t.Rows[0].Pick != ""
	switch {
	case t.More && picks:
		lines = append(lines, text.Say(s.lang, "Answer with a number to join, or “more” for the next ones."))
	case t.More:
		lines = append(lines, text.Say(s.lang, "Write “more” for the next ones."))
	case picks:
		lines = append(lines, text.Say(s.lang, "Answer with a number to join."))
	}
	return strings.Join(lines, "\n")
}

// offerRows has the numbers of rows stand for how one goes on with them.
func (u *user) offerRows(s said, x *execution, t *transports.Table) {
	before := max(len(x.after)-1, 0) * x.rows
	if a := u.asks[s.to]; len(a.lines) >= before && before > 0 {
		a.lines = a.lines[:before]
		u.addRows(s, x, a, t)
		return
	}
	u.addRows(s, x, asked{}, t)
}

func (u *user) addRows(s said, x *execution, a asked, t *transports.Table) {
	for _, r := range t.Rows {
		if r.Pick == "" {
			return
		}
		a.lines = append(a.lines, r.Pick)
	}
	if a.list = nil; t.More {
		a.list = x
	}
	u.ask(s.to, a)
}

// answerChat takes words as the answer to what waits for one, and reports whether there is such a thing.
func (u *user) answerChat(s said, e entity, words []string) bool {
	c := u.chats[s.to]
	if list := u.asks[s.to].list; c == nil && list != nil && !list.ended && len(words) == 1 && readWord(words[0]).means == meansMore {
		c = u.chat(s, list, nil)
	}
	if c == nil {
		return false
	}
	if c.x.ended { // it timed out
		delete(u.chats, s.to)
		return false
	}
	s.lang = c.x.call.Lang
	then := func(next step) { u.chatAnswer(s, c.x, next) }
	means := meansNothing
	if len(words) == 1 {
		means = readWord(words[0]).means
	}
	switch {
	case means == meansCancel:
		delete(u.chats, s.to)
		u.end(c.x)
		u.say(s, text.Say(s.lang, "Left as it is."))
	case c.x.busy && u.isCommandLine(e, words):
		return false // a network may take its time
	case c.x.busy:
		u.say(s, text.Say(s.lang, "One moment, please."))
	case c.form == nil && (means == meansMore || means == meansOK || means == meansBack && len(c.x.after) > 1):
		u.turn(c.x, means != meansBack, then)
	case c.form == nil && u.picks(s.to, words):
		return false
	case c.form == nil:
		// Something else is wanted than the rest of the list.
		delete(u.chats, s.to)
		u.end(c.x)
		return false
	case means == meansMore || means == meansHelp:
		c.turn(s.lang, means == meansMore)
		u.say(s, u.showPage(s, c))
	case means == meansLink && hasSecret(c.form):
		u.offerSecret(s, c)
	case means == meansBack:
		u.chatBack(s, c)
	case c.isQuestion() && (means == meansYes || means == meansNo):
		c.changes[c.form.Fields[0].Name] = []string{strconv.FormatBool(means == meansYes)}
		u.advance(c.x, c.changes, then)
	case means == meansOK || means == meansYes:
		u.advance(c.x, c.changes, then)
	default:
		return u.answerField(s, e, c, words)
	}
	return true
}

// answerField takes words as a value for a field of a page. It reports false where they name a command instead.
func (u *user) answerField(s said, e entity, c *chatForm, words []string) bool {
	field, _, ok := c.field(words)
	// An address is hardly ever called like a command, nor does what else is asked for alone begin with one: he writes the line anew.
	alone := len(c.form.Fields) == 1 && (len(words) == 1 && field.Type == transports.FieldAddress || field.Required && u.isCommandLine(e, words))
	if !ok || alone {
		if _, err := u.chatNamed(e, words[0], true); err == nil {
			delete(u.chats, s.to)
			u.end(c.x)
			return false
		}
	}
	if means := readWord(words[0]).means; c.needsSecret() && (means == meansHello || means == meansHelp || u.namesRoom(s.body)) {
		delete(u.chats, s.to)
		u.end(c.x)
		return false
	}
	if _, err := strconv.Atoi(words[0]); err == nil && ok && len(words) == 1 && len(c.form.Fields) > 1 {
		if field.Type.Secret() {
			u.offerSecret(s, c)
		} else {
			u.say(s, c.explain(s.lang, words[0], field))
		}
		return true
	}
	if wrong := c.take(words); wrong != "" {
		u.sayWrong(s, c, wrong)
		return true
	}
	if len(c.form.Fields) == 1 { // there is nothing else to say
		u.advance(c.x, c.changes, func(next step) { u.chatAnswer(s, c.x, next) })
		return true
	}
	u.say(s, c.fieldLine(s.lang, c.index(field.Name))+"\n"+c.howTo(s.lang))
	return true
}

// isCommandLine reports whether words are a command rather than a value: the name of one alone, or with what it may stand before here.
func (u *user) isCommandLine(e entity, words []string) bool {
	c, err := u.chatNamed(e, words[0], true)
	return err == nil && (len(words) == 1 || c.Name == "join" || e.kind&(entityBot|entityGateway) != 0)
}

// sayWrong says what is wrong with an answer, a text of the catalogue; and how else to do it where a password was written.
func (u *user) sayWrong(s said, c *chatForm, wrong string) {
	u.say(s, text.Say(s.lang, wrong))
	if wrong == secretInChat {
		u.offerSecret(s, c)
	}
}

// offerSecret says how what is secret is filled in: by a link, else in a client that has forms.
func (u *user) offerSecret(s said, c *chatForm) {
	about := ""
	if c.needsSecret() {
		about = u.g.titleOf(s.lang, c.x, c.form) + "\n"
		if c.form.Instructions != "" {
			about += text.Say(s.lang, c.form.Instructions) + "\n"
		}
	}
	if c.link {
		u.sendLink(s, c.x, about)
		return
	}
	jid := u.g.domain
	if on := c.x.call.On; on.Kind != transports.TargetDomain {
		jid = u.g.address(on)
	}
	u.say(s, about+text.Say(s.lang, "To set a password, use a client that knows commands, such as Gajim, Movim or Profanity: run “%s” (%s) on %s.",
		text.Say(s.lang, c.x.command.Title), c.x.command.Name, jid.String()))
}

// chatBack shows the lines or the page before.
func (u *user) chatBack(s said, c *chatForm) {
	if x := c.x; c.from == 0 && len(x.pages) > 1 {
		x.pages = x.pages[:len(x.pages)-1]
		p := x.pages[len(x.pages)-1]
		x.call.Values = p.before
		c = u.chat(s, x, p.form)
	}
	c.from = max(c.from-chatFields, 0)
	u.say(s, u.showPage(s, c))
}
