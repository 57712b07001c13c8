package component

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"passerelle/transports"
)

// exec is a step of a command in XEP-0050.
func exec(to, node, session, action, payload string) string {
	attrs := ""
	if session != "" {
		attrs += " sessionid='" + session + "'"
	}
	if action != "" {
		attrs += " action='" + action + "'"
	}
	return `<iq type='set' id='x' to='` + to + `'><command xmlns='http://jabber.org/protocol/commands' node='` + node + `'` + attrs + `>` + payload + `</command></iq>`
}

// answered is the pattern of an answer to exec; attrs and content are of the command.
func answered(attrs, content string) string {
	return `<iq type='result' id='x'><command xmlns='http://jabber.org/protocol/commands' ` + attrs + `>` + content + `</command></iq>`
}

func refusedStep(typ, general, condition string) string {
	return `<iq type='error' id='x'><error type='` + typ + `'><` + general + ` xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><` +
		condition + ` xmlns='http://jabber.org/protocol/commands'/></error></iq>`
}

// XEP-0050 §4.4: what a step can be refused for, and whose session it is (§3.3).
func TestCommandRefusals(t *testing.T) {
	t.Parallel()
	wizard := transports.Command{
		Name: "wizard", Title: "Wizard",
		Next: func(_ context.Context, c transports.Call) (*transports.Form, error) {
			if c.Values == nil {
				return &transports.Form{Title: "One", More: true, Fields: []transports.Field{{Name: "first", Label: "First"}}}, nil
			}
			return nil, nil
		},
		Run: func(context.Context, transports.Call) (string, error) { return "Done.", nil },
	}
	w := newWorld(t, func(o *Options) { o.Transport.(*scripted).commands = []transports.Command{wizard} }).connected()
	alice, phone := w.client("alice@localhost/desk"), w.client("alice@localhost/phone")
	begin := func() string {
		t.Helper()
		delete(alice.vars, "id")
		alice.ask(exec("irc.localhost", "wizard", "", "", ""), answered(`status='executing' sessionid='{id}'`, `<actions execute='next'><next/></actions>`))
		return alice.vars["id"]
	}
	id := begin()
	badSession := refusedStep("modify", "bad-request", "bad-sessionid")
	for name, step := range map[string]struct{ stanza, want string }{
		"an unknown action":     {exec("irc.localhost", "wizard", id, "destroy", ""), refusedStep("modify", "bad-request", "malformed-action")},
		"back from the first":   {exec("irc.localhost", "wizard", id, "prev", ""), refusedStep("modify", "bad-request", "bad-action")},
		"another node":          {exec("irc.localhost", "status", id, "next", ""), badSession},
		"on another JID":        {exec("irc.example@irc.localhost", "wizard", id, "next", ""), badSession},
		"without a session":     {exec("irc.localhost", "wizard", "", "complete", ""), badSession},
		"a session of nobody's": {exec("irc.localhost", "wizard", "no such", "next", ""), badSession},
	} {
		alice.send(step.stanza)
		if _, err := alice.match(step.want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	phone.ask(exec("irc.localhost", "wizard", id, "next", ""), badSession)
	alice.ask(exec("irc.localhost", "wizard", id, "cancel", ""), answered(`status='canceled'`, ``))
	expired := refusedStep("cancel", "not-allowed", "session-expired")
	alice.ask(exec("irc.localhost", "wizard", id, "next", ""), expired)

	// A person has no commands, and says so (XEP-0030 §3.2).
	alice.ask(`<iq type='get' id='i' to='bob%irc.example@irc.localhost'><query xmlns='http://jabber.org/protocol/disco#info' node='http://jabber.org/protocol/commands'/></iq>`,
		`<iq type='error' id='i'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)

	// A form that is given up gives the command up.
	id = begin()
	alice.ask(exec("irc.localhost", "wizard", id, "", `<x xmlns='jabber:x:data' type='cancel'/>`), answered(`status='canceled'`, ``))

	// The oldest one of too many ends.
	id = begin()
	for range maxExecutions {
		begin()
	}
	alice.ask(exec("irc.localhost", "wizard", id, "next", ""), expired)
}

// What runs and fails is complete with a note (XEP-0050 §3.6); what the gateway is to blame for is an error.
func TestCommandFails(t *testing.T) {
	t.Parallel()
	failing := func(name string, run func(context.Context, transports.Call) (string, error)) transports.Command {
		return transports.Command{Name: name, Title: name, Run: run}
	}
	w := newWorld(t, func(o *Options) {
		o.Transport.(*scripted).commands = []transports.Command{
			failing("gone", func(context.Context, transports.Call) (string, error) {
				return "", transports.NewError(transports.Gone, "It is gone.", nil)
			}),
			failing("broken", func(context.Context, transports.Call) (string, error) { return "", errScripted }),
			failing("panic", func(context.Context, transports.Call) (string, error) { panic("as the test says") }),
		}
	}).connected()
	alice := w.client("alice@localhost/desk")
	alice.ask(exec("irc.localhost", "gone", "", "", ""), answered(`status='completed'`, `<note type='error'>It is gone.</note>`))
	for _, name := range []string{"broken", "panic"} {
		alice.ask(exec("irc.localhost", name, "", "", ""), `<iq type='error' id='x'><error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
		alice.ask(`<message type='chat' to='irc.localhost'><body>`+name+`</body></message>`, `<message type='chat'><body>That did not work*</body></message>`)
	}
}

// While a step waits for the database, a second one is told to wait, and one that is cancelled does not come back.
func TestCommandBusy(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	slow := transports.Command{
		Name: "slow", Title: "Slow",
		Next: func(_ context.Context, c transports.Call) (*transports.Form, error) {
			if c.Values != nil {
				return nil, nil
			}
			return &transports.Form{Title: "Slow", Fields: []transports.Field{{Name: "a", Label: "A"}}}, nil
		},
		Run: func(context.Context, transports.Call) (string, error) { <-release; return "Done.", nil },
	}
	w := newWorld(t, func(o *Options) { o.Transport.(*scripted).commands = []transports.Command{slow} }).connected()
	alice := w.client("alice@localhost/desk")
	alice.ask(exec("irc.localhost", "slow", "", "", ""), answered(`status='executing' sessionid='{id}'`, ``))
	alice.send(strings.Replace(exec("irc.localhost", "slow", alice.vars["id"], "complete", ""), "id='x'", "id='first'", 1))
	alice.ask(exec("irc.localhost", "slow", alice.vars["id"], "complete", ""), `<iq type='error' id='x'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	alice.ask(exec("irc.localhost", "slow", alice.vars["id"], "cancel", ""), answered(`status='canceled'`, ``))
	close(release)
	alice.expect(`<iq type='error' id='first'/>`)
	alice.alive()
}

// A list of several pages, forward and back, by form and in chat.
func TestCommandList(t *testing.T) {
	t.Parallel()
	const all = 2*tableRows + 3
	letters := transports.Command{
		Name: "letters", Title: "Letters",
		List: func(_ context.Context, _ transports.Call, at transports.Page) (*transports.Table, error) {
			table := &transports.Table{Title: "Letters", Columns: []transports.Column{{Name: "n", Label: "Number"}, {Name: "s", Label: "Square"}}}
			for i := range all {
				table.Rows = append(table.Rows, transports.Row{Key: fmt.Sprintf("%03d", i), Cells: []string{fmt.Sprint(i), fmt.Sprint(i * i)}})
			}
			return table.Cut(at), nil
		},
	}
	empty := transports.Command{Name: "empty", Title: "Empty", List: func(context.Context, transports.Call, transports.Page) (*transports.Table, error) {
		return &transports.Table{Title: "Empty", Empty: "Nothing is there."}, nil
	}}
	w := newWorld(t, func(o *Options) { o.Transport.(*scripted).commands = []transports.Command{letters, empty} }).connected()
	alice := w.client("alice@localhost/desk")
	page := func(actions, first string) string {
		return answered(`status='executing' sessionid='{list}'`, `<actions execute='`+actions+`<x xmlns='jabber:x:data' type='result'><title>Letters</title>
			<reported><field var='n' type='text-single' label='Number'/><field var='s' type='text-single' label='Square'/></reported>
			<item><field var='n'><value>`+first+`</value></field></item></x>`)
	}
	alice.ask(exec("irc.localhost", "letters", "", "", ""), page(`next'><next/><complete/></actions>`, "0"))
	id := alice.vars["list"]
	badAction := refusedStep("modify", "bad-request", "bad-action")
	alice.ask(exec("irc.localhost", "letters", id, "prev", ""), badAction)
	alice.ask(exec("irc.localhost", "letters", id, "next", ""), page(`next'><prev/><next/><complete/></actions>`, "50"))
	alice.ask(exec("irc.localhost", "letters", id, "execute", ""), page(`complete'><prev/><complete/></actions>`, "102"))
	alice.ask(exec("irc.localhost", "letters", id, "next", ""), badAction)
	alice.ask(exec("irc.localhost", "letters", id, "prev", ""), page(`next'><prev/><next/><complete/></actions>`, "99"))
	alice.ask(exec("irc.localhost", "letters", id, "complete", ""), answered(`status='completed'`, `<note type='info'>That was the list.</note>`))
	alice.ask(exec("irc.localhost", "empty", "", "", ""), answered(`status='completed'`, `<note type='info'>Nothing is there.</note>`))

	say := func(body, pattern string) {
		t.Helper()
		e := alice.ask(`<message type='chat' to='help@irc.localhost'><body>`+body+`</body></message>`, `<message type='chat'><body>`+pattern+`</body></message>`)
		if lines := strings.Count(e.String(), "&#xA;") + 1; lines > chatLines {
			t.Errorf("%q is answered with %d lines", body, lines)
		}
	}
	say("letters", "1 0 (Square: 0)*5 4 (Square: 16)*Write “more” for the next ones.")
	say("more", "6 5 (Square: 25)*10 9 (Square: 81)*")
	say("back", "1 0 *")
	say("SUITE", "6 5 *")
	for range all/chatRows - 1 {
		say("more", "*")
	}
	say("more", "*Words that I know*") // the list was over
	say("letters", "1 0 *")
	say("empty", "Nothing is there.") // something else ends the list
	say("cancel", "There is nothing to cancel.")
}

// Every answer of the bot is short, whatever it is asked.
func TestChatIsShort(t *testing.T) {
	t.Parallel()
	var fields []transports.Field
	for i := range 20 {
		fields = append(fields, transports.Field{Name: fmt.Sprintf("f%d", i), Label: fmt.Sprintf("Field %d", i), Required: i > 3})
	}
	long := transports.Command{
		Name: "long", Title: "Long",
		Next: func(_ context.Context, c transports.Call) (*transports.Form, error) {
			if c.Values != nil {
				return nil, nil
			}
			return &transports.Form{Title: "Long", Instructions: "Fill in.", Fields: fields}, nil
		},
		Run: func(context.Context, transports.Call) (string, error) { return "Done.", nil },
	}
	w := newWorld(t, func(o *Options) { o.Transport.(*scripted).commands = []transports.Command{long} }).connected()
	alice := w.client("alice@localhost/desk")
	for _, body := range []string{"help", "more", "long", "more", "more", "7 seven", "back", "19", "ok", "nonsense", "help", "cancel", "long f1=a b c f2=", "annuler", "?", "aide"} {
		e := alice.ask(`<message type='chat' to='irc.localhost'><body>`+body+`</body></message>`, `<message type='chat'><body>*</body></message>`)
		if lines := strings.Count(e.String(), "&#xA;") + 1; lines > chatLines {
			t.Errorf("%q is answered with %d lines: %s", body, lines, e)
		}
	}
}

// A command may read the words behind its name itself; what is a value of its form is filled in as ever.
func TestCommandReadsWords(t *testing.T) {
	t.Parallel()
	c := transports.Command{
		Name: "redirect", Title: "Redirect",
		Next: func(_ context.Context, c transports.Call) (*transports.Form, error) {
			if c.Values != nil {
				return nil, nil
			}
			return &transports.Form{Title: "Redirect", Fields: []transports.Field{{Name: "to", Label: "To"}, {Name: "off", Label: "Off"}}}, nil
		},
		Run: func(_ context.Context, c transports.Call) (string, error) {
			return "Set to " + c.Values.Get("to") + ".", nil
		},
		Say: func(_ context.Context, c transports.Call, words []string) (string, error) {
			switch words[0] {
			case "to":
				return "Said by " + c.User.String() + ": " + strings.Join(words, " "), nil
			case "panic":
				panic("as the test says")
			}
			return "", transports.NewError(transports.BadRequest, "Not so.", nil)
		},
	}
	post := transports.Command{
		Name: "publish", Title: "Publish", Verbatim: true,
		Say: func(_ context.Context, c transports.Call, _ []string) (string, error) { return "[" + c.Said + "]", nil },
	}
	w := newWorld(t, func(o *Options) { o.Transport.(*scripted).commands = []transports.Command{c, post} }).connected()
	alice := w.client("alice@localhost/desk")
	for said, want := range map[string]string{
		"/publish a=b  two\n\nlines ": "[a=b  two\n\nlines]",
		"redirect to me@example.net":  "Said by alice@localhost: to me@example.net",
		"redirect nonsense":           "Not so.",
		"redirect panic":              "That did not work*",
		"redirect to=you":             "Set to you.",
	} {
		alice.ask(`<message type='chat' to='irc.localhost'><body>`+said+`</body></message>`, `<message type='chat'><body>`+want+`</body></message>`)
	}
	alice.ask(`<message type='chat' to='irc.localhost'><body>redirect</body></message>`, `<message type='chat'><body>Redirect*</body></message>`)
}
