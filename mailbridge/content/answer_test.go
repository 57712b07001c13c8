package content

import (
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"passerelle/mailbridge/content/contenttest"
)

// madeForAnswers reports whether a line has the address in it that the mails of replies.txtar answer to.
func madeForAnswers(line string) bool {
	return strings.Contains(line, "r+aaaaaaaaaaaaafyaaaaf2vqk3m5d7wq2e4yh@")
}

// TestAnswers reads what people say in the mails of replies.txtar: their answers are in replies.answers, under the same names.
func TestAnswers(t *testing.T) {
	t.Parallel()
	want := make(map[string]string)
	golden, err := txtar.ParseFile("testdata/replies.answers")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range golden.Files {
		want[f.Name] = strings.TrimSuffix(string(f.Data), "\n")
	}
	written := &txtar.Archive{Comment: golden.Comment}
	a, err := txtar.ParseFile("testdata/replies.txtar")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range a.Files {
		name, isMail := strings.CutSuffix(f.Name, ".eml")
		if !isMail {
			continue
		}
		n++
		m, err := Read(contenttest.Raw(f), Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := m.Answer(madeForAnswers)
		if w, ok := want[name]; (!ok || got != w) && !*update {
			t.Errorf("%s answers %q, want %q", name, got, w)
		}
		written.Files = append(written.Files, txtar.File{Name: name, Data: []byte(got + "\n")})
	}
	if n < 40 {
		t.Errorf("there are %d answers, want 40 or more", n)
	}
	if *update {
		writeArchive(t, "testdata/replies.answers", written)
	}
}

// FuzzAnswer: whatever a mail is, an answer is a part of its text.
func FuzzAnswer(f *testing.F) {
	f.Add("I take thee at thy word.\n\nOn Mon, 2 Mar 2026, Juliet <r+aaaaaaaaaaaaafyaaaaf2vqk3m5d7wq2e4yh@example.org> wrote:\n> x\n", 0)
	f.Add("> x\n\nyes\n> y\n", 0)
	f.Add("\n>\n>\n", 1)
	f.Fuzz(func(t *testing.T, text string, quoted int) {
		if quoted < 0 || quoted > len(text) {
			quoted = 0
		}
		m := &Message{Text: text, Quoted: quoted}
		kept := strings.Split(text[quoted:], "\n")
		for l := range strings.SplitSeq(m.Answer(madeForAnswers), "\n") {
			for len(kept) > 0 && kept[0] != l {
				kept = kept[1:]
			}
			if len(kept) == 0 && l != "" {
				t.Fatalf("the answer has %q, which is not in the text, or not in this order", l)
			}
		}
	})
}
