package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"passerelle/e2e/client"
	"passerelle/internal/xmpptest"
)

// play is the conversation: who does what, and what the other side sees of it.
type play struct {
	out     io.Writer
	color   bool
	arrived int
}

// width is how wide a column is.
const width = 52

// line prints what one side does or sees; the XMPP side is on the left, the IRC side on the right.
func (p *play) line(right bool, mark, text, color string) {
	pad := ""
	if right {
		pad = strings.Repeat(" ", width)
	}
	if p.color && color != "" {
		mark = color + mark + "\x1b[0m"
	}
	fmt.Fprintf(p.out, "  %s%s %s\n", pad, mark, text)
}

const (
	colorDoes = "\x1b[36m"
	colorSees = "\x1b[32m"
)

func (p *play) does(right bool, text string) { p.line(right, "→", text, colorDoes) }

// sees prints what has arrived.
func (p *play) sees(right bool, text string) {
	p.arrived++
	p.line(right, "✓", text, colorSees)
}

const (
	xmppSide = false
	ircSide  = true
)

// conversation plays it all. Its error names the line that did not arrive. Who is left in the channel is called robert by then.
func (p *play) conversation(ctx context.Context, xmpp, password, irc string) (*ircActor, error) {
	title := "alice, with an XMPP client"
	fmt.Fprintf(p.out, "\n  %s%sbob, with an IRC client\n  %s%s%s\n", title, strings.Repeat(" ", width-utf8.RuneCountInString(title)),
		strings.Repeat("─", 44), strings.Repeat(" ", width-44), strings.Repeat("─", 44))
	bob, err := dialIRC(ctx, irc, "bob")
	if err != nil {
		return nil, err
	}
	if err := p.talk(ctx, xmpp, password, bob); err != nil {
		bob.close()
		return nil, err
	}
	return bob, nil
}

func (p *play) talk(ctx context.Context, xmpp, password string, bob *ircActor) error {
	c, err := client.Login(ctx, xmpp, "alice", password, "demo")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // everything was said by then
	alice := &xmppActor{c: c}

	steps := []func() error{
		func() error {
			p.does(ircSide, "joins "+channel)
			if err := bob.send("JOIN "+channel, "TOPIC "+channel+" :Two networks, one room"); err != nil {
				return err
			}
			if _, err := bob.expect(ctx, " TOPIC "); err != nil {
				return err
			}
			p.does(xmppSide, "joins "+roomJID)
			return alice.send(ctx, `<presence to='`+roomJID+`/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
		},
		func() error {
			if _, err := alice.expect(ctx, `<presence from='`+roomJID+`/bob'><x xmlns='http://jabber.org/protocol/muc#user'><item role='moderator'/></x></presence>`); err != nil {
				return err
			}
			p.sees(xmppSide, "bob is in the room, its operator")
			if _, err := alice.expect(ctx, `<presence from='`+roomJID+`/alice'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>`); err != nil {
				return err
			}
			p.sees(xmppSide, "she is in herself")
			e, err := alice.expect(ctx, `<message type='groupchat'><subject>*</subject></message>`)
			if err != nil {
				return err
			}
			p.sees(xmppSide, "the subject: "+e.Child(xmpptest.NSClient, "subject").Text())
			if _, err := bob.expect(ctx, ":alice!", " JOIN "); err != nil {
				return err
			}
			p.sees(ircSide, "alice joined")
			return nil
		},
		func() error { return p.fromXMPP(ctx, alice, bob, "Hello from XMPP! ☕", "Hello from XMPP! ☕") },
		func() error { return p.fromIRC(ctx, bob, alice, "Hello from IRC, alice.", "Hello from IRC, alice.") },
		func() error { return p.fromXMPP(ctx, alice, bob, "/me waves", "\x01ACTION waves\x01") },
		func() error {
			return p.fromIRC(ctx, bob, alice, "\x02bold\x02 and \x0304red\x03, as it was meant", "*bold* and red, as it was meant")
		},
		func() error {
			return p.fromXMPP(ctx, alice, bob, "Two lines,\none message.", "Two lines,", "one message.")
		},
		func() error {
			p.does(xmppSide, "whispers to bob: psst, just you")
			if err := alice.send(ctx, `<message type='chat' to='bob%`+networkName+`@`+gatewayDomain+`'><body>psst, just you</body></message>`); err != nil {
				return err
			}
			if _, err := bob.expect(ctx, ":alice!", " PRIVMSG bob :psst, just you"); err != nil {
				return err
			}
			p.sees(ircSide, "alice, in private: psst, just you")
			p.does(ircSide, "answers in private: I hear you")
			if err := bob.send("PRIVMSG alice :I hear you"); err != nil {
				return err
			}
			if _, err := alice.expect(ctx, `<message type='chat' from='bob%`+networkName+`@`+gatewayDomain+`'><body>I hear you</body></message>`); err != nil {
				return err
			}
			p.sees(xmppSide, "bob, in private: I hear you")
			return nil
		},
		func() error {
			p.does(ircSide, "is called robert from now on")
			if err := bob.send("NICK robert"); err != nil {
				return err
			}
			if _, err := alice.expect(ctx, `<presence type='unavailable' from='`+roomJID+`/bob'><x xmlns='http://jabber.org/protocol/muc#user'><item nick='robert'/><status code='303'/></x></presence>`); err != nil {
				return err
			}
			p.sees(xmppSide, "bob is called robert now")
			p.does(xmppSide, "leaves the room: see you")
			if err := alice.send(ctx, `<presence type='unavailable' to='`+roomJID+`/alice'><status>see you</status></presence>`); err != nil {
				return err
			}
			if _, err := bob.expect(ctx, ":alice!", " QUIT "); err != nil {
				return err
			}
			p.sees(ircSide, "alice left")
			return nil
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// fromXMPP has alice say something; bob sees these lines and alice her own message, reflected.
func (p *play) fromXMPP(ctx context.Context, alice *xmppActor, bob *ircActor, body string, want ...string) error {
	p.does(xmppSide, "says: "+strings.ReplaceAll(body, "\n", " ⏎ "))
	if err := alice.send(ctx, `<message type='groupchat' id='m`+fmt.Sprint(p.arrived)+`' to='`+roomJID+`'><body>`+body+`</body></message>`); err != nil {
		return err
	}
	for _, w := range want {
		if _, err := bob.expect(ctx, ":alice!", " PRIVMSG "+channel+" :"+w); err != nil {
			return err
		}
		p.sees(ircSide, "<alice> "+strings.NewReplacer("\x01ACTION ", "* ", "\x01", "").Replace(w))
	}
	_, err := alice.expect(ctx, `<message type='groupchat' from='`+roomJID+`/alice' id='m`+fmt.Sprint(p.arrived-len(want))+`'><body>`+body+`</body></message>`)
	return err
}

// fromIRC has bob say something; alice sees it.
func (p *play) fromIRC(ctx context.Context, bob *ircActor, alice *xmppActor, text, want string) error {
	p.does(ircSide, "says: "+strings.NewReplacer("\x02", "", "\x0304", "", "\x03", "").Replace(text))
	if err := bob.send("PRIVMSG " + channel + " :" + text); err != nil {
		return err
	}
	if _, err := alice.expect(ctx, `<message type='groupchat' from='`+roomJID+`/bob'><body>`+want+`</body></message>`); err != nil {
		return err
	}
	p.sees(xmppSide, "<bob> "+want)
	return nil
}
