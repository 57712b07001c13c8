package muc

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"passerelle/component/downgrade"
	"passerelle/component/markup"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// What somebody says looks as he wants, also where it is said to somebody; what is said about messages is plain.
func TestStyled(t *testing.T) {
	t.Parallel()
	const html = `<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>it is <b>so</b></body></html>`
	bold := transports.Look{Style: transports.StyleBold}
	for name, tt := range map[string]struct {
		payload string
		want    transports.Styled
	}{
		"plain":      {`<body>it is so</body>`, transports.Styled{}},
		"XHTML":      {`<body>it is so</body>` + html, transports.Styled{Text: "it is so", Spans: []transports.Span{{From: 6, To: 8, Look: bold}}}},
		"reply":      {`<body>it is so</body><reply xmlns='urn:xmpp:reply:0' id='x'/>` + html, transports.Styled{Text: "bob: it is so", Spans: []transports.Span{{From: 11, To: 13, Look: bold}}}},
		"reply sign": {`<body>*so* it is</body><reply xmlns='urn:xmpp:reply:0' id='x'/>`, transports.Styled{Text: "bob: so it is", Spans: []transports.Span{{From: 5, To: 7, Look: bold}}}},
		"correction": {`<body>it is *so*</body><replace xmlns='urn:xmpp:message-correct:0' id='x'/>`, transports.Styled{}},
		"reaction":   {`<body>*x*</body><reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>*x*</reaction></reactions>`, transports.Styled{}},
	} {
		st, err := stanza.Parse([]byte(`<message>`+tt.payload+`</message>`), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		read := downgrade.Read(st.Root, func(string) (downgrade.Quoted, bool) { return downgrade.Quoted{Nick: "bob", Body: "is it *so*"}, true })
		var got transports.Styled
		if s := Styled(st.Root, read, func() markup.Settings { return markup.Settings{Send: markup.SendStyling} }); s != nil {
			got = *s
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		st.Release()
	}
}
