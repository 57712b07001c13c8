package biboumi

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"passerelle/component"
	"passerelle/component/stanza"
	"passerelle/ircbridge"
	"passerelle/store"
	"passerelle/transports"
)

const (
	linesAtOnce = 8192     // of the archive, read and written
	maxBody     = 16 << 10 // bytes; six times as many in XML still fit
	maxUUID     = 64       // bytes
)

// place is a channel as biboumi writes it.
type place struct{ channel, server string }

// roomName is what a channel is called here.
type roomName struct {
	name  string // as our bridge formats it
	local string // in JIDs

	network string
}

// room finds what a channel is called, the zero roomName where it is none.
func (i *importer) room(p place) roomName {
	r, known := i.rooms[p]
	if !known {
		t, err := ircbridge.Naming{}.Parse(strings.ToLower(p.channel + "%" + p.server)) // as servers fold JIDs
		if err == nil && t.Kind == transports.TargetRoom && (i.Naming.Fixed == "" || t.Network == i.Naming.Fixed) {
			r.name, r.network = i.Naming.Format(t), t.Network
			r.local = component.LocalPart(r.name)
		}
		i.rooms[p] = r
	}
	return r
}

// lines takes the archive over, in the order in which it was written.
func (i *importer) lines(ctx context.Context) error {
	last, err := i.From.last(ctx)
	if err != nil {
		return err
	}
	now := i.Now().Unix()
	date, err := i.From.dateNear(ctx, i.progress.Line, now)
	if err != nil {
		return err
	}
	var b stanza.Builder
	first := i.progress.Line
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		rows, err := i.From.linesAfter(ctx, i.progress.Line, linesAtOnce)
		if err != nil || len(rows) == 0 {
			return err
		}
		heard := make([]store.HeardLine, 0, len(rows))
		for k := range rows {
			r := &rows[k]
			if r.date > 0 && r.date <= now {
				date = r.date
			} else {
				i.summary.skip(undated)
			}
			if l, ok := i.line(&b, r, time.Unix(date, 0)); ok {
				heard = append(heard, l)
			}
		}
		i.progress.Line = rows[len(rows)-1].id
		if i.Store != nil {
			if err := i.writeLines(ctx, heard); err != nil {
				return err
			}
		}
		i.summary.Lines += len(heard)
		i.Progress(i.progress.Line-first, max(last-first, i.progress.Line-first))
	}
}

// line is a row as we keep it; ok is false for one that is left out.
func (i *importer) line(b *stanza.Builder, r *line, at time.Time) (l store.HeardLine, ok bool) {
	room := i.room(place{r.channel, r.server}).local
	user, known := i.user(r.owner)
	switch {
	case !known:
		i.summary.skip(noOwner)
	case room == "":
		i.summary.skip(noRoom)
	case r.body == "":
		i.summary.skip(noText)
	case at.Before(i.OldestLine):
		i.summary.skip(tooOld)
	default:
		id := r.uuid
		if !plainID(id) {
			id = newID()
		}
		l = store.HeardLine{Reader: user.JID, RoomLine: store.RoomLine{
			Domain: i.Domain, Room: room, ID: id, Time: at, Nick: r.nick, Stanza: render(b, id, r.body),
		}}
		if l.Check() != nil {
			i.summary.skip(noLine)
			break
		}
		i.summary.heard(user, room)
		return l, true
	}
	return l, false
}

// render writes the message as a room shows it: its id is that of the archive, as in rooms of ours.
func render(b *stanza.Builder, id, body string) string {
	if len(body) > maxBody {
		body = strings.ToValidUTF8(body[:maxBody], "")
	}
	b.Reset()
	b.Start("message").Attr("id", id).Attr("type", "groupchat").Start("body").Text(body).End().End()
	return string(b.Bytes())
}

// plainID reports whether an id can be one of ours as it stands.
func plainID(id string) bool {
	odd := strings.ContainsFunc(id, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-'
	})
	return !odd && id != "" && len(id) <= maxUUID
}

func newID() string { return strings.ToLower(rand.Text()) }

// writeLines writes lines and that they are done. No two lines may have the same id: the later one gets another.
func (i *importer) writeLines(ctx context.Context, heard []store.HeardLine) error {
	ids := make([]string, len(heard))
	for k := range heard {
		ids[k] = heard[k].ID
	}
	return i.write(ctx, func(tx *store.Tx) error {
		known, err := tx.KnownLines(ids)
		if err != nil {
			return err
		}
		for k := range heard {
			l := &heard[k]
			if known[l.ID] {
				id := newID()
				l.Stanza = strings.Replace(l.Stanza, l.ID, id, 1)
				l.ID = id
			}
			known[l.ID] = true
		}
		return tx.AppendHeard(heard)
	})
}
