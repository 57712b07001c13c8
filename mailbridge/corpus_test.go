package mailbridge

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"passerelle/mailbridge/content"
	"passerelle/mailbridge/content/contenttest"
	"passerelle/transports"
)

var update = flag.Bool("update", false, "write the letters of the corpus into the golden file")

// TestCorpus makes letters of the corpus of package content.
func TestCorpus(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	letters := &txtar.Archive{Comment: []byte("The letters that the mails of content/testdata become, by the names of archive and mail.\n")}
	for _, m := range contenttest.Corpus(t, "content/testdata") {
		letters.Files = append(letters.Files, txtar.File{Name: m.Name, Data: []byte(r.letterOf(m.Name, m.Raw))})
	}
	const golden = "testdata/letters.golden"
	got := txtar.Format(letters)
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("letters are otherwise (-want +got):\n%s", cmp.Diff(string(want), string(got)))
	}
}

// letterOf is the letter that a mail becomes, written down.
func (r *rig) letterOf(key string, raw []byte) string {
	m, err := content.Read(raw, content.Limits{})
	if err != nil {
		r.t.Fatalf("%s: %v", key, err)
	}
	a := arrival{stands: &standing{}, m: m, user: romeo, id: r.mail.userID(romeo)}
	if a.prefs, err = r.mail.preferences(r.t.Context(), romeo); err != nil {
		r.t.Fatal(err)
	}
	a.from, a.letterID = r.mail.writerOf(a.m, &a.came), digest(key)
	l, err := r.mail.letter(r.t.Context(), &a)
	if err != nil {
		r.t.Errorf("%s: %v", key, err)
		return ""
	}
	if l.Quoted < 0 || l.Quoted > len(l.Body) {
		r.t.Errorf("%s: %d bytes of %d are quoted", key, l.Quoted, len(l.Body))
	}
	at := 0
	for _, s := range l.Spans {
		if s.From < at || s.To <= s.From || s.To > len(l.Body) {
			r.t.Errorf("%s: the span %+v does not fit behind %d into %q", key, s, at, l.Body)
		}
		at = s.To
	}
	return describeLetter(l)
}

func describeLetter(l *transports.Letter) string {
	var b strings.Builder
	fmt.Fprintf(&b, "with %s %q\n", l.With.ID, l.Nick)
	if l.Subject != "" {
		fmt.Fprintf(&b, "subject %s\n", l.Subject)
	}
	if l.Formal {
		b.WriteString("formal\n")
	}
	for _, o := range l.Others {
		fmt.Fprintf(&b, "%s %s %q\n", []string{"to", "cc", "hidden", "reply to"}[min(int(o.Kind), 3)], o.Who.ID, o.Name)
	}
	for _, f := range l.Files {
		fmt.Fprintf(&b, "file %s %s %d\n", f.Name, f.Type, f.Size)
	}
	for s := range strings.SplitSeq(l.Body, "\n") {
		b.WriteString(strings.TrimRight("  |"+s, " ") + "\n")
	}
	if len(l.Spans) > 0 {
		var looks []string
		for _, s := range l.Spans {
			looks = append(looks, fmt.Sprintf("%d %q", s.Look.Style, l.Body[s.From:s.To]))
		}
		b.WriteString("looks " + strings.Join(looks, ", ") + "\n")
	}
	if l.Quoted > 0 {
		fmt.Fprintf(&b, "quoted %q\n", l.Body[:l.Quoted])
	}
	return b.String()
}
