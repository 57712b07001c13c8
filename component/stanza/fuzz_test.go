package stanza

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"passerelle/transports"
)

// fuzzLimits are small, so that a fuzzer comes to each of them.
var fuzzLimits = Limits{Bytes: 4 << 10, Depth: 8, Attrs: 6, Elements: 40}

// FuzzTree compares the trees with those of encoding/xml. Whatever is accepted here must be accepted there, and give the same
// tree. The reverse does not hold: encoding/xml takes, and this package refuses, comments and the like, duplicate attributes,
// undeclared and reserved prefixes, references to surrogates, attributes without white space between them, and misplaced colons.
func FuzzTree(f *testing.F) {
	for _, c := range accepted {
		f.Add([]byte(c.frame))
	}
	for _, c := range refused {
		if len(c.frame) < 20<<10 {
			f.Add([]byte(c.frame))
		}
	}
	for i := range plain {
		if plain[i] == '=' || plain[i] == '&' || plain[i] == '<' {
			f.Add([]byte(plain[:i+1]))
		}
	}
	f.Add([]byte("<xmlns/>"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := bytes.Clone(frame)
		s, err := Parse(frame, NSComponent, Limits{})
		if !bytes.Equal(frame, before) {
			t.Fatalf("the frame was changed: %q", frame)
		}
		if err != nil {
			ref, ok := errors.AsType[*Refused](err)
			if !ok || ref.Condition == "" || ref.Text == "" {
				t.Fatalf("%q: %v", frame, err)
			}
			return
		}
		if bytes.Contains(frame, []byte("<xmlns")) {
			return // encoding/xml knows no namespace of an element that is called so
		}
		got := dump(s.Root)
		want, err := dumpReference(string(frame))
		if err != nil {
			t.Fatalf("%q: encoding/xml refuses it: %v", frame, err)
		}
		if got != want {
			t.Fatalf("%q\n got %s\nwant %s", frame, got, want)
		}
		if n := split(frame); n != len(frame) {
			t.Fatalf("%q: the splitter ends it at %d", frame, n)
		}

		// Prefixes may grow into declarations: hence no limits.
		out := s.Root.AppendXML(nil, "urn:elsewhere")
		none := 1 << 30
		again, err := Parse(out, "urn:elsewhere", Limits{Bytes: none, Attrs: none})
		if err != nil {
			t.Fatalf("%q was written as %q: %v", frame, out, err)
		}
		if back := dump(again.Root); back != got {
			t.Fatalf("%q was written as %q\n got %s\nwant %s", frame, out, back, got)
		}
	})
}

// split is where the splitter ends a stanza, 0 if nowhere.
func split(p []byte) int {
	var s splitter
	if n, done := s.scan(p); done {
		return n
	}
	return 0
}

// pieces cuts what it reads in pieces of random sizes, most of them small.
type pieces struct {
	r   io.Reader
	rng *rand.Rand
}

func (c pieces) Read(p []byte) (int, error) {
	n := 1 + c.rng.IntN(8)
	if c.rng.IntN(8) == 0 {
		n += c.rng.IntN(1000)
	}
	return c.r.Read(p[:min(n, len(p))])
}

// FuzzReader reads a stream whole and in pieces: what comes must not depend on that.
func FuzzReader(f *testing.F) {
	for _, c := range streams {
		if len(c.in) < 20<<10 {
			f.Add([]byte(c.in), uint64(1))
		}
	}
	for _, c := range refused {
		if len(c.frame) < 20<<10 {
			f.Add([]byte(good+c.frame+good), uint64(2))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		whole := NewReader(bytes.NewReader(in), fuzzLimits)
		want := events(whole)
		cut := NewReader(pieces{bytes.NewReader(in), rand.New(rand.NewPCG(seed, 0))}, fuzzLimits)
		got := events(cut)
		if !slices.Equal(got, want) {
			t.Fatalf("%q\nin pieces %q\n    whole %q", in, got, want)
		}
		for _, r := range []*Reader{whole, cut} {
			if len(r.buf) > r.maxBuffer() {
				t.Fatalf("the buffer became %d bytes", len(r.buf))
			}
		}
		// Where no stanza is open at the end, one that follows is intact, whatever came before.
		if last := len(want) - 1; want[last] == io.ErrUnexpectedEOF.Error() && !whole.inside && whole.start == whole.end {
			got := events(NewReader(io.MultiReader(bytes.NewReader(in), strings.NewReader(good+bye)), fuzzLimits))
			if want := append(want[:last:last], good, "EOF"); !slices.Equal(got, want) {
				t.Fatalf("%q and a good stanza\n got %q\nwant %q", in, got, want)
			}
		}
	})
}

// FuzzBuilder builds a stanza of what a stranger sent and parses it, here and with encoding/xml.
func FuzzBuilder(f *testing.F) {
	for _, s := range []string{
		"", "hello", "\x00\x01\x02\x1f\x7f", "a\tb\nc\rd\r\n", "]]>", "&amp;<b>'\"", "♥", "👩‍🚀", "\uFFFE\uFFFF\uFFFD", "\xff\xc3\xed\xa0\x80",
		"é\xe2\x99", "<!-- -->", "<![CDATA[x]]>", `<!DOCTYPE l [<!ENTITY a "ha">]>`, "\x0304,05red\x0f", strings.Repeat("<>", 1000),
	} {
		f.Add(s, s, "#café%irc.example.org@irc.example/"+s)
	}
	f.Fuzz(func(t *testing.T, attr, text, jid string) {
		if len(attr)+len(text)+len(jid) > 64<<10 {
			return
		}
		to, err := transports.ParseAddress(jid)
		if err != nil {
			to = transports.Address{}
		}
		var b Builder
		b.Start("message").Attr("id", attr).JID("to", to)
		b.Start("body").Text(text).End()
		b.Text(text).StartNS("x", "urn:"+attr[:min(len(attr), maxSpace/4)]).Text(text).End().End()

		s, err := Parse(b.Bytes(), NSComponent, Limits{})
		if err != nil {
			t.Fatalf("%q: %v", b.Bytes(), err)
		}
		for _, c := range []struct{ what, got, want string }{
			{"attribute", s.Root.Attr("id"), cleaned(attr)},
			{"address", s.Root.Attr("to"), to.String()},
			{"child's text", s.Root.Child(NSComponent, "body").Text(), cleaned(text)},
			{"text", s.Root.Text(), cleaned(text)},
		} {
			if c.got != c.want {
				t.Errorf("%s of %q: got %q, want %q", c.what, b.Bytes(), c.got, c.want)
			}
		}
		want, err := dumpReference(string(b.Bytes()))
		if err != nil {
			t.Fatalf("%q: encoding/xml refuses it: %v", b.Bytes(), err)
		}
		if got := dump(s.Root); got != want {
			t.Errorf("%q\n got %s\nwant %s", b.Bytes(), got, want)
		}
	})
}
