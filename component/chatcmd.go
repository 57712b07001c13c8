package component

import (
	"slices"
	"strconv"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// Commands in chat, for the clients that have no ad-hoc commands: a page of a form is a few numbered lines, and an answer is a
// number or a name with the new value.

// chatForm is a command that a user fills in by chat. There is one at a time for each of the JIDs that he writes to.
type chatForm struct {
	x       *execution
	form    *transports.Form
	changes transports.Values // what he answered on this page
}

// chatCommands are the commands that somebody who writes to e can run: those of e, and through the bot and the domain those of
// networks, whose name he then adds.
func (u *user) chatCommands(e entity) []transports.Command {
	if e.kind == entityBot || e.kind == entityGateway {
		cs := u.commands(entity{kind: entityGateway})
		for _, c := range u.commands(entity{kind: entityNetwork, target: transports.Target{Kind: transports.TargetNetwork}}) {
			if !slices.ContainsFunc(cs, func(d transports.Command) bool { return d.Name == c.Name }) {
				cs = append(cs, c)
			}
		}
		return cs
	}
	return u.commands(e)
}

// chatCommand starts the command that the first word names, and reports whether there is one.
func (u *user) chatCommand(s said, e entity, words []string) bool {
	name := strings.ToLower(words[0])
	cs := u.chatCommands(e)
	i := slices.IndexFunc(cs, func(c transports.Command) bool { return strings.EqualFold(c.Name, name) })
	if i < 0 {
		if u.isHiddenCommand(name) {
			u.say(s, text.Say(s.lang, "This command is for administrators."))
			return true
		}
		return false
	}
	c, on, args := cs[i], e.target, words[1:]
	if e.target.Kind == 0 && slices.Contains(c.For, transports.TargetNetwork) {
		if len(args) == 0 {
			u.say(s, text.Say(s.lang, "Which network? Write, for instance, “%s %s”.", c.Name, u.exampleNetwork()))
			return true
		}
		t, err := u.g.opt.Transport.Parse(strings.ToLower(args[0]))
		if err != nil || t.Kind != transports.TargetNetwork {
			u.say(s, text.Say(s.lang, "%s is not the name of a network.", quote(args[0])))
			return true
		}
		on, args = t, args[1:]
	}
	x := u.begin(c, on, s.lang)
	u.advance(x, nil, func(f *transports.Form, done string, err error) {
		if f == nil || len(args) == 0 {
			u.chatAnswer(s, x, f, done, err)
			return
		}
		// Values in the same line: “configure NETWORK nick=bob”.
		u.chat(s, x, f)
		for _, pair := range pairs(args) {
			if wrong := u.chats[s.to].take(pair); wrong != "" {
				u.say(s, text.Say(s.lang, wrong))
				return
			}
		}
		u.advance(x, u.chats[s.to].changes, func(f *transports.Form, done string, err error) { u.chatAnswer(s, x, f, done, err) })
	})
	return true
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
func quote(word string) string {
	const most = 60 // characters
	if r := []rune(word); len(r) > most {
		word = string(r[:most]) + "…"
	}
	return "“" + word + "”"
}

// chatAnswer shows what became of a step.
func (u *user) chatAnswer(s said, x *execution, f *transports.Form, done string, err error) {
	switch {
	case err != nil:
		e := u.sayError(err)
		if e.Text == "" {
			u.say(s, text.Say(s.lang, "That did not work: something went wrong in the gateway. Its operator finds it in the log."))
			return
		}
		u.say(s, e.Text)
	case f != nil:
		u.chat(s, x, f)
		u.say(s, u.showPage(s, x, f, nil))
	default:
		delete(u.chats, s.to)
		u.say(s, done)
	}
}

// chat remembers that the user is filling in a page.
func (u *user) chat(s said, x *execution, f *transports.Form) {
	if u.chats == nil {
		u.chats = make(map[transports.Address]*chatForm)
	}
	for to, c := range u.chats {
		if u.executions[c.x.id] == nil { // it ended without a word here
			delete(u.chats, to)
		}
	}
	u.chats[s.to] = &chatForm{x: x, form: f, changes: transports.Values{}}
}

// showPage writes a page as numbered lines.
func (u *user) showPage(s said, x *execution, f *transports.Form, changes transports.Values) string {
	var b strings.Builder
	b.WriteString(text.Say(s.lang, f.Title))
	if x.call.On.Network != "" {
		b.WriteString(" (" + x.call.On.Network + ")")
	}
	if f.Instructions != "" {
		b.WriteByte('\n')
		b.WriteString(text.Say(s.lang, f.Instructions))
	}
	for i, field := range f.Fields {
		b.WriteByte('\n')
		b.WriteString(strconv.Itoa(i+1) + " " + text.Say(s.lang, field.Label) + ": " + u.showValue(s, field, changes))
		for j, o := range field.Options {
			b.WriteString("\n   " + strconv.Itoa(j+1) + " " + text.Say(s.lang, o.Label))
		}
	}
	b.WriteByte('\n')
	b.WriteString(text.Say(s.lang, "Write a number and the new value, such as “1 …”; “ok” when all is right, “cancel” to leave it as it is."))
	return b.String()
}

// showValue is a present value as people read it.
func (u *user) showValue(s said, field transports.Field, changes transports.Values) string {
	vs, changed := changes[field.Name]
	if !changed {
		vs = field.Values
	}
	switch {
	case field.Type.Secret():
		return text.Say(s.lang, "(not in chat: use the command in your client)")
	case field.Type == transports.FieldBool:
		if transports.Values(map[string][]string{"v": vs}).Bool("v") {
			return text.Say(s.lang, "yes")
		}
		return text.Say(s.lang, "no")
	case len(vs) == 0 || len(vs) == 1 && vs[0] == "":
		return text.Say(s.lang, "(not set)")
	}
	shown := make([]string, len(vs))
	for i, v := range vs {
		shown[i] = v
		if j := slices.IndexFunc(field.Options, func(o transports.Option) bool { return o.Value == v }); j >= 0 {
			shown[i] = text.Say(s.lang, field.Options[j].Label)
		}
	}
	return strings.Join(shown, ", ")
}

// answerChat takes words as the answer to a page that waits for one, and reports whether there is such a page.
func (u *user) answerChat(s said, words []string) bool {
	c := u.chats[s.to]
	if c == nil {
		return false
	}
	if u.executions[c.x.id] == nil { // it timed out
		delete(u.chats, s.to)
		return false
	}
	switch strings.ToLower(words[0]) {
	case "cancel", "annuler", "stop":
		delete(u.chats, s.to)
		delete(u.executions, c.x.id)
		u.say(s, text.Say(s.lang, "Left as it is."))
		return true
	case "ok", "done", "save", "yes", "oui", "d'accord":
		if len(words) == 1 {
			changes := c.changes
			u.advance(c.x, changes, func(f *transports.Form, done string, err error) { u.chatAnswer(s, c.x, f, done, err) })
			return true
		}
	}
	if wrong := c.take(words); wrong != "" {
		u.say(s, text.Say(s.lang, wrong))
		return true
	}
	u.say(s, u.showPage(s, c.x, c.form, c.changes))
	return true
}

// take notes an answer. What is wrong with it is a text of the catalogue.
func (c *chatForm) take(words []string) (wrong string) {
	field, value, ok := c.field(words)
	switch {
	case !ok:
		return "I do not understand. Write a number and the new value, such as “1 …”; “ok” when all is right, “cancel” to leave it as it is."
	case field.Type.Secret():
		// What is written here stays in the archives of servers and clients.
		return "I do not take passwords in chat, where archives keep them. Use the command in your client, and consider deleting that message."
	}
	vs, wrong := chatValue(field, value)
	if wrong == "" {
		c.changes[field.Name] = vs
	}
	return wrong
}

// field finds the field that an answer is for: by number, by name with a space or an equals sign behind it, or the only one there is.
func (c *chatForm) field(words []string) (field transports.Field, value string, ok bool) {
	name, rest, equals := strings.Cut(strings.Join(words, " "), "=")
	if !equals || strings.Contains(name, " ") {
		name, rest = words[0], strings.Join(words[1:], " ")
	}
	if n, err := strconv.Atoi(name); err == nil && 1 <= n && n <= len(c.form.Fields) && (rest != "" || len(c.form.Fields) > 1) {
		return c.form.Fields[n-1], rest, true
	}
	for _, f := range c.form.Fields {
		if strings.EqualFold(f.Name, name) {
			return f, rest, true
		}
	}
	if len(c.form.Fields) == 1 {
		return c.form.Fields[0], strings.Join(words, " "), true
	}
	return transports.Field{}, "", false
}

// chatValue reads a value as people write it. What is wrong with it is a text of the catalogue.
func chatValue(field transports.Field, value string) (vs []string, wrong string) {
	value = strings.TrimSpace(value)
	if value == "-" {
		value = "" // the way to clear a field
	}
	choice := func(v string) (string, bool) {
		v = strings.TrimSpace(v)
		if n, err := strconv.Atoi(v); err == nil && 1 <= n && n <= len(field.Options) {
			return field.Options[n-1].Value, true
		}
		i := slices.IndexFunc(field.Options, func(o transports.Option) bool {
			return strings.EqualFold(o.Value, v) || strings.EqualFold(o.Label, v)
		})
		if i < 0 {
			return "", false
		}
		return field.Options[i].Value, true
	}
	switch field.Type {
	case transports.FieldBool:
		if _, ok := transports.ParseBool(value); !ok {
			return nil, "This is yes or no."
		}
	case transports.FieldChoice:
		v, ok := choice(value)
		if !ok {
			return nil, "This is not one of the choices."
		}
		return []string{v}, ""
	case transports.FieldChoices:
		for part := range strings.SplitSeq(value, ",") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			v, ok := choice(part)
			if !ok {
				return nil, "This is not one of the choices."
			}
			vs = append(vs, v)
		}
		return vs, ""
	case transports.FieldLines:
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				vs = append(vs, part)
			}
		}
		return vs, ""
	}
	return []string{value}, ""
}
