// Package content reads mail that strangers wrote: from the bytes of a message (RFC 5322) to what a person wants to read of it, how that looks,
// which files come along, and what kind of mail it is.
//
// It is pure and does not judge who sent it: no I/O, no clock. It never fails for mail that can be shown in some way, and what it takes of
// memory and time has bounds, whatever the mail is. Its parser is one of its own since those that there are stop at the first fault of a mail, or
// have no bound for nesting, parts and fields.
//
// Documents: RFC 2045-2047, 2231 (MIME), 2369, 2919, 8058 (lists), 3156 (PGP), 3464, 6522, 6533 (delivery reports), 3676 (format=flowed),
// 3834 (automatic mail), 5322, 6532 (messages), 8098 (read reports), 8551 (S/MIME), 9078 (reactions), and QSBMF for reports of qmail.
package content

import (
	"errors"
	"fmt"
	"time"

	"passerelle/mailbridge/address"
	"passerelle/transports"
)

// Limits bound what is read. A field that is zero has the value of DefaultLimits.
type Limits struct {
	Size   int // of the whole mail, in bytes
	Header int // of the header of a message, in bytes
	Fields int // of that header
	Depth  int // of parts in parts
	Parts  int // of the whole mail
	Text   int // of Text and of Quote, in bytes; a part that has more is a file as well
	// Outline leaves large files as they are encoded, in the memory of the mail: for who wants to know what there is, and nothing of them.
	Outline bool
}

// DefaultLimits are those of a mail server that takes what others send.
var DefaultLimits = Limits{Size: 25 << 20, Header: 256 << 10, Fields: 1000, Depth: 16, Parts: 200, Text: 256 << 10}

// Faults of Read. All are for the peer that brings the mail: it is to take it back.
var (
	ErrSize   = errors.New("the mail is too large")
	ErrHeader = errors.New("the header of the mail is too large")
	ErrFields = errors.New("the header of the mail has too many fields")
)

// Message is a mail. All its text is valid UTF-8 without control characters but tabs and line feeds.
type Message struct {
	From, Sender, ReplyTo, To, Cc []Person
	Subject                       string
	// MessageID, InReplyTo and References are ids without angle brackets. Nothing makes sure that an id is of this mail alone: it may be missing
	// or that of another.
	MessageID  string
	InReplyTo  []string
	References []string  // at most 20: the first and the last ones, the oldest first
	Date       time.Time // as its sender's clock has it; the zero Time where it says none that can be

	// Text is what its sender wrote, without what he repeats of other mail and without the signature below. Spans say how it looks.
	Text  string
	Spans []transports.Span
	// Quoted is how many bytes at the beginning of Text repeat the mail that this one answers, where the answer stands below it.
	Quoted    int
	Quote     string // what was repeated and is not in Text
	Signature string // what stood below the text, or what a list or a phone put there
	HTML      bool   // Text is made of HTML
	Truncated bool   // Text is not all of it: the rest is in a file

	Files []Part

	List  *List // the mailing list or newsletter that brought it
	Bulk  bool  // its sender says that many get it
	Auto  bool  // no person wrote it (RFC 3834)
	Reply bool  // it answers a mail by itself, as somebody's who is on holiday
	Quiet bool  // nothing may answer it by itself: List, Bulk and Auto, and where its sender asks for that
	// Report is what a machine says about a mail that somebody sent.
	Report *Report
	// Encrypted and Signed name the way, "OpenPGP" or "S/MIME". What is encrypted is in Files as it came, and what is signed as a whole (Original),
	// since a signature covers bytes.
	Encrypted, Signed string
	// Reactions are what its sender feels about the mail that it answers (RFC 9078): one emoji each.
	Reactions []string

	Autocrypt string   // the value of the header, unchecked
	Received  int      // how many servers it has passed
	Repeated  bool     // To, Cc or Message-ID stands above it twice, which nobody's program does (RFC 5322 §3.6)
	Loops     []string // the values of Delivered-To and X-Loop: whoever has put one in already has seen it
	Odd       []Oddity // what a person is to know about it
}

// Person is somebody that a header names. The zero Mailbox stands for an address that cannot be one.
type Person struct {
	Name string // without controls and signs that reorder text
	address.Mailbox
}

// Part is a file.
type Part struct {
	Name    string // safe as the name of a file: no path, no controls, no device
	Type    string // media type in lower case, without parameters
	Charset string // of text, as declared
	Data    []byte
	Inline  bool // it is shown within the text, as pictures of a text in HTML are
	// Original marks a mail that is here as a whole though its text is shown, since only so its signature can be checked.
	Original bool
	ID       string // its Content-ID, without angle brackets
}

// Size is its length in bytes.
func (p Part) Size() int64 { return int64(len(p.Data)) }

// List is what a list says of itself (RFC 2369, RFC 2919, RFC 8058).
type List struct {
	ID, Name string // ID is empty where there is only a way out of it
	Post     string // the address that takes what is for all
	// Unsubscribe are URLs, the mailto and https ones; OneClick says that a POST to an https one is enough.
	Unsubscribe []string
	OneClick    bool
}

// Odd is a kind of Oddity.
type Odd uint8

// What may be odd about a mail.
const (
	OddFrom    Odd = iota // several From fields, or none that names an address; What is what they say
	OddName               // the name of who wrote it is another address: What
	OddLink               // a link leads to another host than it shows; What is where
	OddDate               // the date cannot be one: What
	OddDamaged            // something of it cannot be read as it was meant
	OddCharset            // in a character set that nobody knows: What
	OddParts              // it has more parts than are read, or deeper ones
	OddEmpty              // there is nothing in it
)

// Oddity is something that a person is to know about a mail.
type Oddity struct {
	Kind Odd
	What string
}

// maxOdd bounds the oddities of a mail; one of a kind is enough, but for links.
const maxOdd = 8

func (m *Message) odd(kind Odd, what string) {
	for _, o := range m.Odd {
		if o.Kind == kind && (kind != OddLink || o.What == what) {
			return
		}
	}
	if len(m.Odd) < maxOdd {
		m.Odd = append(m.Odd, Oddity{kind, cut(what, 200)})
	}
}

func (l Limits) orDefault() Limits {
	or := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	d := DefaultLimits
	or(&l.Size, d.Size)
	or(&l.Header, d.Header)
	or(&l.Fields, d.Fields)
	or(&l.Depth, d.Depth)
	or(&l.Parts, d.Parts)
	or(&l.Text, d.Text)
	return l
}

// Read reads a mail as SMTP brings it, without dot-stuffing. Files share memory with raw. An error is one of ErrSize, ErrHeader and ErrFields;
// nothing else makes a mail unreadable. Safe to call from any goroutine.
func Read(raw []byte, limits Limits) (*Message, error) {
	limits = limits.orDefault()
	if len(raw) > limits.Size {
		return nil, fmt.Errorf("%w: %d bytes", ErrSize, len(raw))
	}
	h, body, err := readHeader(raw, limits.Header, limits.Fields, true)
	if err != nil {
		return nil, err
	}
	r := reader{limits: limits, m: &Message{}}
	r.readFields(h)
	r.readKind(h)
	root := r.parse(h, body, 0, "text/plain")
	r.read(root, raw)
	return r.m, nil
}

// reader reads one mail.
type reader struct {
	limits  Limits
	m       *Message
	parts   int                // read so far
	forward bool               // it passes on another mail
	reply   bool               // it answers another mail
	later   bool               // of one part: another text stands before it
	seen    map[*part]*Message // texts that were read already
}
