package component

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/component/avatar"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// FuzzFeedItems: what stands in users' nodes is bounded, whoever wrote it.
func FuzzFeedItems(f *testing.F) {
	for _, seed := range []string{
		feedItem("one", ""), feedItem("one", "publisher='alice@localhost/x'"), feedItem("0", ""), "<retract id='one'/>", "<item id='x'/>",
		"<item id='1a'><metadata xmlns='urn:xmpp:avatar:metadata'><info id='1a' type='image/png' bytes='3'/></metadata></item>",
		"<item id='c'><vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>A</text></fn><adr><locality>L</locality></adr></vcard></item>",
		"<item id='t'><vCard xmlns='vcard-temp'><FN>A</FN><PHOTO><BINVAL>YWFh</BINVAL></PHOTO><ADR><CTRY>F</CTRY></ADR></vCard></item>",
	} {
		f.Add([]byte(seed))
	}
	g, err := New(Options{
		Domain: testDomain, Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
		Transport: &scriptedFeeds{scriptedPostal: &scriptedPostal{scripted: newScripted()}, changed: make(chan struct{})},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		st, err := stanza.Parse([]byte("<items xmlns='"+nsPubSubEvent+"' node='"+transports.NodeFeed+"'>"+string(content)+"</items>"), nsPubSubEvent, stanza.Limits{})
		if err != nil {
			return
		}
		defer st.Release()
		items := g.feeds.readItems(st.Root, followAlice)
		ids := g.feeds.withdrawnBy(&feed{}, st.Root)
		if len(items) > maxFetched || len(ids) > maxWithdrawn {
			t.Errorf("%d items, %d taken back", len(items), len(ids))
		}
		for _, r := range items {
			if r.entry.Item == "" || len(r.entry.Item) > maxLetterID || len(r.entry.Body) > 64<<10 {
				t.Errorf("got %+v", r.entry)
			}
		}
		var card readCard
		item := lastItem(st.Root)
		card.readVCard4(item.Child(nsVCard4, "vcard"))
		card.readVCardTemp(item.Child(nsVCardTemp, "vCard"))
		for _, s := range []*string{card.Nick, card.Name, card.Note, card.Home, card.Place} {
			if s != nil && (*s == "" || len(*s) > maxProfileNote) {
				t.Errorf("got %q", *s)
			}
		}
		if id := pictureOf(item.Child(avatar.NSMetadata, "metadata")); len(id) > 64 || len(card.photo) > maxFeedPicture {
			t.Errorf("got %q, %d bytes", id, len(card.photo))
		}
	})
}
