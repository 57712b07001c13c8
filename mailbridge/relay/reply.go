package relay

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what a server says.
const (
	maxReplyLine = 2 << 10 // bytes; RFC 5321 §4.5.3.1.5 has 512
	maxReplyRows = 128     // lines of one reply; EHLO has the most
	maxReplyText = 500     // bytes of what is kept of it
)

var (
	errLongReply = errors.New("it says too much")
	errBadReply  = errors.New("it does not speak SMTP")
)

// reply is what a server says to a command (RFC 5321 §4.2).
type reply struct {
	code  int
	lines []string // without codes, uncleaned
}

// readReply reads one reply. The reader has a buffer of maxReplyLine.
func readReply(r *bufio.Reader) (reply, error) {
	var got reply
	for range maxReplyRows {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return reply{}, errLongReply
		}
		if err != nil {
			return reply{}, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if len(text) < 3 || text[0] < '2' || text[0] > '5' || !digit(text[1]) || !digit(text[2]) {
			return reply{}, errBadReply
		}
		code := int(text[0]-'0')*100 + int(text[1]-'0')*10 + int(text[2]-'0')
		if got.code != 0 && code != got.code {
			return reply{}, errBadReply
		}
		got.code = code
		more := false
		if rest := text[3:]; rest != "" {
			if rest[0] != ' ' && rest[0] != '-' {
				return reply{}, errBadReply
			}
			more = rest[0] == '-'
			got.lines = append(got.lines, rest[1:])
		}
		if !more {
			return got, nil
		}
	}
	return reply{}, errLongReply
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// status is the enhanced code of a reply and its text, as people may read it.
func (r reply) status() (enhanced, text string) {
	var parts []string
	for i, line := range r.lines {
		word, rest, _ := strings.Cut(line, " ")
		if isEnhanced(word) && int(word[0]-'0') == r.code/100 {
			if i == 0 {
				enhanced = word
			}
			line = rest // RFC 2034 §4 repeats it on each line
		}
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, line)
		}
	}
	if enhanced == "" {
		enhanced = fmt.Sprintf("%d.0.0", r.code/100) // RFC 3463 §3.1
	}
	return enhanced, cleanReply(strings.Join(parts, " "))
}

// isEnhanced reports whether a word is a code as 5.1.1 (RFC 3463 §2).
func isEnhanced(s string) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || len(parts[0]) != 1 || strings.IndexByte("245", parts[0][0]) < 0 {
		return false
	}
	for _, p := range parts[1:] {
		if p == "" || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}

// cleanReply makes a stranger's words harmless: one line, no controls, not long.
func cleanReply(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c) {
			return ' '
		}
		return c
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxReplyText {
		return s
	}
	cut := maxReplyText
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// outcome is what a reply means where 2xx is hoped for.
func (r reply) outcome() Outcome {
	switch r.code / 100 {
	case 2:
		return Sent
	case 5:
		return Permanent
	default: // 3xx has no place there
		return Temporary
	}
}

func (r reply) ok() bool { return r.code/100 == 2 }
