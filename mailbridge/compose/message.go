// Package compose is in charge of mails that the gateway writes: from what somebody says to the bytes that go out. It reads and sends
// nothing, and it knows neither users nor conversations.
//
// Documents: RFC 5322 (messages), RFC 2045 to 2047 and 2231 (MIME), RFC 3676 (format=flowed), RFC 3834 (automatic mails), RFC 9078
// (reactions), RFC 3464 (delivery reports), RFC 6532 (UTF-8 in headers).
package compose

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"passerelle/mailbridge/address"
	"passerelle/transports"
)

// Outgoing is a mail. The same Outgoing always gives the same bytes.
type Outgoing struct {
	From      Person
	ReplyTo   []Person
	To, Cc    []Person
	Subject   string
	Date      time.Time
	MessageID string // without its brackets, as the next two
	// InReplyTo is the mail that it answers; References are those before it in its thread, the oldest first.
	InReplyTo  string
	References []string

	Text  string
	Spans []transports.Span // how pieces of Text look
	HTML  bool              // say it in HTML as well
	// Reaction makes it a reaction to InReplyTo: Text is the sign.
	Reaction bool
	Files    []File

	Auto   string   // Auto-Submitted (RFC 3834 §5); empty for what a person says
	Extra  []Header // further lines of the header, whose names are of the caller
	Report *Report  // makes it a delivery report: Text is its first part
}

// Person is somebody in a header.
type Person struct {
	Name    string // may be empty
	Mailbox address.Mailbox
}

// File is a file that goes along.
type File struct {
	Name string
	Type string // media type; empty if unknown
	Data []byte
}

// Header is a line of the header.
type Header struct{ Name, Value string }

// Limits of what goes into a header: more is cut.
const (
	maxSubject    = 500 // characters
	maxName       = 200 // characters
	maxFileName   = 200 // bytes
	maxReferences = 20  // the first, and those at the end
)

// Message writes the mail, its lines ended by CRLF.
func Message(out *Outgoing) ([]byte, error) {
	if out.From.Mailbox.Domain == "" || out.MessageID == "" || out.Date.IsZero() {
		return nil, errors.New("compose a mail: it has no sender, no date or no Message-ID")
	}
	w := &writer{mark: mark(out.MessageID)}
	w.header("Date", out.Date.Format("Mon, 02 Jan 2006 15:04:05 -0700")) // RFC 5322 §3.3
	for _, list := range []struct {
		name string
		who  []Person
	}{{"From", []Person{out.From}}, {"Reply-To", out.ReplyTo}, {"To", out.To}, {"Cc", out.Cc}} {
		if err := w.people(list.name, list.who); err != nil {
			return nil, fmt.Errorf("compose a mail: %w", err)
		}
	}
	w.header("Subject", phrase(cutRunes(out.Subject, maxSubject)))
	w.header("Message-ID", "<"+out.MessageID+">")
	if id := cleanID(out.InReplyTo); id != "" {
		w.header("In-Reply-To", "<"+id+">")
	}
	w.header("References", references(out.References))
	if out.Auto != "" {
		w.header("Auto-Submitted", out.Auto)
	}
	for _, h := range out.Extra {
		w.header(h.Name, phrase(h.Value))
	}
	w.header("MIME-Version", "1.0")
	w.body(out)
	return w.buf.Bytes(), nil
}

// references are those in the header: the first of a thread and the last ones (RFC 5322 §3.6.4).
func references(ids []string) string {
	var clean []string
	for _, id := range ids {
		if id = cleanID(id); id != "" {
			clean = append(clean, "<"+id+">")
		}
	}
	if len(clean) > maxReferences {
		clean = append(clean[:1:1], clean[len(clean)-maxReferences+1:]...)
	}
	return strings.Join(clean, " ")
}

// cleanID is an id as a header may have it, empty where it cannot: strangers make them.
func cleanID(id string) string {
	if len(id) > 250 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '<' || r == '>' }) {
		return ""
	}
	return id
}

// mark tells the boundaries of a mail from those of others. Neither base64 nor quoted-printable have "=_" anywhere (RFC 2045 §6.7).
func mark(messageID string) string {
	sum := sha256.Sum256([]byte(messageID))
	return "=_" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:15]))
}

// writer writes one mail.
type writer struct {
	buf   bytes.Buffer
	mark  string
	parts int // boundaries that are used
}

// body writes the header's end and what is behind it, as nested as need be.
func (w *writer) body(out *Outgoing) {
	switch {
	case out.Report != nil:
		w.report(out)
		return
	case len(out.Files) == 0:
		w.said(out)
		return
	}
	end := w.multipart("mixed", "")
	w.part(end)
	w.said(out)
	for i := range out.Files {
		w.part(end)
		w.file(&out.Files[i])
	}
	w.close(end)
}

// said writes what is said, as text and, where it is wanted, as HTML beside it.
func (w *writer) said(out *Outgoing) {
	if out.Reaction { // RFC 9078 §2
		w.header("Content-Disposition", "reaction")
		w.quoted("text/plain; charset=utf-8", strings.TrimSpace(out.Text)+"\r\n")
		return
	}
	if !out.HTML {
		w.flowed(signed(out.Text, out.Spans))
		return
	}
	end := w.multipart("alternative", "")
	w.part(end)
	w.flowed(signed(out.Text, out.Spans))
	w.part(end)
	w.quoted("text/html; charset=utf-8", html(out.Text, out.Spans))
	w.close(end)
}

func (w *writer) flowed(text string) {
	w.quoted("text/plain; charset=utf-8; format=flowed", flow(text)) // RFC 3676 §4.1
}

func (w *writer) quoted(contentType, text string) {
	w.header("Content-Type", contentType)
	w.header("Content-Transfer-Encoding", "quoted-printable")
	w.buf.WriteString("\r\n")
	q := quotedprintable.NewWriter(&w.buf)
	_, _ = q.Write([]byte(text)) // a buffer takes everything
	_ = q.Close()
	if !bytes.HasSuffix(w.buf.Bytes(), []byte("\r\n")) {
		w.buf.WriteString("\r\n")
	}
}

func (w *writer) file(f *File) {
	name := fileName(f.Name)
	kind, params, err := mime.ParseMediaType(f.Type)
	if err != nil || !strings.Contains(kind, "/") || strings.HasPrefix(kind, "multipart/") || strings.HasPrefix(kind, "message/") {
		kind, params = "application/octet-stream", nil
	}
	if charset := params["charset"]; charset != "" {
		params = map[string]string{"charset": charset, "name": name}
	} else {
		params = map[string]string{"name": name}
	}
	contentType := mime.FormatMediaType(kind, params) // RFC 2231
	if contentType == "" {
		contentType = mime.FormatMediaType("application/octet-stream", map[string]string{"name": name})
	}
	w.header("Content-Type", contentType)
	w.header("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	w.header("Content-Transfer-Encoding", "base64")
	w.buf.WriteString("\r\n")
	const line = 57 // bytes that make 76 characters (RFC 2045 §6.8)
	for data := f.Data; len(data) > 0; {
		n := min(line, len(data))
		w.buf.Write(base64.StdEncoding.AppendEncode(w.buf.AvailableBuffer(), data[:n]))
		w.buf.WriteString("\r\n")
		data = data[n:]
	}
}

// fileName is a name for others' disks: without directories and without what is no character.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(clean(name), `\`, "/"))
	if strings.Trim(name, ". /") == "" {
		return "file"
	}
	if len(name) <= maxFileName {
		return name
	}
	ext := path.Ext(name)
	if len(ext) > 20 {
		ext = ""
	}
	return strings.ToValidUTF8(name[:maxFileName-len(ext)], "") + ext
}

// multipart begins a part of several and returns the boundary.
func (w *writer) multipart(kind, params string) (boundary string) {
	w.parts++
	boundary = fmt.Sprintf("%s.%d", w.mark, w.parts)
	w.header("Content-Type", fmt.Sprintf(`multipart/%s; boundary="%s"%s`, kind, boundary, params))
	w.buf.WriteString("\r\n")
	return boundary
}

func (w *writer) part(boundary string)  { w.buf.WriteString("--" + boundary + "\r\n") }
func (w *writer) close(boundary string) { w.buf.WriteString("--" + boundary + "--\r\n") }

// cutRunes is the beginning of a text.
func cutRunes(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
