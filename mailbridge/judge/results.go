package judge

import (
	"strings"
)

// Field is the field Authentication-Results with the verdict (RFC 8601 §2.2), with the end of its line. Server is who has found it.
func (v Verdict) Field(server string) string {
	parts := []string{server}
	if v.SPF != "" {
		s := "spf=" + string(v.SPF)
		if v.SPFDomain != "" {
			s += " smtp.mailfrom=" + v.SPFDomain
		}
		parts = append(parts, s)
	}
	if len(v.DKIM) == 0 {
		parts = append(parts, "dkim=none")
	}
	for _, d := range v.DKIM {
		s := "dkim=" + string(d.Result)
		if d.Domain != "" {
			s += " header.d=" + d.Domain
		}
		parts = append(parts, s)
	}
	if v.DMARC != "" {
		s := "dmarc=" + string(v.DMARC)
		if v.Policy != "" {
			s += " (p=" + v.Policy + ")"
		}
		if v.From != "" {
			s += " header.from=" + v.From
		}
		parts = append(parts, s)
	}
	return "Authentication-Results: " + strings.Join(parts, ";\r\n\t") + "\r\n"
}

// Limits of a field Authentication-Results.
const (
	maxResults     = 32
	maxResultsSize = 16 << 10 // bytes
)

// method is one result of a field.
type method struct {
	name  string
	value Result
	props map[string]string
}

// take counts what servers of ours have found as if it had been found here.
func (v *Verdict) take(fields []string) {
	for _, f := range fields {
		for _, m := range parseResults(f) {
			switch m.name {
			case "spf":
				domain := m.props["smtp.mailfrom"]
				if domain == "" {
					domain = m.props["smtp.helo"]
				}
				domain = fold(domain[strings.LastIndexByte(domain, '@')+1:])
				if v.SPF == None || v.SPF == "" { // the peer's own address says nothing: it is a server of ours
					v.SPF, v.SPFDomain = m.value, domain
				}
			case "dkim":
				domain := fold(m.props["header.d"])
				if domain == "" {
					i := m.props["header.i"]
					domain = fold(i[strings.LastIndexByte(i, '@')+1:])
				}
				v.addSignature(domain, m.value)
			case "dmarc":
				if m.value == Pass || m.value == Fail {
					if from := fold(m.props["header.from"]); from != "" && from == v.From {
						v.DMARC = m.value
					}
				}
			}
		}
	}
}

// addSignature takes a result for a signature that was not found, or not seen to pass, here: a list or a filter in between may have broken it.
func (v *Verdict) addSignature(domain string, r Result) {
	if domain == "" || r != Pass {
		return
	}
	for i := range v.DKIM {
		if v.DKIM[i].Domain == domain {
			v.DKIM[i].Result = Pass
			return
		}
	}
	if len(v.DKIM) < 2*maxSignatures {
		v.DKIM = append(v.DKIM, Signature{Domain: domain, Result: Pass})
	}
}

// parseResults reads the value of a field Authentication-Results behind its server (RFC 8601 §2.2). What it cannot read it leaves out.
func parseResults(value string) []method {
	if len(value) > maxResultsSize {
		return nil
	}
	var found []method
	for i, words := range statements(value) {
		if i == 0 || len(words) == 0 {
			continue // the server, or nothing
		}
		name, result, ok := strings.Cut(words[0], "=")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, "/") // a version
		m := method{name: strings.ToLower(name), value: Result(strings.ToLower(result)), props: make(map[string]string)}
		for _, w := range words[1:] {
			if k, v, ok := strings.Cut(w, "="); ok {
				m.props[strings.ToLower(k)] = v
			}
		}
		switch m.value {
		case None, Pass, Fail, SoftFail, Neutral, TempError, PermError:
		default:
			continue // RFC 8601 §2.7 has others, which prove nothing
		}
		if found = append(found, m); len(found) >= maxResults {
			break
		}
	}
	return found
}

// statements cuts a value at its semicolons and each of these into words; comments are left out, quotes are taken away, and there is no space around
// an equals sign.
func statements(s string) [][]string {
	var (
		all   [][]string
		words []string
		word  strings.Builder
		equal bool // the word goes on behind a space
	)
	endWord := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '(':
			depth := 0
			for ; i < len(s); i++ {
				if s[i] == '\\' {
					i++
				} else if s[i] == '(' {
					depth++
				} else if s[i] == ')' {
					if depth--; depth == 0 {
						break
					}
				}
			}
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' && i+1 < len(s) {
					i++
				}
				word.WriteByte(s[i])
			}
			equal = false
		case ';':
			endWord()
			all, words, equal = append(all, words), nil, false
		case ' ', '\t', '\r', '\n':
			if !equal && !strings.HasPrefix(strings.TrimLeft(s[i:], " \t\r\n"), "=") {
				endWord()
			}
		default:
			word.WriteByte(c)
			equal = c == '='
		}
	}
	endWord()
	return append(all, words)
}
