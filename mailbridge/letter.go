package mailbridge

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strings"

	"passerelle/mailbridge/address"
	"passerelle/mailbridge/compose"
	"passerelle/transports"
)

// person is somebody in a head, as the database has him.
type person struct {
	Name    string `json:",omitempty"`
	Mailbox address.Mailbox
}

func (p person) header() compose.Person { return compose.Person{Name: p.Name, Mailbox: p.Mailbox} }

// others are those whom a mail was for beside its user and contact, as the database has them: whom an answer to all is for.
type others struct {
	To, Cc []person `json:",omitempty"`
	// Reply is who gets an answer in place of who wrote it.
	Reply []person `json:",omitempty"`
	// Report is the job that tells its sender that it has arrived, if he wants to hear that.
	Report int64 `json:",omitempty"`
	// Answered is the mail of a redirect that it answers; Unsaid that its user knows that nobody took it.
	Answered int64 `json:",omitempty"`
	Unsaid   bool  `json:",omitempty"`
}

// head is what stands above a mail of a user, as the database has it.
type head struct {
	Subject string
	Named   bool     `json:",omitempty"` // the user gave the subject
	To      []person `json:",omitempty"`
	Cc      []person `json:",omitempty"`
	Bcc     []person `json:",omitempty"`
	Reply   []person `json:",omitempty"` // who gets an answer in place of the user
	// Told are in the header alone: they have it by another way.
	ToldTo, ToldCc []person `json:",omitempty"`
	Parent         string   `json:",omitempty"` // Message-ID of what it answers
	Refs           []string `json:",omitempty"`
	Thread         string   // of its letters
	Client         string   `json:",omitempty"` // the thread by its client's name
	Formal         bool     `json:",omitempty"`
	Reaction       bool     `json:",omitempty"`
	Notice         string   `json:",omitempty"` // what stands above its text
	// From is the address of ours that a mail of a redirect comes from; zero for that of the user who writes.
	From address.Mailbox `json:",omitzero"`
}

// recipients are all to whom it is sent.
func (h *head) recipients() []address.Mailbox {
	var all []address.Mailbox
	seen := make(map[address.Mailbox]bool)
	for _, list := range [][]person{h.To, h.Cc, h.Bcc} {
		for _, p := range list {
			if !seen[p.Mailbox] {
				seen[p.Mailbox] = true
				all = append(all, p.Mailbox)
			}
		}
	}
	return all
}

// needsUTF8 reports whether there are other scripts in the addresses of the header (SMTPUTF8).
func (h *head) needsUTF8(from address.Mailbox) bool {
	for _, list := range [][]person{h.To, h.Cc, h.ToldTo, h.ToldCc, h.Reply} {
		for _, p := range list {
			if !p.Mailbox.ASCII() {
				return true
			}
		}
	}
	return !from.ASCII()
}

// bundle names whom a mail is for, so that lines to the same people go into one.
func (h *head) bundle() string {
	b, _ := json.Marshal([][]person{h.To, h.Cc, h.Bcc, h.ToldTo, h.ToldCc, h.Reply}) // of strings alone, it never fails
	return digest(string(b))
}

// toJSON is a value of ours for the database.
func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("of plain data: %v", err))
	}
	return string(b)
}

// fromJSON reads it back.
func fromJSON[T any](s string) (v T, err error) {
	if s == "" {
		return v, nil
	}
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return v, fmt.Errorf("read what was kept: %w", err)
	}
	return v, nil
}

var lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// digest is a short name for text, the same each time.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d %s", len(p), p) // a hash never fails
	}
	return lower.EncodeToString(h.Sum(nil))[:26]
}

// newMessageID is a Message-ID that nobody has (RFC 5322 §3.6.4).
func newMessageID(domain string) string {
	b := make([]byte, 15)
	rand.Read(b) // never fails
	return lower.EncodeToString(b) + "@" + domain
}

// baseSubject is a subject without what answers put in front of it.
func baseSubject(s string) string {
	for {
		s = strings.TrimSpace(s)
		i := strings.IndexByte(s, ':')
		if i < 0 || i > 6 {
			return s
		}
		word := strings.ToLower(strings.TrimRight(strings.TrimSpace(s[:i]), "0123456789[]()"))
		switch word {
		case "re", "aw", "sv", "vs", "ref", "rif", "réf", "antw", "odp", "fwd", "fw", "wg", "tr", "vb":
			s = s[i+1:]
		default:
			return s
		}
	}
}

// answerTo is the subject of an answer.
func answerTo(subject string) string {
	if base := baseSubject(subject); base != "" {
		return "Re: " + base
	}
	return ""
}

// letterHash tells a letter that comes twice.
func letterHash(l *transports.Letter) string {
	files := make([]string, len(l.Files))
	for i, f := range l.Files {
		files[i] = f.URL
	}
	return digest(append([]string{l.Subject, l.Body, l.Replaces}, files...)...)
}
