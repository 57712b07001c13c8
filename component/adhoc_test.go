package component

import (
	"context"
	"slices"
	"strings"
	"testing"

	"passerelle/component/stanza"
	"passerelle/transports"
)

const execute = `<command xmlns='http://jabber.org/protocol/commands' node='configure' action='execute'/>`

// XEP-0050 with XEP-0004: list, describe, execute, submit, correct, cancel.
func TestAdHocCommand(t *testing.T) {
	t.Parallel()
	ran := make(chan transports.Call, 1)
	w := newWorld(t, func(o *Options) { o.Transport.(*scripted).commands = []transports.Command{configureForTest(ran)} }).connected()
	alice := w.client("alice@localhost/phone")
	const network = "irc.example@irc.localhost"
	alice.ask(`<iq type='get' id='l' to='`+network+`'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/></iq>`,
		`<iq type='result' id='l'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'><item jid='`+network+`' node='configure' name='Settings'/></query></iq>`)
	alice.ask(`<iq type='get' id='i' to='`+network+`'><query xmlns='http://jabber.org/protocol/disco#info' node='configure'/></iq>`,
		`<iq type='result' id='i'><query xmlns='http://jabber.org/protocol/disco#info' node='configure'><identity category='automation' type='command-node' name='Settings'/><feature var='http://jabber.org/protocol/commands'/><feature var='jabber:x:data'/></query></iq>`)
	submit := func(fields string) string {
		return `<iq type='set' id='s' to='` + network + `'><command xmlns='http://jabber.org/protocol/commands' node='configure' sessionid='` +
			alice.vars["id"] + `' action='complete'><x xmlns='jabber:x:data' type='submit'>` + fields + `</x></command></iq>`
	}
	field := func(name, value string) string {
		return `<field var='` + name + `'><value>` + value + `</value></field>`
	}
	// What is wrong is said at the form, which shows what was filled in.
	wrong := func(text, fields string) string {
		return `<iq type='result' id='s'><command xmlns='http://jabber.org/protocol/commands' status='executing' sessionid='` + alice.vars["id"] + `'>
			<x xmlns='jabber:x:data' type='form'>` + fields + `</x><note type='error'>` + text + `</note></command></iq>`
	}
	alice.ask(`<iq type='set' id='x' to='`+network+`'>`+execute+`</iq>`,
		`<iq type='result' id='x' from='`+network+`'><command xmlns='http://jabber.org/protocol/commands' node='configure' sessionid='{id}' status='executing'>
		<actions execute='complete'><complete/></actions>
		<x xmlns='jabber:x:data' type='form'><title>Your settings</title>
		<field var='nick' type='text-single' label='Nick'><required/><value>alice</value></field>
		<field var='colour' type='list-single' label='Colour'><value>blue</value><option label='Red'><value>red</value></option><option label='Blue'><value>blue</value></option></field>
		<field var='away' type='boolean' label='Away'><value>false</value></field>
		<field var='pass' type='text-private' label='Password'/></x></command></iq>`)
	alice.ask(submit(field("nick", "")), wrong("Nick: This is needed.", `<field var='nick'><desc>Nick: This is needed.</desc></field>`))
	alice.ask(submit(field("nick", "ally")+field("colour", "mauve")+field("away", "perhaps")),
		wrong("Away: This is yes or no.", `<field var='nick'><value>ally</value></field>
			<field var='colour'><desc>Colour: This is not one of the choices.</desc><value>blue</value></field>
			<field var='away'><desc>Away: This is yes or no.</desc><value>false</value></field>`))
	// A password that was written is kept, though it is not shown; so the last submission need not have it again.
	alice.ask(submit(field("nick", "two words")+field("pass", "hunter2")),
		wrong("A nick is one word.", `<field var='nick'><value>two words</value></field><field var='pass'/>`))
	alice.ask(submit(field("nick", "ally")+field("pass", "")+field("unheard", "of")),
		`<iq type='result' id='s'><command xmlns='http://jabber.org/protocol/commands' status='completed'><note type='info'>Saved.</note></command></iq>`)
	if c := <-ran; c.Values.Get("nick") != "ally" || c.Values.Get("pass") != "hunter2" || c.Values.Get("colour") != "blue" || c.Values["unheard"] != nil {
		t.Errorf("the command ran with %+v", c.Values)
	}
	alice.ask(submit(field("nick", "late")), `<iq type='error' id='s'><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><session-expired xmlns='http://jabber.org/protocol/commands'/></error></iq>`)
	alice.ask(`<iq type='set' id='x' to='`+network+`'><command xmlns='http://jabber.org/protocol/commands' node='unheard-of'/></iq>`,
		`<iq type='error' id='x'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
}

// A command of several pages, forward and back, and one for administrators.
func TestAdHocPagesAndAdmins(t *testing.T) {
	t.Parallel()
	ran := make(chan transports.Values, 1)
	commands := []transports.Command{
		{
			Name: "wizard", Title: "Wizard",
			Next: func(_ context.Context, c transports.Call) (*transports.Form, error) {
				switch {
				case c.Values == nil:
					return &transports.Form{Title: "One", Fields: []transports.Field{{Name: "first", Label: "First"}}}, nil
				case c.Values["second"] == nil:
					return &transports.Form{Title: "Two of " + c.Values.Get("first"), Fields: []transports.Field{{Name: "second", Label: "Second", Required: true}}}, nil
				}
				return nil, nil
			},
			Run: func(_ context.Context, c transports.Call) (string, error) { ran <- c.Values; return "Done.", nil },
		},
		{Name: "halt", Title: "Halt", Admin: true, Run: func(context.Context, transports.Call) (string, error) { return "Halted.", nil }},
	}
	w := newWorld(t, func(o *Options) {
		o.Transport.(*scripted).commands = commands
		o.Admins = []string{"root@localhost"}
	}).connected()
	alice, root := w.client("alice@localhost/phone"), w.client("root@localhost/desk")
	step := func(action, fields, pattern string) {
		t.Helper()
		alice.ask(`<iq type='set' id='s' to='irc.localhost'><command xmlns='http://jabber.org/protocol/commands' node='wizard' sessionid='`+alice.vars["id"]+`' action='`+action+`'>
			<x xmlns='jabber:x:data' type='submit'>`+fields+`</x></command></iq>`, `<iq type='result' id='s'><command xmlns='http://jabber.org/protocol/commands' `+pattern+`</command></iq>`)
	}
	alice.ask(`<iq type='set' id='x' to='irc.localhost'><command xmlns='http://jabber.org/protocol/commands' node='wizard'/></iq>`,
		`<iq type='result' id='x'><command xmlns='http://jabber.org/protocol/commands' sessionid='{id}' status='executing'><x xmlns='jabber:x:data'><title>One</title></x></command></iq>`)
	step("next", `<field var='first'><value>a</value></field>`, `status='executing'><actions><prev/></actions><x xmlns='jabber:x:data'><title>Two of a</title></x>`)
	step("prev", ``, `status='executing'><x xmlns='jabber:x:data'><title>One</title></x>`)
	step("execute", `<field var='first'><value>b</value></field>`, `status='executing'><x xmlns='jabber:x:data'><title>Two of b</title></x>`)
	step("complete", `<field var='second'><value>c</value></field>`, `status='completed'><note>Done.</note>`)
	if v := <-ran; v.Get("first") != "b" || v.Get("second") != "c" {
		t.Errorf("ran with %v", v)
	}
	halt := `<iq type='set' id='h' to='irc.localhost'><command xmlns='http://jabber.org/protocol/commands' node='halt'/></iq>`
	alice.ask(halt, `<iq type='error' id='h'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	alice.ask(`<iq type='get' id='i' to='irc.localhost'><query xmlns='http://jabber.org/protocol/disco#info' node='halt'/></iq>`,
		`<iq type='error' id='i'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	root.ask(halt, `<iq type='result' id='h'><command xmlns='http://jabber.org/protocol/commands' status='completed'><note>Halted.</note></command></iq>`)
	list := `<iq type='get' id='l' to='irc.localhost'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/></iq>`
	alice.ask(list, `<iq type='result' id='l'><query xmlns='http://jabber.org/protocol/disco#items'><item node='wizard'/></query></iq>`)
	root.ask(list, `<iq type='result' id='l'><query xmlns='http://jabber.org/protocol/disco#items'><item node='wizard'/><item node='halt'/></query></iq>`)
	alice.ask(`<message type='chat' to='help@irc.localhost'><body>halt</body></message>`, `<message type='chat'><body>This command is for administrators.</body></message>`)
}

// A secret of several lines is taken by form, never shown, and never taken in chat.
func TestSecretLines(t *testing.T) {
	t.Parallel()
	ran := make(chan transports.Values, 1)
	command := transports.Command{
		Name: "seal", Title: "Seal",
		Next: func(_ context.Context, c transports.Call) (*transports.Form, error) {
			if c.Values != nil {
				return nil, nil
			}
			return &transports.Form{Title: "Seal", Fields: []transports.Field{
				{Name: "key", Label: "Key", Type: transports.FieldSecretLines, Values: []string{"present"}},
				{Name: "word", Label: "Word"},
			}}, nil
		},
		Run: func(_ context.Context, c transports.Call) (string, error) { ran <- c.Values; return "Done.", nil },
	}
	w := newWorld(t, func(o *Options) { o.Transport.(*scripted).commands = []transports.Command{command} }).connected()
	alice := w.client("alice@localhost/phone")
	alice.ask(`<iq type='set' id='x' to='irc.localhost'><command xmlns='http://jabber.org/protocol/commands' node='seal'/></iq>`,
		`<iq type='result' id='x'><command xmlns='http://jabber.org/protocol/commands' sessionid='{id}' status='executing'>
		<actions execute='complete'><complete/></actions><x xmlns='jabber:x:data' type='form'><title>Seal</title>
		<field var='key' type='text-multi' label='Key'></field><field var='word' type='text-single' label='Word'/></x></command></iq>`)
	alice.ask(`<iq type='set' id='s' to='irc.localhost'><command xmlns='http://jabber.org/protocol/commands' node='seal' sessionid='`+alice.vars["id"]+`' action='complete'>
		<x xmlns='jabber:x:data' type='submit'><field var='key'><value>one</value><value>two
three</value></field></x></command></iq>`,
		`<iq type='result' id='s'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>`)
	if got := (<-ran)["key"]; !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("got %q", got)
	}
	var b stanza.Builder
	f, err := command.Next(t.Context(), transports.Call{})
	if err != nil {
		t.Fatal(err)
	}
	if appendForm(&b, "", "", f); strings.Contains(string(b.Bytes()), "present") {
		t.Errorf("the form shows the secret: %s", b.Bytes())
	}
	chat := func(said, answer string) {
		t.Helper()
		alice.ask(`<message type='chat' to='help@irc.localhost'><body>`+said+`</body></message>`, `<message type='chat'><body>`+answer+`</body></message>`)
	}
	chat("seal", "Seal*1 Key: (not in chat*2 Word*")
	chat("key hunter2", "I do not take passwords in chat*")
}

// Somebody who asks faster than the database answers is refused, and nothing grows without bound.
func TestTooMuchAwaited(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	w := newWorld(t, func(o *Options) {
		o.Transport.(*scripted).commands = []transports.Command{{
			Name: "wait", Title: "Wait",
			Run: func(context.Context, transports.Call) (string, error) { <-release; return "Done.", nil },
		}}
	}).connected()
	alice := w.client("alice@localhost/phone")
	for range maxAwaited + 1 {
		alice.send(`<iq type='set' id='x' to='irc.localhost'><command xmlns='http://jabber.org/protocol/commands' node='wait'/></iq>`)
	}
	alice.expect(`<iq type='error' id='x'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	alice.ask(`<message type='chat' to='help@irc.localhost'><body>wait</body></message>`, `<message type='chat'><body>Too much of yours*</body></message>`)
	alice.alive()
	close(release)
	for range maxAwaited {
		alice.expect(`<iq type='result' id='x'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>`)
	}
}
