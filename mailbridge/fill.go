package mailbridge

import (
	"context"
	"strings"

	"passerelle/internal/text"
	"passerelle/mailbridge/content"
	"passerelle/transports"
)

// Bounds of a letter.
const (
	maxBody   = 16 << 10 // bytes; the rest is a file
	maxFiles  = 50
	patience  = 5 // tries to upload files, before a letter comes without them
	maxRemark = 4 // lines above a letter about what is odd
)

// fill says in a letter what a mail says, and uploads its files.
func (t *Transport) fill(ctx context.Context, a *arrival, l *transports.Letter) error {
	lang := a.prefs.Lang
	var above []string
	above = append(above, t.doubts(a)...)
	if a.m.Encrypted != "" {
		above = append(above, "["+text.Say(lang, "This mail is encrypted (%s). Open the file with a program that has your key.", a.m.Encrypted)+"]")
	}
	l.Body, l.Spans = prefixed(strings.Join(above, "\n"), l.Body, l.Spans)
	said, spans, quoted := a.m.Text, a.m.Spans, a.m.Quoted
	if l.Reactions = a.m.Reactions; len(l.Reactions) > 0 && said == "" {
		said, spans, quoted = strings.Join(l.Reactions, " "), nil, 0
	}
	whole := said
	if room := maxBody - len(l.Body) - 200; len(said) > room {
		said = cutLines(said, room)
		spans = transports.CutSpans(spans, 0, len(said), 0)
		quoted = min(quoted, len(said))
	}
	if l.Body == "" && l.ReplyTo != "" {
		l.Quoted = quoted
	}
	l.Spans = append(l.Spans, transports.CutSpans(spans, 0, len(said), len(l.Body))...)
	l.Spans = l.Spans[:min(len(l.Spans), transports.MaxSpans)]
	l.Body += said
	if said == "" {
		l.Body = strings.TrimRight(l.Body, "\n") // nothing stands below
		l.Spans = transports.CutSpans(l.Spans, 0, len(l.Body), 0)
	}
	if said != "" && (a.m.Quote != "" || a.m.Signature != "") {
		l.Body = join(l.Body, "[…]")
	}
	if len(said) < len(whole) {
		file, err := t.upload(ctx, a, "message.txt", "text/plain; charset=utf-8", []byte(whole))
		switch {
		case err != nil && t.again(a, err):
			return err
		case err != nil:
			l.Body = join(l.Body, "["+text.Say(lang, "The rest is too long. “/full” shows it.")+"]")
		default:
			l.Body = join(l.Body, "["+text.Say(lang, "The rest is in a file.")+"]")
			l.Files = append(l.Files, file)
		}
	}
	if err := t.files(ctx, a, l); err != nil {
		return err
	}
	if strings.TrimSpace(l.Body) == "" && len(l.Files) == 0 {
		l.Body = "[" + text.Say(lang, "There is no text in this mail.") + "]"
	}
	for _, remark := range remarks(a) {
		l.Body = join(l.Body, "["+remark+"]")
	}
	return nil
}

// remarks are what a user is to know of how a mail is shown.
func remarks(a *arrival) (lines []string) {
	lang := a.prefs.Lang
	if a.m.Signed != "" && a.m.Encrypted == "" {
		lines = append(lines, text.Say(lang, "It is signed (%s), which was not checked: “/original” gives you the mail for a program that can.", a.m.Signed))
	}
	for _, o := range a.m.Odd {
		switch o.Kind {
		case content.OddDate:
			lines = append(lines, text.Say(lang, "The date of this mail cannot be right: %s", oneLine(o.What)))
		case content.OddCharset:
			lines = append(lines, text.Say(lang, "This mail is in a character set that nobody knows here (%s), so letters may be wrong.", oneLine(o.What)))
		case content.OddDamaged:
			lines = append(lines, text.Say(lang, "Something of this mail is damaged: “/original” gives you all of it."))
		case content.OddParts:
			lines = append(lines, text.Say(lang, "This mail has more parts than are shown: “/original” gives you all of it."))
		}
	}
	return lines
}

// filesOf are the files of a mail that are handed over. Not the mail itself as it was signed: who wants to check that asks for it.
func filesOf(m *content.Message) []*content.Part {
	var all []*content.Part
	for i := range m.Files {
		if !m.Files[i].Original {
			all = append(all, &m.Files[i])
		}
	}
	return all
}

// files uploads what came along.
func (t *Transport) files(ctx context.Context, a *arrival, l *transports.Letter) error {
	for _, f := range filesOf(a.m) {
		if len(l.Files) >= maxFiles {
			l.Body = join(l.Body, "["+text.Say(a.prefs.Lang, "There are more files: “/original” gives you the whole mail.")+"]")
			return nil
		}
		file, err := t.upload(ctx, a, f.Name, f.Type, f.Data)
		if err != nil {
			if t.again(a, err) {
				return err
			}
			l.Body = join(l.Body, "["+text.Say(a.prefs.Lang, "The file %s (%s) could not be handed over: %s", f.Name, transports.FormatSize(f.Size()), transports.AsError(err).Text)+"]")
			continue
		}
		l.Files = append(l.Files, file)
	}
	return nil
}

// again reports whether an upload that failed is worth to be waited for.
func (t *Transport) again(a *arrival, err error) bool {
	return transports.AsError(err).Kind.Temporary() && a.what.attempts < patience
}

// doubts are what a user is to know of a mail before he believes it.
func (t *Transport) doubts(a *arrival) (lines []string) {
	lang := a.prefs.Lang
	if a.came.Suspect != "" {
		lines = append(lines, "⚠ "+text.Say(lang, "This mail looks like spam: %s", oneLine(a.came.Suspect)))
	}
	if a.came.Doubt != "" {
		lines = append(lines, doubt(lang, a.came.Doubt, a.came.Whose))
	}
	for _, o := range a.m.Odd {
		if len(lines) >= maxRemark {
			break
		}
		switch o.Kind {
		case content.OddFrom:
			lines = append(lines, "⚠ "+text.Say(lang, "It is not clear who wrote this: %s", oneLine(o.What)))
		case content.OddName:
			lines = append(lines, "⚠ "+text.Say(lang, "The sender calls himself by the address of somebody else: %s", oneLine(o.What)))
		case content.OddLink:
			lines = append(lines, "⚠ "+text.Say(lang, "A link leads elsewhere than it says: %s", oneLine(o.What)))
		}
	}
	return lines
}

// prefixed puts lines above a text.
func prefixed(above, body string, spans []transports.Span) (string, []transports.Span) {
	if above == "" {
		return body, spans
	}
	above += "\n"
	return above + body, transports.CutSpans(spans, 0, len(body), len(above))
}

// cutLines is the beginning of a text of at most limit bytes, up to the end of a line where there is one not far before that.
func cutLines(s string, limit int) string {
	s = cutText(s, limit)
	if i := strings.LastIndexByte(s, '\n'); i > len(s)/2 {
		return s[:i]
	}
	return s
}

// cutText is the beginning of a text of at most limit bytes, between characters.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}

func textNotRendered(lang string) string {
	return text.Say(lang, "A mail came for you that this gateway cannot show. Tell its operator.")
}
