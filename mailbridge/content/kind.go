package content

import (
	"strings"
)

// Limits of what a list says of itself.
const (
	maxUnsubscribe = 5
	maxURL         = 2000 // bytes
)

// readKind reads which kind of mail it is, of what its header says.
func (r *reader) readKind(h header) {
	m := r.m
	precedence := strings.ToLower(h.get("Precedence"))
	auto, _, _ := strings.Cut(strings.ToLower(h.get("Auto-Submitted")), ";")
	auto, _, _ = strings.Cut(strings.TrimSpace(auto), " ")
	m.Auto = auto != "" && auto != "no" // RFC 3834 §5
	m.Reply = auto == "auto-replied"
	m.Bulk = precedence == "bulk" || precedence == "junk"
	m.List = readList(h)
	if m.List == nil && precedence == "list" {
		m.List = &List{}
	}
	// Before RFC 3834, and Microsoft still: several fields say that nobody wrote it.
	for _, name := range []string{"X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply", "X-Mail-Autoreply", "X-Vacation"} {
		if v := strings.ToLower(h.get(name)); v != "" && v != "no" {
			m.Auto, m.Reply = true, true
		}
	}
	if precedence == "auto_reply" || h.has("X-MS-Exchange-Inbox-Rules-Loop") && m.Auto ||
		strings.Contains(strings.ToLower(h.get("X-MS-Exchange-Generated-Message-Source")), "mailbox rules agent") {
		m.Auto, m.Reply = true, true
	}
	suppress := strings.ToLower(h.get("X-Auto-Response-Suppress")) // [MS-OXCMAIL] §2.1.3.2.18
	quiet := suppress != "" && suppress != "none"
	if (m.Auto || quiet) && awaySubject(m.Subject) {
		m.Auto, m.Reply = true, true
	}
	m.Quiet = m.Auto || m.Bulk || m.List != nil || quiet || strings.TrimSpace(h.get("Return-Path")) == "<>" || h.has("Feedback-ID")
}

// awaySubject reports whether a subject is that of an answer which somebody's program gives while he is away, in the words of Exchange and others.
func awaySubject(s string) bool {
	s = strings.ToLower(s)
	for _, prefix := range []string{
		"automatic reply:", "out of office", "auto:", "autoreply", "auto-reply", "automatische antwort:", "abwesend:", "abwesenheitsnotiz",
		"réponse automatique", "absence du bureau", "respuesta automática:", "risposta automatica:", "automatisch antwoord:", "autosvar:",
		"automaattinen vastaus:", "resposta automática:", "odpowiedź automatyczna:", "автоответ:", "automatická odpověď:", "自動返信:", "自动答复:", "away from",
	} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

// readList reads the fields of a list; nil where there are none.
func readList(h header) *List {
	var l List
	if v := h.get("List-Id"); v != "" { // RFC 2919 §3
		name, id, ok := strings.Cut(v, "<")
		if ok {
			id, _, _ = strings.Cut(id, ">")
			l.ID, l.Name = cleanLine(cut(id, 255)), cleanName(name)
		} else {
			l.ID = cleanLine(cut(v, 255))
		}
	}
	for _, u := range readURLs(h.get("List-Post"), 3) {
		if to, ok := strings.CutPrefix(u, "mailto:"); ok && l.Post == "" {
			l.Post, _, _ = strings.Cut(to, "?")
		}
	}
	l.Unsubscribe = readURLs(h.get("List-Unsubscribe"), maxUnsubscribe)
	l.OneClick = strings.EqualFold(strings.ReplaceAll(h.get("List-Unsubscribe-Post"), " ", ""), "List-Unsubscribe=One-Click") // RFC 8058 §3.1
	if l.ID == "" && l.Post == "" && len(l.Unsubscribe) == 0 && !h.has("List-Help") && !h.has("Mailing-List") && !h.has("X-Mailing-List") {
		return nil
	}
	return &l
}

// readURLs reads URLs in angle brackets (RFC 2369 §2), the mailto and http(s) ones.
func readURLs(s string, limit int) []string {
	var urls []string
	for len(urls) < limit {
		start := strings.IndexByte(s, '<')
		if start < 0 {
			break
		}
		s = s[start+1:]
		end := strings.IndexByte(s, '>')
		if end < 0 {
			break
		}
		if u := cleanURL(s[:end]); u != "" {
			urls = append(urls, u)
		}
		s = s[end:]
	}
	return urls
}
