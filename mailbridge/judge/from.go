package judge

import (
	"bytes"
	"net/mail"
	"strings"
)

// maxFrom is how long a field From may be, in bytes, and still be looked at.
const maxFrom = 8 << 10

// fromDomain is the domain of whom a mail says that it is from. Ok is false where it does not say so, or names several domains: then nobody can
// say whose word would count (RFC 7489 §6.6.1).
func fromDomain(header []byte) (domain string, ok bool) {
	value, n := "", 0
	for line := range bytes.Lines(header) {
		text := string(line)
		switch {
		case strings.TrimRight(text, "\r\n") == "":
			return one(value, n)
		case (text[0] == ' ' || text[0] == '\t') && n > 0 && value != "" && value[len(value)-1] == '\n':
			value += text
		default:
			value = strings.TrimRight(value, "\r\n")
			name, rest, found := strings.Cut(text, ":")
			if found && strings.EqualFold(strings.TrimRight(name, " \t"), "From") {
				n++
				value = rest
			}
		}
		if len(value) > maxFrom {
			return "", false
		}
	}
	return one(value, n)
}

func one(value string, n int) (string, bool) {
	if n != 1 {
		return "", false
	}
	value = strings.TrimSpace(strings.NewReplacer("\r", "", "\n", "").Replace(value))
	domain := ""
	list, err := mail.ParseAddressList(value)
	if err != nil {
		// Many write a name that would need quotes. The address is in the last brackets, as clients show it.
		rest, after, found := strings.Cut(value[strings.LastIndexByte(value, '<')+1:], ">")
		if strings.Count(value, "<") > 1 || found && strings.ContainsRune(after, '@') {
			return "", false
		}
		list = []*mail.Address{{Address: strings.TrimSpace(rest)}}
	}
	for _, a := range list {
		d := fold(a.Address[strings.LastIndexByte(a.Address, '@')+1:])
		if d == "" || !strings.Contains(a.Address, "@") || domain != "" && domain != d {
			return "", false
		}
		domain = d
	}
	return domain, domain != ""
}
