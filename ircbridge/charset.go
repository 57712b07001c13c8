package ircbridge

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"

	"passerelle/transports"
)

// Some channels, and some networks, are older than UTF-8. What is not valid UTF-8 is read as a user set it for the channel or the network,
// and written so where he set that.

// charset is how text is written in bytes. A nil charset is UTF-8, as is one without an encoding.
type charset struct {
	name string // as the user wrote it
	enc  encoding.Encoding
}

var errCharset = errors.New("no encoding of text on IRC")

// readCharset finds a charset by one of its names.
func readCharset(name string) (*charset, error) {
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		if enc, err = htmlindex.Get(name); err != nil { // has names that people use, such as latin2 and cp1252
			return nil, fmt.Errorf("read encoding: %w", err)
		}
	}
	if enc == encoding.Replacement {
		return nil, errCharset
	}
	c := &charset{name, enc}
	if utf, _ := htmlindex.Name(enc); utf == "utf-8" {
		c.enc = nil
		return c, nil
	}
	return c, c.check()
}

// check refuses what cannot stand in lines of IRC, as UTF-16, and what looks like ASCII, as ISO-2022-JP, so that nobody would know it.
func (c *charset) check() error {
	for b := byte(' '); b < utf8.RuneSelf-1; b++ {
		if s, err := c.enc.NewEncoder().String(string(rune(b))); err != nil || s != string(rune(b)) {
			return errCharset
		}
	}
	for _, sample := range []string{"é", "я", "ω", "ا", "ש", "あ", "中", "한", "ก"} {
		if s, err := c.enc.NewEncoder().String(sample); err == nil && asciiOnly(s) {
			return errCharset
		}
	}
	return nil
}

// utf8 reports whether c is UTF-8.
func (c *charset) utf8() bool { return c == nil || c.enc == nil }

// size is how many bytes s takes.
func (c *charset) size(s string) int {
	if c.utf8() {
		return len(s)
	}
	return len(c.encode(s))
}

// lacks finds the first character of s that cannot be written.
func (c *charset) lacks(s string) (lacking rune, found bool) {
	if c.utf8() {
		return 0, false
	}
	e := c.enc.NewEncoder()
	for _, r := range s {
		if _, err := e.String(string(r)); r >= utf8.RuneSelf && err != nil {
			return r, true
		}
	}
	return 0, false
}

// encode writes s; what cannot be written becomes a question mark.
func (c *charset) encode(s string) string {
	if c.utf8() || asciiOnly(s) {
		return s
	}
	e := c.enc.NewEncoder()
	if all, err := e.String(s); err == nil {
		return all
	}
	var b strings.Builder
	for _, r := range s {
		one, err := e.String(string(r))
		if err != nil {
			one = "?"
		}
		b.WriteString(one)
	}
	return b.String()
}

// decode reads what is not valid UTF-8. What people call ISO-8859-1 is mostly windows-1252, which has all of it that they type: so it is
// read, as it is where nothing is set.
func (c *charset) decode(line []byte) string {
	var enc encoding.Encoding = charmap.Windows1252
	if !c.utf8() && c.enc != charmap.ISO8859_1 {
		enc = c.enc
	}
	text, err := enc.NewDecoder().String(string(line))
	if err != nil { // they replace what they cannot read
		return strings.ToValidUTF8(string(line), string(utf8.RuneError))
	}
	return text
}

// duplex is how is read and written; nil is as one level above.
type duplex struct{ in, out *charset }

// readDuplex reads what is set for a channel or a network. Who only says how to write reads so, too.
func readDuplex(in, out string) duplex {
	var d duplex
	// What is no charset any more, in a later version, counts as not set.
	if out != "" {
		d.out, _ = readCharset(out)
	}
	if d.in = d.out; in != "" {
		d.in, _ = readCharset(in)
	}
	return d
}

// charsets are those that a user has set on a network.
type charsets struct {
	network duplex
	rooms   map[string]duplex // by the ID of the target
}

// readCharsets reads what a user set on a network, and in its channels, which are among the scopes of encodings. Nil is UTF-8.
func (s *session) readCharsets(set map[string]string, encodings map[string]map[string]string) *charsets {
	c := charsets{network: readDuplex(set[SettingEncodingIn], set[SettingEncodingOut])}
	in, out := encodings[SettingEncodingIn], encodings[SettingEncodingOut]
	for _, scopes := range []map[string]string{in, out} {
		for scope := range scopes {
			local, ok := strings.CutPrefix(scope, transports.Scope(transports.TargetRoom, ""))
			target, err := s.t.naming().Parse(local)
			if !ok || err != nil || target.Network != s.net.ID {
				continue
			}
			if c.rooms == nil {
				c.rooms = make(map[string]duplex)
			}
			c.rooms[target.ID] = readDuplex(in[scope], out[scope])
		}
	}
	if len(c.rooms) == 0 && c.network == (duplex{}) {
		return nil
	}
	return &c
}

// decode reads what is not UTF-8, as is set for the channel that it is about.
func (s *session) decode(line []byte) string {
	if s.charsets == nil {
		return (*charset)(nil).decode(line)
	}
	for _, r := range s.rooms {
		if in := s.charsets.rooms[r.target.ID].in; in != nil {
			if text := in.decode(line); s.isAbout(text, r) {
				return text
			}
		}
	}
	return s.charsets.network.in.decode(line)
}

// encode writes a line, as is set for the channel that it is about.
func (s *session) encode(line string) string {
	if s.charsets == nil || s.conn != nil && s.conn.isup.utf8Only || asciiOnly(line) {
		return line
	}
	for _, r := range s.rooms {
		if out := s.charsets.rooms[r.target.ID].out; out != nil && s.isAbout(line, r) {
			return out.encode(line)
		}
	}
	return s.charsets.network.out.encode(line)
}

// charsetTo is how is written to a target.
func (s *session) charsetTo(t transports.Target) *charset {
	if s.charsets == nil || s.conn != nil && s.conn.isup.utf8Only {
		return nil
	}
	if t.Kind == transports.TargetRoom {
		if out := s.charsets.rooms[t.ID].out; out != nil {
			return out
		}
	}
	return s.charsets.network.out
}

// isAbout reports whether a line is about a channel.
func (s *session) isAbout(line string, r *room) bool {
	for _, p := range cutParams(line) {
		if s.lookup(p) == r {
			return true
		}
	}
	return false
}

// unsayable is the refusal of a text that cannot be written to a target, nil where it can.
func (s *session) unsayable(t transports.Target, text string) *transports.Error {
	c := s.charsetTo(t)
	lacking, found := c.lacks(text)
	if !found {
		return nil
	}
	return refused(transports.BadRequest, "What you write there is sent in %s, which has no “%c”: write it otherwise, or change the encoding with the command configure.",
		c.name, lacking)
}
