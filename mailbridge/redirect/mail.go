package redirect

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"passerelle/internal/text"
	"passerelle/transports"
)

// Bounds of a mail.
const (
	MaxLines = 200       // messages
	MaxBody  = 8 << 10   // bytes of a message that are kept
	maxText  = 200 << 10 // bytes of a mail
	maxName  = 100       // bytes
)

// Line is a message in a mail.
type Line struct {
	At     time.Time // as the user's clock has it
	Author string    // in a room
	transports.Copy
	// Late says that it corrects one that was mailed before.
	Late bool
}

// Mail is what a mail says.
type Mail struct {
	Lang string
	User string // JID of the user whose messages these are
	Peer string // JID of who wrote them, or of the room
	Name string // of who wrote them
	Room bool
	// Private says that it is somebody in a room, who wrote to the user alone.
	Private bool
	Lines   []Line
	More    int64 // messages beside them
	// Dropped are messages of others that there was no room for.
	Dropped int64
	// Mute says that an answer cannot be brought to where it is for.
	Mute  bool
	Leave string // a link that ends the redirect; may be empty
}

// Name is what somebody is called for people: as he calls himself unless that looks like the address of another.
func Name(nick, local string) string {
	nick = oneLine(nick)
	if nick == "" || strings.Contains(nick, "@") || strings.Contains(nick, "://") {
		nick = oneLine(transports.Unescape(local))
	}
	if len(nick) > maxName {
		nick = strings.ToValidUTF8(nick[:maxName], "") + "…"
	}
	return nick
}

// oneLine is text of a stranger on one line, without what nobody sees or what turns its direction around.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// Subject is above all mails of a conversation, so that mail programs keep them together.
func (m *Mail) Subject() string {
	switch {
	case m.Mute:
		return text.Say(m.Lang, "Messages from XMPP")
	case m.Room:
		return text.Say(m.Lang, "Messages in %s", m.Name)
	}
	return text.Say(m.Lang, "Messages from %s", m.Name)
}

// Text is the mail, and how pieces of it look.
func (m *Mail) Text() (string, []transports.Span) {
	w := writer{lang: m.Lang}
	switch {
	case m.Mute:
		w.line(text.Say(m.Lang, "Somebody wrote to you on XMPP:"))
	case m.Room:
		w.line(text.Say(m.Lang, "In the room %s:", m.Peer))
	default:
		w.line(text.Say(m.Lang, "%s wrote to you on XMPP:", m.Peer))
	}
	w.line("")
	left := int64(0)
	for i := 0; i < len(m.Lines); i++ {
		if w.b.Len() > maxText || i >= MaxLines {
			left = int64(len(m.Lines) - i)
			break
		}
		l := &m.Lines[i]
		if l.Encrypted != "" {
			n := 1
			for i+1 < len(m.Lines) && m.Lines[i+1].Encrypted == l.Encrypted && m.Lines[i+1].Author == l.Author {
				n++
				i++
			}
			w.encrypted(l, n)
			continue
		}
		w.message(l)
	}
	switch more := left + m.More; {
	case more > 0 && len(m.Lines) == 0:
		w.line(text.Say(m.Lang, "%d messages, which this gateway could not read. You find them in your XMPP client.", more))
	case more > 0:
		w.line("")
		w.line(text.Say(m.Lang, "… and %d more. You find them in your XMPP client.", more))
	}
	if m.Dropped > 0 {
		w.line("")
		w.line(text.Say(m.Lang, "Beside these, %d messages of others were not kept for your mailbox: there were too many. You find them in your XMPP client.", m.Dropped))
	}
	w.foot(m)
	return w.b.String(), w.spans
}

// writer writes the text of a mail.
type writer struct {
	lang  string
	b     strings.Builder
	spans []transports.Span
	date  string // of the last message
}

func (w *writer) line(s string) { w.b.WriteString(s + "\n") }

func (w *writer) look(s string, look transports.Look) {
	from := w.b.Len()
	w.b.WriteString(s)
	w.spans = transports.AppendSpan(w.spans, from, w.b.Len(), look)
}

// grey is what stands beside what somebody says. Plain text does not show it.
var grey = transports.Look{Fore: transports.RGB(0x707070)}

// begin writes when something was said, and by whom.
func (w *writer) begin(l *Line) {
	if date := l.At.Format("2006-01-02"); date != w.date {
		if w.date != "" {
			w.line("")
		}
		w.line(date)
		w.date = date
	}
	head := l.At.Format("15:04")
	if l.Author != "" {
		head += " " + Name(l.Author, "") + ":"
	}
	w.look(head, grey)
	w.b.WriteByte(' ')
}

// further stands before what goes on a message. Spaces that do not break stay in HTML too, so nothing that somebody says looks like a message of
// somebody else.
const further = "\u00a0\u00a0\u00a0\u00a0"

func (w *writer) message(l *Line) {
	w.begin(l)
	if l.Late {
		w.b.WriteString(text.Say(w.lang, "Correction:") + " ")
	}
	begun := false
	next := func() {
		if begun {
			w.b.WriteString(further)
		}
		begun = true
	}
	if subject := oneLine(l.Subject); subject != "" {
		next()
		w.look(subject, transports.Look{Style: transports.StyleBold})
		w.line("")
	}
	at := 0
	for part := range strings.SplitAfterSeq(l.Body, "\n") {
		said := strings.TrimRight(part, "\r\n")
		if said != "" || at+len(part) < len(l.Body) {
			next()
			w.said(said, transports.CutSpans(l.Spans, at, at+len(said), w.b.Len()))
		}
		at += len(part)
	}
	for i := range l.Files {
		if u := oneLine(l.Files[i].URL); u != "" && !strings.Contains(l.Body, l.Files[i].URL) {
			next()
			w.line(u)
		}
	}
	if l.Partial && !begun {
		w.line(text.Say(w.lang, "A message that this gateway could not read. You find it in your XMPP client."))
		begun = true
	}
	if !begun {
		w.line("")
	}
}

// said writes a line of a message, in which nothing is that no text has.
func (w *writer) said(s string, spans []transports.Span) {
	clean := strings.Map(func(r rune) rune {
		if r != '\t' && (unicode.IsControl(r) || r == utf8.RuneError || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069) {
			return -1
		}
		return r
	}, s)
	if clean == s {
		for _, span := range spans {
			w.spans = transports.AppendSpan(w.spans, span.From, span.To, span.Look)
		}
	}
	w.line(clean)
}

func (w *writer) encrypted(l *Line, n int) {
	w.begin(l)
	if n == 1 {
		w.line(text.Say(w.lang, "An encrypted message (%s). You find it in your XMPP client.", oneLine(l.Encrypted)))
		return
	}
	w.line(text.Say(w.lang, "%d encrypted messages (%s). You find them in your XMPP client.", n, oneLine(l.Encrypted)))
}

// foot says how to answer and how to leave, where mail programs cut it from an answer (RFC 3676 §4.3).
func (w *writer) foot(m *Mail) {
	w.line("")
	w.line("-- ")
	switch {
	case m.Mute:
		w.line(text.Say(m.Lang, "This cannot be answered by mail."))
	case m.Room || m.Private:
		w.line(text.Say(m.Lang, "What is said in a room can only be answered there, with your XMPP client: you are not in it from here."))
	default:
		w.line(text.Say(m.Lang, "Answer this mail, and %s gets it on XMPP.", m.Name))
	}
	w.line(text.Say(m.Lang, "Messages to %s come to this mailbox because its owner has set that. To end it, answer with nothing but “stop”.", m.User))
	if m.Leave != "" {
		w.line(text.Say(m.Lang, "Or open this page: %s", m.Leave))
	}
}
