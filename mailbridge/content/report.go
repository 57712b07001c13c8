package content

import (
	"strings"
	"time"

	"passerelle/mailbridge/address"
)

// Limits of reports.
const (
	maxReported   = 200  // recipients
	maxDiagnostic = 1000 // bytes of what a server said
)

// ReportKind is what a report is about.
type ReportKind uint8

// The kinds of reports.
const (
	ReportDelivery    ReportKind = iota // whether a mail arrived (RFC 3464)
	ReportDisposition                   // whether it was read (RFC 8098)
	ReportComplaint                     // somebody calls it spam (RFC 5965)
)

// Action is what became of a mail for one recipient (RFC 3464 §2.3.3).
type Action uint8

// The actions. ActionUnknown is one that nobody knows.
const (
	ActionUnknown Action = iota
	ActionFailed
	ActionDelayed
	ActionDelivered
	ActionRelayed // to a server that does not report
	ActionExpanded
)

// Report is what a machine says about a mail. Nothing makes sure that there was such a mail, or that the machine had it.
type Report struct {
	Kind       ReportKind
	Reporter   string // the name of who says so
	EnvelopeID string // the ENVID that the sender gave (RFC 3461 §4.4)
	Arrived    time.Time
	Recipients []Reported

	// Of the mail, where the report says or brings it.
	MessageID, Subject string
	From, To           []Person

	// Of a ReportDisposition: "displayed", "deleted", "dispatched", "processed", and whether a person did it.
	Disposition string
	Manual      bool
	Text        bool // it is told by a text alone, which is not made for machines
}

// Reported is what became of a mail for one recipient.
type Reported struct {
	Original, Final address.Mailbox // as the sender wrote it, and where it went; the zero Mailbox where unknown
	Action          Action
	Status          string // "5.1.1" (RFC 3463); empty where unknown
	Diagnostic      string // what the server said, for people
	Remote          string // the server that said it
	RetryUntil      time.Time
}

// showReport reads a multipart/report (RFC 6522): the first part is for people, the second for us, the third is the mail or its header.
func (r *reader) showReport(p *part) {
	var report *Report
	var original *part
	for i, c := range p.parts {
		switch c.typ {
		case "message/delivery-status", "message/global-delivery-status":
			report = r.readDelivery(c)
		case "message/disposition-notification", "message/global-disposition-notification":
			report = r.readDisposition(c)
		case "message/feedback-report":
			report = &Report{Kind: ReportComplaint}
			for _, g := range groups(r.data(c)) {
				if v := g.get("Original-Mail-From"); v != "" {
					report.From = readPeople(v)
				}
				if v := g.get("Reporting-MTA"); v != "" {
					report.Reporter = untyped(v)
				}
			}
		case "message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers":
			if i > 0 && original == nil {
				original = c
			}
		}
	}
	if report == nil {
		for _, c := range p.parts {
			r.show(c)
		}
		return
	}
	r.m.Report = report
	r.m.Auto = true
	r.m.Quiet = true
	r.m.Reply = false
	if len(p.parts) > 0 && p.parts[0] != original {
		files := r.m.Files
		r.show(p.parts[0])
		r.m.Files = files // its pictures are not for those who know what happened
	}
	if original != nil {
		r.readOriginal(report, r.data(original))
	}
}

// readOriginal reads what a report brings of the mail.
func (r *reader) readOriginal(report *Report, data []byte) {
	h, _, err := readHeader(trimStart(data), r.limits.Header, r.limits.Fields, true)
	if err != nil {
		return
	}
	if ids := readIDs(h.get("Message-ID"), 1); len(ids) > 0 && report.MessageID == "" {
		report.MessageID = ids[0]
	}
	report.Subject = cut(decodeWords(h.get("Subject")), maxSubject)
	if report.From == nil {
		report.From = people(h, "From")
	}
	report.To = people(h, "To")
}

func trimStart(b []byte) []byte {
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

// groups are the groups of fields that a report is made of, which empty lines part.
func groups(data []byte) []header {
	var all []header
	data = trimStart(data)
	for len(data) > 0 && len(all) <= maxReported {
		h, rest, err := readHeader(data, 64<<10, 200, false)
		if err != nil {
			break
		}
		if len(h) > 0 {
			all = append(all, h)
		}
		if len(rest) == len(data) { // no field is here
			_, rest = cutLine(data)
		}
		data = trimStart(rest)
	}
	return all
}

// untyped is a value without its type: "dns; mx.example.org" (RFC 3464 §2.1.2).
func untyped(v string) string {
	if _, after, ok := strings.Cut(v, ";"); ok {
		v = after
	}
	return cut(decodeWords(v), maxDiagnostic)
}

// readDelivery reads a delivery status (RFC 3464 §2, RFC 6533 §3).
func (r *reader) readDelivery(p *part) *Report {
	report := &Report{Kind: ReportDelivery}
	for i, g := range groups(r.data(p)) {
		if i == 0 || g.has("Reporting-MTA") {
			report.Reporter = untyped(g.get("Reporting-MTA"))
			if report.Reporter == "" {
				report.Reporter = untyped(g.get("DSN-Gateway"))
			}
			report.EnvelopeID = unxtext(cleanLine(g.get("Original-Envelope-Id")))
			report.Arrived = readDate(g.get("Arrival-Date"))
			for _, name := range []string{"X-Original-Message-ID", "Original-Message-ID", "X-Postfix-Message-ID"} {
				if ids := readIDs(g.get(name), 1); len(ids) > 0 && report.MessageID == "" {
					report.MessageID = ids[0]
				}
			}
			if !g.has("Action") && !g.has("Final-Recipient") {
				continue
			}
		}
		if !g.has("Final-Recipient") && !g.has("Original-Recipient") && !g.has("Action") {
			continue
		}
		if len(report.Recipients) >= maxReported {
			break
		}
		rec := Reported{
			Original: typedMailbox(g.get("Original-Recipient")), Final: typedMailbox(g.get("Final-Recipient")),
			Status: readStatus(g.get("Status")), Remote: untyped(g.get("Remote-MTA")), RetryUntil: readDate(g.get("Will-Retry-Until")),
		}
		rec.Diagnostic = untyped(g.get("Diagnostic-Code"))
		action, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(g.get("Action"))), " ")
		switch strings.Trim(action, "();") {
		case "failed", "failure":
			rec.Action = ActionFailed
		case "delayed":
			rec.Action = ActionDelayed
		case "delivered", "deliverable":
			rec.Action = ActionDelivered
		case "relayed":
			rec.Action = ActionRelayed
		case "expanded":
			rec.Action = ActionExpanded
		default:
			switch {
			case strings.HasPrefix(rec.Status, "5"):
				rec.Action = ActionFailed
			case strings.HasPrefix(rec.Status, "4"):
				rec.Action = ActionDelayed
			case strings.HasPrefix(rec.Status, "2"):
				rec.Action = ActionDelivered
			}
		}
		if generic(rec.Status) { // 5.0.0 says less than what the server said
			if s := statusIn(rec.Diagnostic); s != "" && s[0] == rec.Status[0] {
				rec.Status = s
			}
		} else if rec.Status == "" {
			rec.Status = statusIn(rec.Diagnostic)
		}
		report.Recipients = append(report.Recipients, rec)
	}
	return report
}

// generic reports whether a status says no more than that it failed.
func generic(s string) bool { return len(s) == 5 && s[1:] == ".0.0" }

// readDisposition reads what became of a mail that arrived (RFC 8098 §3).
func (r *reader) readDisposition(p *part) *Report {
	report := &Report{Kind: ReportDisposition}
	for _, g := range groups(r.data(p)) {
		if v := g.get("Reporting-UA"); v != "" {
			report.Reporter, _, _ = strings.Cut(cleanLine(cut(v, 200)), ";")
		}
		if ids := readIDs(g.get("Original-Message-ID"), 1); len(ids) > 0 {
			report.MessageID = ids[0]
		}
		if g.has("Final-Recipient") || g.has("Original-Recipient") {
			report.Recipients = append(report.Recipients, Reported{Original: typedMailbox(g.get("Original-Recipient")), Final: typedMailbox(g.get("Final-Recipient"))})
		}
		if v := strings.ToLower(g.get("Disposition")); v != "" {
			mode, what, _ := strings.Cut(v, ";")
			report.Manual = strings.HasPrefix(strings.TrimSpace(mode), "manual-action")
			what, _, _ = strings.Cut(what, "/")
			report.Disposition = cleanLine(cut(what, 40))
		}
		if len(report.Recipients) >= maxReported {
			break
		}
	}
	return report
}

// typedMailbox reads "rfc822; bob@example.org" in the ways that servers write it.
func typedMailbox(v string) address.Mailbox {
	typ, rest, ok := strings.Cut(v, ";")
	if !ok {
		rest, typ = v, ""
	}
	rest = strings.TrimSpace(rest)
	if strings.EqualFold(strings.TrimSpace(typ), "utf-8") {
		rest = unUTF8(rest)
	}
	rest = unxtext(rest)
	if people := readPeople(cut(rest, 2000)); len(people) > 0 {
		return people[0].Mailbox
	}
	return address.Mailbox{}
}

// unxtext undoes xtext (RFC 3461 §4), where it is some: an address may have a plus sign of its own.
func unxtext(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '+' && i+2 < len(s) && isUpperHex(s[i+1]) && isUpperHex(s[i+2]) {
			if c := unhex(s[i+1])<<4 | unhex(s[i+2]); c == '+' || c == '=' || c == ' ' { // what has to be written so
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isUpperHex(c byte) bool { return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' }

// unUTF8 undoes utf-8-addr-xtext and -unitext (RFC 6533 §3): \x{E9}.
func unUTF8(s string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, `\x{`)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		code, rest, ok := strings.Cut(after, "}")
		var r rune
		for i := 0; i < len(code) && i < 6 && isHex(code[i]); i++ {
			r = r<<4 | rune(unhex(code[i]))
		}
		if !ok || code == "" || len(code) > 6 {
			b.WriteString(`\x{`)
			s = after
			continue
		}
		b.WriteRune(r)
		s = rest
	}
}

// readStatus reads an enhanced status code (RFC 3463 §2) with what stands around it.
func readStatus(v string) string {
	for w := range strings.FieldsSeq(v) {
		w = strings.Trim(w, "()[],;:#<>")
		if isStatus(w) {
			return w
		}
	}
	return ""
}

func isStatus(w string) bool {
	if len(w) < 5 || len(w) > 9 || w[1] != '.' || w[0] != '2' && w[0] != '4' && w[0] != '5' {
		return false
	}
	subject, detail, ok := strings.Cut(w[2:], ".")
	return ok && subject != "" && detail != "" && len(subject) <= 3 && len(detail) <= 3 && strings.Trim(subject+detail, "0123456789") == ""
}

// statusIn finds the status in what a server said: "550 5.1.1 no such user", "550-5.7.1 …", "#5.1.1".
func statusIn(s string) string {
	for w := range strings.FieldsSeq(cut(s, maxDiagnostic)) {
		if len(w) > 4 && (w[3] == '-' || w[3] == ' ') {
			w = w[4:]
		}
		if w = strings.Trim(w, "()[],;:#<>"); isStatus(w) {
			return w
		}
	}
	// A reply code alone.
	if len(s) >= 3 && (s[0] == '4' || s[0] == '5') && strings.Trim(s[:3], "0123456789") == "" && (len(s) == 3 || s[3] == ' ' || s[3] == '-') {
		return s[:1] + ".0.0"
	}
	return ""
}
