package component

import (
	"testing"

	"passerelle/store"
	"passerelle/transports"
)

// A letter with files comes as several messages in their order; what somebody has blocked, and how he wants to see things, counts.
func TestDeliveredLettersFollowWhatIsSet(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	phone := w.connected().client("alice@localhost/phone")
	styled := letterTo("l1")
	styled.Body, styled.Spans = "so bold", []transports.Span{{From: 3, To: 7, Look: transports.Look{Style: transports.StyleBold}}}
	styled.Files = []transports.Attachment{{URL: "https://files.example/a.pdf"}}
	w.deliver(outboxUser, styled)
	phone.expect(`<message type='chat' id='l1'><body>so *bold*</body><html xmlns='http://jabber.org/protocol/xhtml-im'/></message>`)
	phone.expect(`<message type='chat' id='l1-file-1'><body>https://files.example/a.pdf</body></message>`)

	id := w.gateway.userID(outboxUser)
	set := func(f func(tx *store.Tx) error) {
		t.Helper()
		if err := w.db.Write(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	set(func(tx *store.Tx) error { return tx.Set(id, "gateway", SettingShowFormatting, "xhtml") })
	w.deliver(outboxUser, styled)
	phone.expect(`<message type='chat' id='l1'><body>so bold</body><html xmlns='http://jabber.org/protocol/xhtml-im'/></message>`)
	phone.expect(`<message type='chat' id='l1-file-1'/>`)

	for _, blocked := range []string{w.gateway.address(outboxBob).String(), testDomain} {
		set(func(tx *store.Tx) error { return tx.Block(store.Block{UserID: id, Blocked: blocked}) })
		w.deliver(outboxUser, letterTo("l2"), transports.Remark{ID: "r", Text: "Of all."})
		phone.expect(`<message type='chat' id='r'/>`)
		set(func(tx *store.Tx) error { return tx.UnblockAll(id) })
	}
	w.deliver(outboxUser, letterTo("l3"))
	phone.expect(`<message type='chat' id='l3'/>`)
	w.emptied()
}
