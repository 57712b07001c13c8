package component

import (
	"context"
	"time"

	"passerelle/component/downgrade"
	"passerelle/component/markup"
	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// A client that enters a room gets the history (XEP-0045 §7.2.14) from the archive, as far as the room does not remember it: the last of what the
// user heard there before. It has to be there when he is let in, so he is a little later for it.

const (
	// recallWait bounds how much later; then there is no history.
	recallWait = 3 * time.Second

	// maxRecalled bounds the stanzas of it, which each room holds from then on, in bytes.
	maxRecalled = 128 << 10

	// maxRecalledLines is how many lines are read for it: not all of them are messages.
	maxRecalledLines = 2 * muc.KeepHistory
)

// recallHistory fills the history of a room, where that is in the archive.
func (u *user) recallHistory(room *muc.Room) {
	h, ok := room.Archive().(*hearer)
	if !ok || !room.Recall() {
		return
	}
	forgets, since := u.forgets, u.archivedSince(room.Target())
	u.backgroundFor(u.g.opt.Timing.Recall, func(ctx context.Context) func() {
		page, err := u.g.readKept(ctx, h.id, mamPlace{addr: h.addr, room: h.room.name}, store.Query{Max: maxRecalledLines, Last: true, Bytes: maxRecalled, Since: since})
		return func() {
			if err != nil {
				u.g.log.Warn("the history of a room could not be read", u.logID(), "error", err)
			}
			if u.forgets != forgets {
				page.Lines = nil // he may have forgotten them since they were read
			}
			past := make([]muc.Past, 0, len(page.Lines))
			for i := range page.Lines {
				if p, ok := pastMessage(&page.Lines[i], u.formattingAt(h.addr)); ok {
					past = append(past, p)
				}
			}
			if u.networks.of(room.Target().Network).room(room.Target().ID) == room {
				room.Remember(past, u.out)
			}
		}
	})
}

// historyLength is how many lines of a room's history a client gets that does not ask for a number: what the user has set, as in biboumi.
func (u *user) historyLength(room transports.Target) int {
	network := u.g.scope(transports.Target{Kind: transports.TargetNetwork, Network: room.Network})
	if n, set := u.number(SettingHistory, network, u.g.scope(transports.Target{})); set {
		return min(n, muc.KeepHistory)
	}
	return muc.DefaultHistory
}

// pastMessage reads a line of the archive. Changes of the subject are no history.
func pastMessage(l *store.Line, wants func() markup.Settings) (muc.Past, bool) {
	st, err := stanza.Parse([]byte(markup.Restyle(l.Stanza, wants)), stanza.NSComponent, stanza.Limits{})
	if err != nil {
		return muc.Past{}, false
	}
	defer st.Release()
	p := muc.Past{
		Nick: l.Who, ID: st.Root.Attr("id"), StanzaID: l.ID, Payload: muc.Payload(st.Root), Occupant: muc.ReadOccupantID(st.Root),
		Body: downgrade.Unquoted(st.Root), Time: l.Time,
	}
	p.NetworkID = l.NetworkID
	if of := st.Root.Child(downgrade.NSReactions, "reactions"); of != nil && p.Body == "" {
		p.ReactsTo, p.Reacted = of.Attr("id"), downgrade.Signs(of)
		return p, p.ReactsTo != ""
	}
	return p, p.Body != "" && p.Payload != "" && !l.Retracted
}
