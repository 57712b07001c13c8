package microblog

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"passerelle/component/downgrade"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// ReadRegard reads what somebody attaches to an item (XEP-0470 §4.1); false where the item has no attachments. Who he is its user knows: By is empty.
func ReadRegard(item *stanza.Element) (transports.Regard, bool) {
	x := item.Child(NSAttachments, "attachments")
	if x == nil {
		return transports.Regard{}, false
	}
	noticed, reactions := x.Child(NSAttachments, "noticed"), x.Child(NSAttachments, "reactions")
	r := transports.Regard{Noticed: noticed != nil, Time: date(reactions.Attr("timestamp"))}
	if t := date(noticed.Attr("timestamp")); t.After(r.Time) {
		r.Time = t
	}
	for c := range reactions.Children() {
		sign := c.Text()
		if c.Is(NSAttachments, "reaction") && sign != "" && len(sign) <= maxSign && len(r.Reactions) < downgrade.MaxSigns && !slices.Contains(r.Reactions, sign) {
			r.Reactions = append(r.Reactions, sign)
		}
	}
	return r, true
}

// maxSign is how long a sign may be, in bytes: some are of a dozen characters, joined.
const maxSign = 64

// AppendRegard writes it as the payload of an item.
func AppendRegard(b *stanza.Builder, r *transports.Regard) {
	at := ""
	if !r.Time.IsZero() {
		at = r.Time.UTC().Format(time.RFC3339)
	}
	b.StartNS("attachments", NSAttachments)
	if r.Noticed {
		b.Start("noticed").Attr("timestamp", at).End()
	}
	if len(r.Reactions) > 0 {
		b.Start("reactions").Attr("timestamp", at)
		for _, sign := range r.Reactions[:min(len(r.Reactions), downgrade.MaxSigns)] {
			b.Start("reaction").Text(sign).End()
		}
		b.End()
	}
	b.End()
}

// maxSummed is how many different signs are summed up.
const maxSummed = 50

// AppendSummary writes what several people attach to an item, summed up (XEP-0470 §4.7, §4.8).
func AppendSummary(b *stanza.Builder, all []transports.Regard) {
	noticed, signs := 0, make(map[string]int)
	for i := range all {
		if all[i].Noticed {
			noticed++
		}
		for j, sign := range all[i].Reactions {
			if !slices.Contains(all[i].Reactions[:j], sign) && (len(signs) < maxSummed || signs[sign] > 0) {
				signs[sign]++
			}
		}
	}
	b.StartNS("summary", NSSummary)
	if noticed > 0 {
		b.Start("noticed").Int("count", noticed).End()
	}
	if len(signs) > 0 {
		b.Start("reactions")
		for _, sign := range slices.Sorted(maps.Keys(signs)) {
			b.Start("reaction")
			if n := signs[sign]; n > 1 {
				b.Attr("count", strconv.Itoa(n))
			}
			b.Text(sign).End()
		}
		b.End()
	}
	b.End()
}
