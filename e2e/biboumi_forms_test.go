package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
)

// commandNS and formNS are the namespaces of commands and forms.
const (
	commandNS = "http://jabber.org/protocol/commands"
	formNS    = "jabber:x:data"
)

// form asks for the form of "configure" of a JID, and gives it with the session.
func (r *runner) form(t *testing.T, jid string) (fields []*xmpptest.Element, session string) {
	t.Helper()
	e := r.askIQ(t, "<iq type='set' id='form' to='"+jid+"'><command xmlns='"+commandNS+"' node='configure' action='execute'/></iq>")
	command := e.Child(commandNS, "command")
	if command == nil || command.Child(formNS, "x") == nil {
		t.Fatalf("no form of %s: %s", jid, e)
	}
	for _, f := range command.Child(formNS, "x").Elements() {
		if f.Name.Local == "field" {
			fields = append(fields, f)
		}
	}
	return fields, command.Get("sessionid")
}

// askIQ sends a request of alice's and gives the answer.
func (r *runner) askIQ(t *testing.T, request string) *xmpptest.Element {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stepTime)
	defer cancel()
	a := r.xmpp["alice"]
	if err := a.client.Send(ctx, request); err != nil {
		t.Fatal(err)
	}
	for {
		e, err := a.receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if e.Name.Local == "iq" && (e.Get("type") == "result" || e.Get("type") == "error") {
			return e
		}
	}
}

// submitted are fields as a client sends them back that saved the form, with other values for some.
func submitted(fields []*xmpptest.Element, other map[string]string) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString("<field var='" + f.Get("var") + "'>")
		if value, ok := other[f.Get("var")]; ok {
			b.WriteString("<value>" + quoteXML(value) + "</value>")
		} else {
			for _, v := range f.Elements() {
				if v.Name.Local == "value" {
					b.WriteString("<value>" + quoteXML(v.Text()) + "</value>")
				}
			}
		}
		b.WriteString("</field>")
	}
	return b.String()
}

// TestBiboumiForms: each field of biboumi's forms is in ours, under its name and with its type, and a form that was saved with biboumi,
// filled in or as it is, is taken.
func TestBiboumiForms(t *testing.T) {
	t.Parallel()
	program := build(t)
	s := xmppServer(t, "prosody", false)
	n := realtest.Ngircd(t, realservers.NgircdOptions{Name: networkName})
	s.irc, s.ircAddr = n, n.Addr
	r := newRunner(t, s, newGateway(t, program, s))
	b := realtest.Biboumi(t, realservers.BiboumiOptions{
		Dir: t.TempDir(), Component: realservers.Component{Domain: gatewayDomain, Secret: gatewaySecret}, ComponentAddr: s.componentAddr,
	})
	r.playScript(t, "xmpp alice\n")
	// Of a channel it was yes or no, where ours may be left to the network or the gateway as well. A boolean is taken all the same.
	otherType := map[string]string{"#go%irc.example.org@" + gatewayDomain + " persistent": "list-single"}
	filledIn := map[string]map[string]string{
		gatewayDomain:                          {"max_history_length": "40", "record_history": "false", "persistent": "1"},
		"irc.example.org@" + gatewayDomain:     {"nick": "al", "username": "al", "realname": "Al L", "sasl_password": "sesame", "pass": "letmein", "throttle_limit": "12", "encoding_in": "ISO-8859-15", "after_connect_commands": "MODE al +i", "fingerprint": strings.Repeat("AB:", 19) + "AB", "max_history_length": "10"},
		"#go%irc.example.org@" + gatewayDomain: {"encoding_in": "KOI8-R", "encoding_out": "KOI8-R", "persistent": "1", "record_history": "false"},
	}
	theirs := make(map[string][]*xmpptest.Element)
	for jid := range filledIn {
		theirs[jid], _ = r.form(t, jid)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := r.gateway.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.playScript(t, "xmpp alice\n")
	for jid, fields := range theirs {
		ours, _ := r.form(t, jid)
		for _, f := range fields {
			name, want := f.Get("var"), f.Get("type")
			if other := otherType[jid+" "+name]; other != "" {
				want = other
			}
			i := slices.IndexFunc(ours, func(f *xmpptest.Element) bool { return f.Get("var") == name })
			switch {
			case i < 0:
				t.Errorf("%s has no field %s", jid, name)
			case ours[i].Get("type") != want || ours[i].Get("label") == "":
				t.Errorf("%s: the field %s is %s, want %s: %s", jid, name, ours[i].Get("type"), want, ours[i])
			}
		}
		for i, what := range []string{"as it is", "filled in"} {
			other := []map[string]string{nil, filledIn[jid]}[i]
			_, session := r.form(t, jid)
			e := r.askIQ(t, fmt.Sprintf("<iq type='set' id='submit' to='%s'><command xmlns='%s' node='configure' sessionid='%s' action='next'><x xmlns='%s' type='submit'>%s</x></command></iq>",
				jid, commandNS, session, formNS, submitted(fields, other)))
			if command := e.Child(commandNS, "command"); command == nil || command.Get("status") != "completed" {
				t.Errorf("%s: a form saved with biboumi, %s, is not taken: %s", jid, what, e)
			}
		}
		ours, _ = r.form(t, jid)
		for name, want := range filledIn[jid] {
			i := slices.IndexFunc(ours, func(f *xmpptest.Element) bool { return f.Get("var") == name })
			if i < 0 {
				continue // said above
			}
			if want == "1" {
				want = "true"
			}
			got := ""
			if v := ours[i].Child(formNS, "value"); v != nil {
				got = v.Text()
			}
			if secret := ours[i].Get("type") == "text-private"; secret && got != "" || !secret && got != want {
				t.Errorf("%s: %s is %q, want %q", jid, name, got, want)
			}
		}
	}
}
