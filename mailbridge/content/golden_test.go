package content

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"passerelle/mailbridge/content/contenttest"
	"passerelle/transports"
)

var update = flag.Bool("update", false, "write what is read into the golden files")

const corpus = "testdata"

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, name := range contenttest.Archives(t, corpus) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			golden := make(map[string]string)
			for _, f := range a.Files {
				if strings.HasSuffix(f.Name, ".golden") {
					golden[f.Name] = string(f.Data)
				}
			}
			written := &txtar.Archive{Comment: a.Comment}
			for _, f := range a.Files {
				base, isMail := strings.CutSuffix(f.Name, ".eml")
				if !isMail {
					continue
				}
				m, err := Read(contenttest.Raw(f), Limits{})
				if err != nil {
					t.Errorf("%s: %v", f.Name, err)
					continue
				}
				checkMessage(t, f.Name, m)
				got := describe(m)
				written.Files = append(written.Files, f, txtar.File{Name: base + ".golden", Data: []byte(got)})
				if want := golden[base+".golden"]; got != want && !*update {
					t.Errorf("%s is read otherwise (-want +got):\n%s", f.Name, cmp.Diff(want, got))
				}
			}
			if *update {
				writeArchive(t, name, written)
			}
		})
	}
}

func writeArchive(t *testing.T, name string, a *txtar.Archive) {
	t.Helper()
	if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestCorpus counts: fewer mails than this are no corpus.
func TestCorpus(t *testing.T) {
	t.Parallel()
	if n := len(contenttest.Corpus(t, corpus)); n < 200 {
		t.Errorf("testdata has %d mails, want 200 or more", n)
	}
}

// checkMessage checks what is so of every message, whatever the mail is.
func checkMessage(t *testing.T, name string, m *Message) {
	t.Helper()
	text := func(what, s string, lines bool) {
		if !utf8.ValidString(s) {
			t.Errorf("%s: %s is not valid UTF-8: %q", name, what, s)
		}
		for _, r := range s {
			if !kept(r) || !lines && (r == '\n' || r == '\t' || reorders(r)) {
				t.Errorf("%s: %s has %U: %q", name, what, r, s)
				break
			}
		}
	}
	text("the text", m.Text, true)
	text("the quote", m.Quote, true)
	text("the signature", m.Signature, true)
	text("the subject", m.Subject, false)
	text("the id", m.MessageID, false)
	text("Autocrypt", m.Autocrypt, false)
	for _, people := range [][]Person{m.From, m.Sender, m.ReplyTo, m.To, m.Cc} {
		for _, p := range people {
			text("a name", p.Name, false)
			if p.Name == "" && p.IsZero() {
				t.Errorf("%s: somebody has neither a name nor an address", name)
			}
		}
	}
	for _, id := range append(append([]string{m.MessageID}, m.References...), m.InReplyTo...) {
		text("an id", id, false)
		if strings.ContainsAny(id, "<> ") {
			t.Errorf("%s: the id %q ends where it is written", name, id)
		}
	}
	if len(m.References) > maxReferences || len(m.InReplyTo) > maxReferences {
		t.Errorf("%s: %d references", name, len(m.References))
	}
	for _, f := range m.Files {
		text("the name of a file", f.Name, false)
		if f.Name == "" || f.Name != safeName(f.Name) || len(f.Name) > 255 {
			t.Errorf("%s: a file is called %q", name, f.Name)
		}
		if main, sub, ok := strings.Cut(f.Type, "/"); !ok || !isToken(main) || !isToken(sub) {
			t.Errorf("%s: a file is of type %q", name, f.Type)
		}
	}
	for _, r := range m.Reactions {
		text("a reaction", r, false)
	}
	for _, o := range m.Odd {
		text("an oddity", o.What, false)
	}
	at := 0
	if len(m.Spans) > transports.MaxSpans {
		t.Errorf("%s: %d spans", name, len(m.Spans))
	}
	for _, s := range m.Spans {
		if s.From < at || s.From >= s.To || s.To > len(m.Text) || !utf8.RuneStart(m.Text[s.From]) || s.To < len(m.Text) && !utf8.RuneStart(m.Text[s.To]) {
			t.Errorf("%s: the span %+v does not fit behind %d into %q", name, s, at, m.Text)
			break
		}
		at = s.To
	}
	if m.Quoted < 0 || m.Quoted > len(m.Text) {
		t.Errorf("%s: %d bytes of %d are quoted", name, m.Quoted, len(m.Text))
	}
	if m.Report != nil {
		text("the reporter", m.Report.Reporter, false)
		text("the subject of a report", m.Report.Subject, false)
		for _, rec := range m.Report.Recipients {
			text("a diagnostic", rec.Diagnostic, false)
			text("a remote server", rec.Remote, false)
			if rec.Status != "" && !isStatus(rec.Status) {
				t.Errorf("%s: a status is %q", name, rec.Status)
			}
		}
	}
}

// describe writes a message for golden files.
func describe(m *Message) string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	block := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s:\n", name)
			for l := range strings.SplitSeq(value, "\n") {
				b.WriteString(strings.TrimRight("  |"+l, " ") + "\n")
			}
		}
	}
	for _, p := range []struct {
		name string
		who  []Person
	}{{"from", m.From}, {"sender", m.Sender}, {"reply-to", m.ReplyTo}, {"to", m.To}, {"cc", m.Cc}} {
		line(p.name, describePeople(p.who))
	}
	line("subject", m.Subject)
	line("id", m.MessageID)
	line("answers", strings.Join(m.InReplyTo, " "))
	line("references", strings.Join(m.References, " "))
	if !m.Date.IsZero() {
		line("date", m.Date.Format(time.RFC3339))
	}
	var flags []string
	for _, f := range []struct {
		is   bool
		name string
	}{{m.HTML, "html"}, {m.Truncated, "truncated"}, {m.Bulk, "bulk"}, {m.Auto, "auto"}, {m.Reply, "reply"}, {m.Quiet, "quiet"}} {
		if f.is {
			flags = append(flags, f.name)
		}
	}
	line("flags", strings.Join(flags, " "))
	line("encrypted", m.Encrypted)
	line("signed", m.Signed)
	if l := m.List; l != nil {
		s := fmt.Sprintf("%q %s", l.Name, l.ID)
		if l.Post != "" {
			s += " post " + l.Post
		}
		if len(l.Unsubscribe) > 0 {
			s += " leave " + strings.Join(l.Unsubscribe, " ")
		}
		if l.OneClick {
			s += " one-click"
		}
		line("list", s)
	}
	line("reactions", strings.Join(m.Reactions, " "))
	line("autocrypt", m.Autocrypt)
	if m.Received > 0 {
		line("received", fmt.Sprint(m.Received))
	}
	line("loops", strings.Join(m.Loops, " "))
	if r := m.Report; r != nil {
		describeReport(&b, r)
	}
	for _, o := range m.Odd {
		names := []string{"from", "name", "link", "date", "damaged", "charset", "parts", "empty"}
		line("odd", strings.TrimSpace(names[o.Kind]+" "+o.What))
	}
	block("text", marked(m.Text, m.Spans))
	if m.Quoted > 0 {
		line("quoted", fmt.Sprintf("%q", m.Text[:m.Quoted]))
	}
	block("quote", m.Quote)
	block("signature", m.Signature)
	for _, f := range m.Files {
		what := fmt.Sprintf("%s, %s, %d bytes", f.Name, f.Type, len(f.Data))
		if f.Inline {
			what += ", inline"
		}
		if f.Original {
			what += ", original"
		}
		line("file", what)
	}
	return b.String()
}

func describePeople(who []Person) string {
	var all []string
	for _, p := range who {
		switch {
		case p.IsZero():
			all = append(all, fmt.Sprintf("%q", p.Name))
		case p.Name == "":
			all = append(all, p.Mailbox.String())
		default:
			all = append(all, fmt.Sprintf("%s <%s>", p.Name, p.Mailbox))
		}
	}
	return strings.Join(all, ", ")
}

func describeReport(b *strings.Builder, r *Report) {
	kinds := []string{"delivery", "disposition", "complaint"}
	fmt.Fprintf(b, "report: %s by %q", kinds[r.Kind], r.Reporter)
	if r.EnvelopeID != "" {
		fmt.Fprintf(b, " envelope %q", r.EnvelopeID)
	}
	if r.Disposition != "" {
		fmt.Fprintf(b, " %s manual=%v", r.Disposition, r.Manual)
	}
	if r.Text {
		b.WriteString(" text")
	}
	if !r.Arrived.IsZero() {
		b.WriteString(" arrived " + r.Arrived.Format(time.RFC3339))
	}
	b.WriteString("\n")
	if r.MessageID != "" || r.Subject != "" || r.From != nil {
		fmt.Fprintf(b, "  of: %q %q from %s to %s\n", r.MessageID, r.Subject, describePeople(r.From), describePeople(r.To))
	}
	actions := []string{"unknown", "failed", "delayed", "delivered", "relayed", "expanded"}
	for _, rec := range r.Recipients {
		fmt.Fprintf(b, "  %s %s", rec.Final, actions[rec.Action])
		if rec.Original != rec.Final && !rec.Original.IsZero() {
			fmt.Fprintf(b, " (%s)", rec.Original)
		}
		fmt.Fprintf(b, " %s %q", rec.Status, rec.Diagnostic)
		if rec.Remote != "" {
			fmt.Fprintf(b, " by %s", rec.Remote)
		}
		if !rec.RetryUntil.IsZero() {
			b.WriteString(" until " + rec.RetryUntil.Format(time.RFC3339))
		}
		b.WriteString("\n")
	}
}

// marked writes a text with signs around what looks otherwise: those of XEP-0393, and {u} for what is underlined.
func marked(text string, spans []transports.Span) string {
	var b strings.Builder
	at := 0
	signs := []struct {
		style      transports.Style
		open, shut string
	}{
		{transports.StyleBold, "*", "*"},
		{transports.StyleItalic, "_", "_"},
		{transports.StyleStrike, "~", "~"},
		{transports.StyleUnderline, "{u}", "{/u}"},
		{transports.StyleMono, "`", "`"},
	}
	for _, s := range spans {
		b.WriteString(text[at:s.From])
		for _, sign := range signs {
			if s.Look.Style.Has(sign.style) {
				b.WriteString(sign.open)
			}
		}
		b.WriteString(text[s.From:s.To])
		for i := len(signs) - 1; i >= 0; i-- {
			if s.Look.Style.Has(signs[i].style) {
				b.WriteString(signs[i].shut)
			}
		}
		at = s.To
	}
	return b.String() + text[at:]
}
