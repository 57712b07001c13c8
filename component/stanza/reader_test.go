package stanza

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// events reads a stream to its end and says what came, a line each.
func events(r *Reader) []string {
	var all []string
	for {
		s, err := r.Next()
		ref, isRefused := errors.AsType[*Refused](err)
		stream, isStream := errors.AsType[*StreamError](err)
		switch {
		case err == nil:
			all = append(all, string(s.Root.AppendXML(nil, NSComponent)))
			s.Release()
		case isRefused:
			all = append(all, fmt.Sprintf("refused %q %q %q %q %q: %s", ref.Kind, ref.Type, ref.ID, ref.From, ref.To, ref.Condition))
		case isStream:
			all = append(all, stream.Error())
		default:
			return append(all, err.Error())
		}
	}
}

const (
	good = `<message to='a'><body>good</body></message>`
	bye  = `</stream:stream>`
)

var streams = []struct {
	name, in string
	lim      Limits
	want     []string
}{
	{"stanzas", plain + good + bye, Limits{}, []string{plain, good, "EOF"}},
	{"keep-alives", " \n" + good + "\r\n\t " + good + "  " + bye, Limits{}, []string{good, good, "EOF"}},
	{"nothing", "", Limits{}, []string{"unexpected EOF"}},
	{"no end tag", good, Limits{}, []string{good, "unexpected EOF"}},
	{"cut stanza", good + `<message to='a'><bo`, Limits{}, []string{good, "unexpected EOF"}},
	{"cut end tag", good + `</stream:str`, Limits{}, []string{good, "unexpected EOF"}},
	{"end tag with space", "</stream:stream \n>" + good, Limits{}, []string{"EOF"}},
	{"end tag with endless space", "</stream:stream" + strings.Repeat(" ", 100) + ">", Limits{}, []string{errUnopened.Error()}},
	{"another end tag", good + "</message>" + good, Limits{}, []string{good, errUnopened.Error()}},
	{"a longer end tag", "</stream:streams>", Limits{}, []string{errUnopened.Error()}},
	{"text", good + "x" + good, Limits{}, []string{good, errText.Error()}},
	{"comment", good + "<!-- x -->", Limits{}, []string{good, errMarkup.Error()}},
	{"processing instruction", good + "<?x?>", Limits{}, []string{good, errMarkup.Error()}},
	{"DTD", good + "<!DOCTYPE x>", Limits{}, []string{good, errMarkup.Error()}},
	{"NUL", good + "\x00", Limits{}, []string{good, errText.Error()}},
	{
		"stream error", good + `<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>` +
			`<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>no such &lt;host></text></stream:error>` + bye,
		Limits{},
		[]string{good, "stream error: host-unknown: no such <host>", "EOF"},
	},
	{
		"stream error, text first", `<stream:error><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>t</text>` +
			`<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`,
		Limits{},
		[]string{"stream error: conflict: t", "unexpected EOF"},
	},
	{"stream error without a condition", `<stream:error/>`, Limits{}, []string{"stream error: undefined-condition", "unexpected EOF"}},
	{
		"greater-than in values", `<iq a='/>' b="/iq>"><c d='>'/>></iq>` + good,
		Limits{},
		[]string{`<iq a='/&gt;' b='/iq&gt;'><c d='&gt;'/>&gt;</iq>`, good, "unexpected EOF"},
	},
	{
		"end tag in a value", `<iq a="</iq>"><c/></iq>` + good,
		Limits{},
		[]string{`refused "iq" "" "" "" "": bad-request`, good, "unexpected EOF"},
	},
	{
		"end tags in CDATA", `<iq><![CDATA[</iq>]]]]]]><![CDATA[>]]></iq>` + good,
		Limits{},
		[]string{`<iq>&lt;/iq&gt;]]]]&gt;</iq>`, good, "unexpected EOF"},
	},
	{
		"end tags in comments", `<iq><!-- </iq> -- > ' --></iq>` + good,
		Limits{},
		[]string{`refused "iq" "" "" "" "": bad-request`, good, "unexpected EOF"},
	},
	{
		"end tags in a DTD", `<iq><!DOCTYPE x [<!ENTITY a "</iq>]>"> <!-- it's > --> <?p > ' ?>]></iq>` + good,
		Limits{},
		[]string{`refused "iq" "" "" "" "": bad-request`, good, "unexpected EOF"},
	},
	{
		"end tags in a processing instruction", `<iq><?x </iq> ? > ?></iq>` + good,
		Limits{},
		[]string{`refused "iq" "" "" "" "": bad-request`, good, "unexpected EOF"},
	},
	{
		"markup of no kind", `<iq><![ignore[ x ]]></iq>` + good,
		Limits{},
		[]string{`refused "iq" "" "" "" "": bad-request`, good, "unexpected EOF"},
	},
	{
		"head of a refused stanza", `<message type="chat" id='1&amp;2' from='a@b/♥' to='c@d' x='y'>&nbsp;</message>` + good,
		Limits{},
		[]string{`refused "message" "chat" "1&2" "a@b/♥" "c@d": bad-request`, good, "unexpected EOF"},
	},
	{
		"head up to a fault", `<iq type='get' id='1' from to='x'/>` + good,
		Limits{},
		[]string{`refused "iq" "get" "1" "" "": bad-request`, good, "unexpected EOF"},
	},
	{
		"bad values in the head", "<iq type='get' id='\x01' from='&nbsp;' to='a<b'/>" + good,
		Limits{},
		[]string{`refused "iq" "get" "" "" "": bad-request`, good, "unexpected EOF"},
	},
	{
		"same attribute twice in the head", "<iq to='a' to='b'/>" + good,
		Limits{},
		[]string{`refused "iq" "" "" "" "a": bad-request`, good, "unexpected EOF"},
	},
	{"bad name in the head", "<i\xff to='a'/>" + good, Limits{}, []string{`refused "" "" "" "" "a": bad-request`, good, "unexpected EOF"}},
	{
		"too large", `<message from='a' to='b'><body>` + strings.Repeat("x", 100) + `</body></message>` + good,
		Limits{Bytes: 100},
		[]string{`refused "message" "" "" "a" "b": policy-violation`, good, "unexpected EOF"},
	},
	{
		"too large, with all kinds of things", `<message from='a' to='b'><body a='>' b="/>">` + strings.Repeat("x<b/><c>]]></c>", 10000) +
			"\x00\xff<![CDATA[</message>]]><!-- </message> --><?x </message>?><!DOCTYPE '>'></body></message>" + good,
		Limits{Bytes: 100},
		[]string{`refused "message" "" "" "a" "b": policy-violation`, good, "unexpected EOF"},
	},
	{
		"head over the limit of the stanza", `<message from='a' to='` + strings.Repeat("b", 100) + `'>x</message>` + good,
		Limits{Bytes: 100},
		[]string{`refused "message" "" "" "a" "` + strings.Repeat("b", 100) + `": policy-violation`, good, "unexpected EOF"},
	},
	{
		"start tag too large", `<message from='a' to='` + strings.Repeat("b>", 50000) + `'>x</message>` + good,
		Limits{},
		[]string{`refused "" "" "" "" "": policy-violation`, good, "unexpected EOF"},
	},
	{
		"start tag too large, and empty", `<message from='a' to='` + strings.Repeat("b>", 50000) + `'/>` + good,
		Limits{Bytes: 1000},
		[]string{`refused "" "" "" "" "": policy-violation`, good, "unexpected EOF"},
	},
	{
		"start tag at its limit", `<message to='` + strings.Repeat("b", maxHead-16) + `'/>` + good,
		Limits{},
		[]string{`<message to='` + strings.Repeat("b", maxHead-16) + `'/>`, good, "unexpected EOF"},
	},
	{
		"large, but not too large", `<iq>` + strings.Repeat("x", 500000) + `</iq>` + good,
		Limits{},
		[]string{`<iq>` + strings.Repeat("x", 500000) + `</iq>`, good, "unexpected EOF"},
	},
	{"other namespace", `<message xmlns='jabber:client'/>`, Limits{}, []string{`<message xmlns='jabber:client'/>`, "unexpected EOF"}},
}

func TestReader(t *testing.T) {
	t.Parallel()
	readers := []struct {
		name string
		wrap func(io.Reader) io.Reader
	}{
		{"whole", func(r io.Reader) io.Reader { return r }},
		{"bytes", iotest.OneByteReader},
		{"halves", iotest.HalfReader},
		{"error with the data", iotest.DataErrReader},
	}
	for _, c := range streams {
		for _, how := range readers {
			t.Run(c.name+"/"+how.name, func(t *testing.T) {
				t.Parallel()
				r := NewReader(how.wrap(strings.NewReader(c.in)), c.lim)
				if got := events(r); !slices.Equal(got, c.want) {
					t.Errorf("%.300q\n got %.300q\nwant %.300q", c.in, got, c.want)
				}
				if _, err := r.Next(); err == nil || err.Error() != c.want[len(c.want)-1] {
					t.Errorf("the end is not final: %v", err)
				}
			})
		}
	}
}

// TestRefusedStanzasEndNothing puts every refused stanza between two good ones.
func TestRefusedStanzasEndNothing(t *testing.T) {
	t.Parallel()
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := events(NewReader(strings.NewReader(good+c.frame+good+bye), Limits{}))
			if len(got) != 4 || got[0] != good || !strings.HasSuffix(got[1], c.condition) || got[2] != good || got[3] != "EOF" {
				t.Errorf("%.200q: got %.300q", c.frame, got)
			}
		})
	}
}

// generated is a stream that is made up while it is read.
type generated struct {
	parts []io.Reader
	peak  func()
}

func (g *generated) Read(p []byte) (int, error) {
	g.peak()
	for len(g.parts) > 0 {
		n, err := g.parts[0].Read(p)
		if n > 0 {
			return n, nil
		}
		if errors.Is(err, io.EOF) {
			g.parts = g.parts[1:]
			continue
		}
		return n, err
	}
	return 0, io.EOF
}

// TestMemoryIsBounded reads past stanzas that are much larger than the buffer may become.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const large = 32 << 20
	past := []string{good, `refused "message" "" "" "" "x": policy-violation`, good, "EOF"}
	for _, c := range []struct {
		name, before, unit, after string
		want                      []string
	}{
		{"text", `<message to='x'>`, "x", `</message>`, past},
		{"elements", `<message to='x'>`, "<a b='c'></a>", `</message>`, past},
		{"depth", `<message to='x'>`, "<a>", ``, []string{good, "unexpected EOF"}},
		{"value", `<message to='x'><body a='`, "y>", `'/></message>`, past},
		{"comment", `<message to='x'><!--`, "-> ", `--></message>`, past},
		{"CDATA", `<message to='x'><![CDATA[`, "]] > ", `]]></message>`, past},
		{"start tag", `<message to='`, "x", `'/>`, []string{good, `refused "" "" "" "" "": policy-violation`, good, "EOF"}},
		{"white space", ``, " \n", ``, []string{good, good, "EOF"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			unit := strings.Repeat(c.unit, 1000)
			src := &generated{parts: []io.Reader{
				strings.NewReader(good + c.before),
				&io.LimitedReader{R: &endless{data: []byte(unit)}, N: int64(large / len(unit) * len(unit))},
				strings.NewReader(c.after + good + bye),
			}}
			r := NewReader(src, Limits{Bytes: 100 << 10})
			peak := 0
			src.peak = func() { peak = max(peak, len(r.buf)) }
			if got := events(r); !slices.Equal(got, c.want) {
				t.Errorf("got %.300q, want %q", got, c.want)
			}
			if peak > r.maxBuffer() {
				t.Errorf("the buffer became %d bytes", peak)
			}
		})
	}
}

// TestBufferShrinks lets a large stanza grow the buffer and small ones follow.
func TestBufferShrinks(t *testing.T) {
	t.Parallel()
	r := NewReader(io.MultiReader(strings.NewReader(`<iq>`+strings.Repeat("x", 900<<10)+`</iq>`), strings.NewReader(good)), Limits{})
	for range 2 {
		s, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		s.Release()
	}
	if len(r.buf) != bufferSize {
		t.Errorf("the buffer has still %d bytes", len(r.buf))
	}
}

// TestSplitterIsLinear feeds bytes one at a time and looks at how many of them the splitter wants to see again.
func TestSplitterIsLinear(t *testing.T) {
	t.Parallel()
	frames := []string{plain, `<iq><![CDATA[ ]] ]]]]><!-- - -- --><?x ? ?><!DOCTYPE a [<!-- --><!ENTITY b "c"><?d?>]></iq>`}
	for _, c := range accepted {
		frames = append(frames, c.frame)
	}
	for _, frame := range frames {
		var s splitter
		at := 0
		for end := 1; end <= len(frame); end++ {
			n, done := s.scan([]byte(frame[at:end]))
			at += n
			if end-at > 8 {
				t.Fatalf("%q: %d bytes are left over at %d", frame, end-at, end)
			}
			if done != (end == len(frame)) {
				t.Fatalf("%q: done is %v at %d of %d", frame, done, end, len(frame))
			}
		}
	}
}

// TestTimeoutLosesNothing has a source that fails in the middle of a stanza and goes on afterwards.
func TestTimeoutLosesNothing(t *testing.T) {
	t.Parallel()
	r := NewReader(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(good+bye))), Limits{})
	if _, err := r.Next(); !errors.Is(err, iotest.ErrTimeout) {
		t.Fatalf("got %v, want the source's error", err)
	}
	if got, want := events(r), []string{good, "EOF"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestStuckSource has a source that returns nothing and no error.
func TestStuckSource(t *testing.T) {
	t.Parallel()
	r := NewReader(stuck{}, Limits{})
	if _, err := r.Next(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// TestReaderReadsNoFurther wants a stanza as soon as it is there: the source would block after it.
func TestReaderReadsNoFurther(t *testing.T) {
	t.Parallel()
	pr, pw := io.Pipe()
	t.Cleanup(func() { _ = pw.Close() })
	r := NewReader(pr, Limits{})
	for range 3 {
		written := make(chan error, 1)
		go func() {
			_, err := io.WriteString(pw, good+good)
			written <- err
		}()
		for range 2 {
			s, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			s.Release()
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
	}
}

// TestReleaseElsewhere uses and releases stanzas in other goroutines while the reader goes on, as users do.
func TestReleaseElsewhere(t *testing.T) {
	t.Parallel()
	const n = 2000
	var in bytes.Buffer
	for i := range n {
		fmt.Fprintf(&in, "<message id='%d'><body>%d</body></message>", i, i)
	}
	r := NewReader(&in, Limits{})
	type job struct {
		i int
		s *Stanza
	}
	jobs := make(chan job, 16)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for j := range jobs {
				want := fmt.Sprint(j.i)
				if got := j.s.Root.Child(NSComponent, "body").Text(); got != want || !j.s.Root.AttrIs("id", want) {
					t.Errorf("stanza %s has the body %s", want, got)
				}
				j.s.Release()
			}
		})
	}
	for i := range n {
		s, err := r.Next()
		if err != nil {
			t.Error(err)
			break
		}
		jobs <- job{i, s}
	}
	close(jobs)
	wg.Wait()
}

// TestReleaseOfNothing releases what is not there, and a stanza that was released before.
func TestReleaseOfNothing(t *testing.T) {
	t.Parallel()
	var none *Stanza
	none.Release()
	s := mustParse(t, good)
	s.Release()
	s.Release()
	if s.Root.Is(NSComponent, "message") {
		t.Error("the stanza is still there")
	}
}

func TestRefusedError(t *testing.T) {
	t.Parallel()
	_, err := Parse([]byte("<iq>&nbsp;</iq>"), NSComponent, Limits{})
	if want := "stanza refused: bad-request: There is an unknown entity or a bad reference."; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
