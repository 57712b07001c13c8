package component

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"passerelle/component/downgrade"
	"passerelle/component/markup"
	"passerelle/component/stanza"
	"passerelle/transports"
)

const (
	nsSHIM = "http://jabber.org/protocol/shim" // XEP-0131
	// maxHeaders and maxHeaderLine bound what stands above a letter: how many lines, and the bytes of each.
	maxHeaders    = 32
	maxHeaderLine = 1 << 10
	// maxLetter is how large a letter may become by its looks, in bytes; where it would be larger it is plain.
	maxLetter = 128 << 10
)

// part is one of the messages that a letter is.
type part struct{ id, xml string }

// renderLetter writes a letter to a user as messages from its contact: what it says, under the id of the letter, and then each file by itself,
// since clients show one file to a message. What is written depends on the letter alone, so that one that comes twice is the same, with
// the same ids. When it came (XEP-0203) is added when it is sent, see outbox.
func (g *Gateway) renderLetter(user transports.Address, l *transports.Letter, show markup.Show) []part {
	var parts []part
	var b stanza.Builder
	if l.Body != "" || l.Subject != "" || len(l.Files) == 0 {
		g.appendSaid(&b, user, l, show)
		if b.Len() > maxLetter && len(l.Spans) > 0 {
			b.Reset()
			g.appendSaid(&b, user, l, markup.ShowPlain)
		}
		parts = append(parts, part{l.ID, string(b.Bytes())})
	}
	for i := range l.Files {
		id := fileID(l.ID, len(parts))
		b.Reset()
		g.appendFile(&b, user, l, id, i == 0 && len(parts) == 0, &l.Files[i])
		parts = append(parts, part{id, string(b.Bytes())})
	}
	return parts
}

// fileMark stands in the ids of messages that are files of a letter, behind the id of the letter.
const fileMark = "-file-"

// fileID is the id of a message that is a file of a letter. The first one of a letter without words has the letter's.
func fileID(letter string, n int) string {
	if n == 0 {
		return letter
	}
	return letter + fileMark + strconv.Itoa(n)
}

// letterID is the id of the letter that a message belongs to: users answer and react to files as well.
func letterID(id string) string {
	i := strings.LastIndex(id, fileMark)
	if i <= 0 {
		return id
	}
	if n, err := strconv.Atoi(id[i+len(fileMark):]); err != nil || n <= 0 {
		return id
	}
	return id[:i]
}

// startLetter begins a message of a letter.
func (g *Gateway) startLetter(b *stanza.Builder, user transports.Address, l *transports.Letter, id string) {
	typ := "chat"
	if l.Formal {
		typ = "normal" // RFC 6121 §5.2.2: outside of a conversation
	}
	b.Start("message").JID("from", g.address(l.With)).JID("to", user.Bare()).Attr("type", typ).Attr("id", id)
}

// endLetter ends a message of a letter. First is the one that stands for the letter as a whole.
func (g *Gateway) endLetter(b *stanza.Builder, user transports.Address, l *transports.Letter, id string, first bool) {
	if l.Thread != "" { // XEP-0201 §4
		b.Start("thread").Text(l.Thread).End()
	}
	if l.Nick != "" { // XEP-0172 §4.2
		appendNick(b, l.Nick)
	}
	if first {
		if l.ReplyTo != "" && len(l.Reactions) == 0 { // XEP-0461 §3
			author := user.Bare()
			if l.Continues {
				author = g.address(l.With)
			}
			b.StartNS("reply", downgrade.NSReply).JID("to", author).Attr("id", l.ReplyTo).End()
		}
		g.appendAddresses(b, l)
		appendHeaders(b, l.Headers)
		if l.Receipt {
			b.StartNS("request", nsReceipts).End()
			b.StartNS("markable", nsMarkers).End() // XEP-0333 §4
		}
	}
	if id != "" { // XEP-0359 §2.1
		b.StartNS("origin-id", nsSID).Attr("id", id).End()
	}
	b.StartNS("store", nsHints).End() // XEP-0334 §4.4: files and subjects alone are worth keeping too
	b.End()
}

// appendSaid writes what a letter says.
func (g *Gateway) appendSaid(b *stanza.Builder, user transports.Address, l *transports.Letter, show markup.Show) {
	g.startLetter(b, user, l, l.ID)
	if l.Subject != "" {
		b.Start("subject").Text(l.Subject).End()
	}
	quoted := min(max(l.Quoted, 0), len(l.Body))
	if l.Body != "" {
		// What is quoted has no signs, so that it is as long as it is said to be.
		markup.Append(b, l.Body[:quoted], l.Body[quoted:], transports.CutSpans(l.Spans, quoted, len(l.Body), 0), show)
	}
	if quoted > 0 && l.ReplyTo != "" { // XEP-0461 §3.1
		b.StartNS("fallback", downgrade.NSFallback).Attr("for", downgrade.NSReply)
		b.Start("body").Int("start", 0).Int("end", utf8.RuneCountInString(l.Body[:quoted])).End()
		b.End()
	}
	if len(l.Reactions) > 0 && l.ReplyTo != "" { // XEP-0444 §2.2
		b.StartNS("reactions", downgrade.NSReactions).Attr("id", l.ReplyTo)
		for _, sign := range l.Reactions[:min(len(l.Reactions), downgrade.MaxSigns)] {
			b.Start("reaction").Text(sign).End()
		}
		b.End()
		b.StartNS("fallback", downgrade.NSFallback).Attr("for", downgrade.NSReactions).Start("body").End().End()
	}
	g.endLetter(b, user, l, l.ID, true)
}

// appendFile writes a file of a letter, in each way that clients know.
func (g *Gateway) appendFile(b *stanza.Builder, user transports.Address, l *transports.Letter, id string, first bool, f *transports.Attachment) {
	g.startLetter(b, user, l, id)
	appendFileContent(b, f)
	g.endLetter(b, user, l, id, first)
}

// appendFileContent writes what a message has that is a file.
func appendFileContent(b *stanza.Builder, f *transports.Attachment) {
	b.Start("body").Text(f.URL).End() // clients show a file where this is the address alone
	b.StartNS("x", downgrade.NSOOB).Start("url").Text(f.URL).End()
	if f.Description != "" {
		b.Start("desc").Text(f.Description).End()
	}
	b.End()
	b.StartNS("file-sharing", downgrade.NSSharing).Attr("disposition", disposition(f.Type)) // XEP-0447 §3.1
	b.StartNS("file", downgrade.NSFile)
	field := func(name, value string) {
		if value != "" {
			b.Start(name).Text(value).End()
		}
	}
	field("media-type", f.Type) // XEP-0446 §3
	field("name", f.Name)
	if f.Size > 0 {
		field("size", strconv.FormatInt(f.Size, 10))
	}
	field("desc", f.Description)
	b.End()
	b.Start("sources").StartNS("url-data", downgrade.NSURLData).Attr("target", f.URL).End().End()
	b.End()
	b.StartNS("fallback", downgrade.NSFallback).Attr("for", downgrade.NSSharing).Start("body").End().End()
}

// disposition says whether clients may show a file of that type beside what is said, or are to offer it.
func disposition(typ string) string {
	for _, kind := range []string{"image/", "audio/", "video/"} {
		if strings.HasPrefix(typ, kind) {
			return "inline"
		}
	}
	return "attachment"
}

// appendAddresses writes who else has a letter (XEP-0033 §4). All of them have it already, and nobody is told of hidden ones.
func (g *Gateway) appendAddresses(b *stanza.Builder, l *transports.Letter) {
	begun := false
	for i, r := range l.Others {
		if i >= transports.MaxRecipients {
			break
		}
		typ := ""
		switch r.Kind {
		case transports.RecipientTo:
			typ = "to"
		case transports.RecipientCc:
			typ = "cc"
		case transports.RecipientReplyTo:
			typ = "replyto"
		case transports.RecipientBcc:
		}
		who := r.User
		if r.Who.Kind == transports.TargetContact {
			who = g.address(r.Who)
		}
		if typ == "" || who.IsZero() {
			continue
		}
		if !begun {
			b.StartNS("addresses", nsAddress)
			begun = true
		}
		b.Start("address").Attr("type", typ).JID("jid", who).Attr("desc", clip(r.Name, maxRecipientName))
		if r.Kind != transports.RecipientReplyTo {
			b.Attr("delivered", "true")
		}
		b.End()
	}
	if begun {
		b.End()
	}
}

// appendHeaders writes what stands above a letter.
func appendHeaders(b *stanza.Builder, headers []transports.Header) {
	if len(headers) == 0 {
		return
	}
	b.StartNS("headers", nsSHIM)
	for _, h := range headers[:min(len(headers), maxHeaders)] {
		if len(h.Value) <= maxHeaderLine {
			b.Start("header").Attr("name", h.Name).Text(h.Value).End()
		}
	}
	b.End()
}
