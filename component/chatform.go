package component

import (
	"slices"
	"strconv"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// chatForm is a command that a user fills in by chat, or a table whose pages he turns. There is one at a time for each of the JIDs
// that he writes to.
type chatForm struct {
	x       *execution
	form    *transports.Form  // nil for a table
	changes transports.Values // what he answered on this page
	from    int               // the first of the lines of the page that is shown
	link    bool              // what is secret can be filled in by a link
}

// chatFields is how many lines between title and instructions are shown at a time.
const chatFields = chatLines - 2

// chatOptions is how many values of a choice are shown.
const chatOptions = 20

// chat remembers that the user is filling in a page.
func (u *user) chat(s said, x *execution, f *transports.Form) *chatForm {
	if u.chats == nil {
		u.chats = make(map[transports.Address]*chatForm)
	}
	for to, c := range u.chats {
		if c.x.ended { // without a word here
			delete(u.chats, to)
		}
	}
	c := u.chats[s.to]
	if c == nil || c.x != x || c.form != f {
		if c != nil && c.x != x && u.asks[s.to].list != c.x { // to a list he may come back
			u.end(c.x)
		}
		c = &chatForm{x: x, form: f, changes: transports.Values{}, link: f != nil && u.g.canLink(x, f)}
		u.chats[s.to] = c
	}
	return c
}

// lines are what a page has between its title and what to do with it.
func (c *chatForm) lines(lang string) []string {
	var lines []string
	if c.form.Instructions != "" {
		lines = append(lines, text.Say(lang, c.form.Instructions))
	}
	if c.isChoice() {
		return append(lines, optionLines(lang, c.form.Fields[0])...) // title and instructions say what for
	}
	for i := range c.form.Fields {
		if len(lines) > 0 && len(c.form.Fields) == 1 && len(c.form.Fields[i].Values) == 0 {
			break // what is asked for is said, and there is nothing yet
		}
		lines = append(lines, c.fieldLine(lang, i))
	}
	return lines
}

// optionLines are the numbered values of a choice.
func optionLines(lang string, field transports.Field) []string {
	var lines []string
	for i, o := range field.Options {
		if i == chatOptions {
			return append(lines, "…") // the others are chosen by their names
		}
		lines = append(lines, strconv.Itoa(i+1)+" "+text.Say(lang, o.Label))
	}
	return lines
}

// turn goes on to the lines behind those that are shown, or to the first ones.
func (c *chatForm) turn(lang string, on bool) {
	c.from += chatFields
	if !on || c.from >= len(c.lines(lang)) {
		c.from = 0
	}
}

// showPage writes a page as numbered lines.
func (u *user) showPage(s said, c *chatForm) string {
	title := u.g.titleOf(s.lang, c.x, c.form)
	lines := c.lines(s.lang)
	end := min(c.from+chatFields, len(lines))
	shown := append([]string{title}, lines[c.from:end]...)
	how := c.howTo(s.lang)
	if end < len(lines) {
		how = text.Say(s.lang, "“more” shows the rest.") + " " + how
	}
	return strings.Join(append(shown, how), "\n")
}

// titleOf is what a page is called, with the network that it is about.
func (g *Gateway) titleOf(lang string, x *execution, f *transports.Form) string {
	title := text.Say(lang, f.Title)
	if network := x.call.On.Network; network != "" {
		title += " (" + g.networkName(network) + ")"
	}
	return title
}

// needsSecret reports whether a page cannot do without what is not taken in chat.
func (c *chatForm) needsSecret() bool {
	return c.form != nil && slices.ContainsFunc(c.form.Fields, func(f transports.Field) bool { return f.Type.Secret() && f.Required })
}

// isQuestion reports whether a page asks for a yes or no and for nothing else.
func (c *chatForm) isQuestion() bool {
	return len(c.form.Fields) == 1 && c.form.Fields[0].Type == transports.FieldBool
}

// isChoice reports whether a page asks for one or some of several values and for nothing else.
func (c *chatForm) isChoice() bool {
	return len(c.form.Fields) == 1 && len(c.form.Fields[0].Options) > 0
}

// howTo says how to answer a page.
func (c *chatForm) howTo(lang string) string {
	switch {
	case c.isQuestion():
		return text.Say(lang, "Write “yes” or “no”.")
	case c.isChoice():
		return c.howToChoose(lang)
	case len(c.form.Fields) == 1 && !c.form.Fields[0].Type.Secret() && !c.form.Fields[0].Required:
		return text.Say(lang, "Write the value, “ok” without one, or “cancel”.")
	case len(c.form.Fields) == 1 && !c.form.Fields[0].Type.Secret() && c.form.Instructions != "":
		return text.Say(lang, "Or write “cancel”.") // what to write was said
	case len(c.form.Fields) == 1 && !c.form.Fields[0].Type.Secret():
		return text.Say(lang, "Write the value, or “cancel”.")
	case len(c.form.Fields) == 0:
		return text.Say(lang, "Write “ok” or “cancel”.")
	}
	return text.Say(lang, "Write a number and the new value, such as “1 …”; “ok” when all is right, “cancel” to leave it as it is.")
}

// howToChoose says how to answer a choice, and which of its values are taken as they are.
func (c *chatForm) howToChoose(lang string) string {
	field := c.form.Fields[0]
	if field.Type == transports.FieldChoices {
		return text.Say(lang, "Write a number, or several with commas between them; or “cancel”.")
	}
	if len(field.Values) == 1 {
		if i := slices.IndexFunc(field.Options, func(o transports.Option) bool { return o.Value == field.Values[0] }); i >= 0 {
			return text.Say(lang, "Write a number (“ok” is %d), or “cancel”.", i+1)
		}
	}
	return text.Say(lang, "Write a number, or “cancel”.")
}

// wrong is all that is wrong with what was filled in, as far as it fits.
func (c *chatForm) wrong(lang string, err error) string {
	var lines []string
	for _, f := range c.form.Fields {
		if f.Fault != "" && len(lines) < chatFields {
			lines = append(lines, f.Fault)
		}
	}
	if err != nil {
		lines = append(lines, transports.AsError(err).In(text.In(lang)))
	}
	return strings.Join(lines, "\n")
}

// index finds a field by its name.
func (c *chatForm) index(name string) int {
	return slices.IndexFunc(c.form.Fields, func(f transports.Field) bool { return f.Name == name })
}

// fieldLine is a field as people read it, with the value that it will have.
func (c *chatForm) fieldLine(lang string, i int) string {
	field := c.form.Fields[i]
	if c.isQuestion() {
		return text.Say(lang, field.Label) + "?"
	}
	line := text.Say(lang, "%s: %s", text.Say(lang, field.Label), c.showValue(lang, field))
	if len(c.form.Fields) > 1 {
		line = strconv.Itoa(i+1) + " " + line
	}
	return line
}

// explain says how to change one field.
func (c *chatForm) explain(lang, number string, field transports.Field) string {
	if field.Type == transports.FieldBool {
		return c.fieldLine(lang, c.index(field.Name)) + "\n" + text.Say(lang, "Write “%[1]s yes” or “%[1]s no”.", number)
	}
	if len(field.Options) == 0 {
		return c.fieldLine(lang, c.index(field.Name)) + "\n" + text.Say(lang, "Write “%[1]s …” to change it, “%[1]s -” to clear it.", number)
	}
	how := text.Say(lang, "%s: write “%s” and one of these numbers.", text.Say(lang, field.Label), number)
	return strings.Join(append([]string{how}, optionLines(lang, field)...), "\n")
}

// showValue is a value as people read it.
func (c *chatForm) showValue(lang string, field transports.Field) string {
	const longest = 200 // characters
	vs, changed := c.changes[field.Name]
	if !changed {
		vs = field.Values
	}
	switch {
	case field.Type.Secret() && c.link:
		return text.Say(lang, "(not in chat: write “link” for a page)")
	case field.Type.Secret():
		return text.Say(lang, "(not in chat)")
	case field.Type == transports.FieldBool:
		return yesNo(lang, transports.Values{"v": vs}.Bool("v"))
	case len(vs) == 0 || len(vs) == 1 && vs[0] == "":
		return text.Say(lang, "(not set)")
	}
	shown := make([]string, len(vs))
	for i, v := range vs {
		shown[i] = v
		if j := slices.IndexFunc(field.Options, func(o transports.Option) bool { return o.Value == v }); j >= 0 {
			shown[i] = text.Say(lang, field.Options[j].Label)
		}
	}
	return clip(strings.Join(shown, ", "), longest)
}

// What is said to who writes a password, which stays in the archives of servers and clients.
const secretInChat = "I do not take passwords in chat, where archives keep them. Consider deleting that message."

// take notes an answer. What is wrong with it is a text of the catalogue.
func (c *chatForm) take(words []string) (wrong string) {
	field, value, ok := c.field(words)
	switch {
	case !ok && (hasSecret(c.form) && namesPassword(words) || c.needsSecret()): // nothing else is to be said here
		return secretInChat
	case !ok:
		return "I do not understand. Write a number and the new value, such as “1 …”; “ok” when all is right, “cancel” to leave it as it is."
	case field.Type.Secret():
		return secretInChat
	}
	vs, wrong := chatValue(field, value)
	if wrong == "" && field.Tells(vs) {
		return secretInChat
	}
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
	choice := func(v string) string {
		if n, err := strconv.Atoi(v); err == nil && 1 <= n && n <= len(field.Options) {
			return field.Options[n-1].Value
		}
		for _, o := range field.Options {
			if strings.EqualFold(o.Value, v) || strings.EqualFold(o.Label, v) {
				return o.Value
			}
		}
		return v
	}
	switch field.Type {
	case transports.FieldChoice, transports.FieldChoices:
		parts := []string{value}
		if field.Type == transports.FieldChoices {
			parts = splitList(value)
		}
		for _, part := range parts {
			vs = append(vs, choice(part))
		}
		return checkField(&field, vs)
	case transports.FieldLines:
		return splitList(value), ""
	}
	return checkField(&field, []string{value})
}

// splitList reads a list as people write it in one line: between commas or, so that there may be commas in it, semicolons.
func splitList(s string) []string {
	separator := ","
	if strings.Contains(s, ";") {
		separator = ";"
	}
	var out []string
	for part := range strings.SplitSeq(s, separator) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
