package component

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"passerelle/transports"
)

// botAddress is the JID of the help bot.
func (g *Gateway) botAddress() transports.Address {
	return transports.Address{Local: botLocal, Domain: g.domain.Domain}
}

// chat answers a message with text, from the JID that was written to and in the thread that it was written in.
func (u *user) chat(in *inbound, text string) {
	b := u.out.Stanzas.Start("message").JID("from", in.to.Bare()).JID("to", in.from).Attr("type", "chat").Attr("id", newID())
	b.Start("body").Text(text).End()
	if thread := in.root().Child("", "thread").Text(); thread != "" {
		b.Start("thread").Text(thread).End() // RFC 6121 §5.2.5
	}
	b.End()
}

// bot answers what somebody wrote to the help bot or to the domain. It is forgiving: case, a leading slash or exclamation mark and
// the wording around the first word do not matter, and whatever it does not understand is answered with help.
func (u *user) bot(in *inbound, body string) string {
	words := strings.Fields(strings.TrimLeft(strings.TrimSpace(body), "/!"))
	if len(words) == 0 {
		return u.help()
	}
	switch strings.ToLower(words[0]) {
	case "status", "rooms", "networks":
		return u.status()
	case "version":
		return "passerelle " + u.g.opt.Version
	}
	for _, c := range u.g.opt.Transport.Commands() {
		if strings.EqualFold(words[0], c.Name) {
			return u.runCommand(c, words[1:])
		}
	}
	return u.help()
}

// help says what one can do here.
func (u *user) help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "This is %s at %s.\n", u.g.about.Name, u.g.opt.Domain)
	for _, h := range u.g.about.Hints {
		b.WriteString(strings.ReplaceAll(h, "DOMAIN", u.g.opt.Domain))
		b.WriteByte('\n')
	}
	names := []string{"status", "version"}
	for _, c := range u.g.opt.Transport.Commands() {
		names = append(names, c.Name)
	}
	b.WriteString("Words that I know: help, " + strings.Join(names, ", ") + ".")
	return b.String()
}

// status says where the user is connected.
func (u *user) status() string {
	if len(u.networks) == 0 {
		return "You are connected to no network. Joining a room connects you."
	}
	var lines []string
	for _, n := range u.networks {
		var rooms []string
		for _, r := range n.rooms {
			room := r.Target().ID + ", not entered yet"
			if r.Nick() != "" {
				room = r.Target().ID + " as " + r.Nick()
			}
			rooms = append(rooms, room)
		}
		sort.Strings(rooms)
		lines = append(lines, n.id+": "+strings.Join(rooms, "; "))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// runCommand runs a command of the transport from words in chat: the network that it is for, then name=value for each field that
// is to change. Without values it shows the present ones.
func (u *user) runCommand(c transports.Command, args []string) string {
	on := transports.Target{}
	if slices.Contains(c.For, transports.TargetNetwork) {
		if len(args) == 0 {
			return fmt.Sprintf("Write “%s NETWORK”, for instance “%s %s”.", c.Name, c.Name, u.exampleNetwork())
		}
		t, err := u.g.opt.Transport.Parse(args[0])
		if err != nil || t.Kind != transports.TargetNetwork {
			return quote(args[0]) + " is not the name of a network."
		}
		on, args = t, args[1:]
	}
	ctx := context.WithoutCancel(u.ctx)
	form := transports.Form{}
	if c.Form != nil {
		var err error
		if form, err = c.Form(ctx, u.jid, on); err != nil {
			return u.commandFailed(err)
		}
	}
	if len(args) == 0 && len(form.Fields) > 0 {
		return showForm(c, on, form)
	}
	values := make(map[string]string)
	for _, f := range form.Fields {
		if f.Type != transports.FieldSecret {
			values[f.Name] = f.Value
		}
	}
	last := "" // the field that was named last
	for _, a := range args {
		name, value, ok := strings.Cut(a, "=")
		i := slices.IndexFunc(form.Fields, func(f transports.Field) bool { return strings.EqualFold(f.Name, name) })
		switch {
		case !ok && last != "":
			values[last] += " " + a
			continue
		case !ok || i < 0:
			return "I do not understand " + quote(a) + ".\n" + showForm(c, on, form)
		case form.Fields[i].Type == transports.FieldSecret:
			// What is written here stays in the archives of servers and clients.
			return "I do not take passwords in chat, where archives keep them. Consider deleting that message."
		}
		last = form.Fields[i].Name
		values[last] = value
	}
	text, err := c.Run(ctx, u.jid, on, values)
	if err != nil {
		return u.commandFailed(err)
	}
	return text
}

// quote repeats a word that was not understood, or its beginning.
func quote(word string) string {
	const most = 60 // characters
	if r := []rune(word); len(r) > most {
		word = string(r[:most]) + "…"
	}
	return "“" + word + "”"
}

// showForm shows the present values and how to change them.
func showForm(c transports.Command, on transports.Target, form transports.Form) string {
	var b strings.Builder
	b.WriteString(form.Title)
	for _, f := range form.Fields {
		if f.Type == transports.FieldSecret {
			continue
		}
		value := f.Value
		if value == "" {
			value = "(not set)"
		}
		fmt.Fprintf(&b, "\n%s (%s): %s", f.Label, f.Name, value)
	}
	fmt.Fprintf(&b, "\nTo change one, write “%s”.", strings.Join(strings.Fields(c.Name+" "+on.Network+" NAME=VALUE"), " "))
	return b.String()
}

func (u *user) commandFailed(err error) string {
	if e, ok := errors.AsType[*transports.Error](err); ok && e.Text != "" {
		return e.Text
	}
	u.g.log.Error("a command failed", u.logID(), "error", err)
	return "That did not work: something went wrong in the gateway. Its operator finds it in the log."
}

func (u *user) exampleNetwork() string {
	if len(u.g.about.Networks) > 0 {
		return u.g.about.Networks[0].ID
	}
	return "irc.libera.chat"
}
