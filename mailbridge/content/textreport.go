package content

import (
	"strings"

	"passerelle/mailbridge/address"
)

// readTextReport reads reports that are told by a text alone: those of qmail (QSBMF), and of older Exims. nil where it is none.
func (r *reader) readTextReport(root *part) *Report {
	p := root
	for len(p.parts) > 0 && p.typ != "multipart/report" {
		p = p.parts[0]
	}
	if p.typ != "text/plain" {
		return nil
	}
	failed := root.header.get("X-Failed-Recipients")
	data := cutBytes(r.data(p), 64<<10)
	head := string(cutBytes(trimStart(data), 200))
	isQmail := strings.HasPrefix(head, "Hi. This is the ") || strings.HasPrefix(head, "Hi. The MTA program at") || strings.Contains(head, "I'm afraid I wasn't able to deliver your message")
	isExim := strings.HasPrefix(head, "This message was created automatically by mail delivery software")
	if !isQmail && failed == "" && !isExim {
		return nil
	}
	text, _ := decode(p.params["charset"], data)
	text = clean(text)
	report := &Report{Kind: ReportDelivery, Text: true}
	action := ActionFailed
	if strings.Contains(strings.ToLower(r.m.Subject), "delay") || strings.Contains(strings.ToLower(head), "delayed") {
		action = ActionDelayed
	}
	if isQmail {
		if _, after, ok := strings.Cut(head, " at "); ok {
			report.Reporter = cleanLine(strings.TrimRight(strings.Fields(after + " ?")[0], ".:,"))
		}
		report.qmail(text, action)
	} else {
		for _, person := range readPeople(cut(failed, maxFieldRead)) {
			if len(report.Recipients) < maxReported && !person.IsZero() {
				report.add(person.Mailbox, action, about(text, person.String()))
			}
		}
		if len(report.Recipients) == 0 {
			report.exim(text, action)
		}
	}
	if len(report.Recipients) == 0 {
		return nil
	}
	for _, marker := range []string{
		"--- Below this line is a copy of the message.", "--- Undelivered message follows ---", "------ This is a copy of the message, including all the headers. ------",
		"------ This is a copy of the message's headers. ------", "------ This is a copy of your message, including all the headers. ------",
	} {
		if _, after, ok := strings.Cut(text, marker); ok {
			r.readOriginal(report, []byte(strings.TrimLeft(after, "\n ")))
			if before, _, ok := strings.Cut(r.m.Text, marker); ok {
				r.m.Text = strings.TrimSpace(before)
				r.m.Spans = nil
			}
			break
		}
	}
	r.m.Auto, r.m.Reply, r.m.Quiet = true, false, true
	return report
}

func (report *Report) add(m address.Mailbox, action Action, said string) {
	status := statusIn(said)
	if status == "" {
		status = statusIn(afterCode(said))
	}
	report.Recipients = append(report.Recipients, Reported{Final: m, Action: action, Status: status, Diagnostic: cut(cleanLine(said), maxDiagnostic)})
}

// afterCode is s from the first reply code of SMTP on.
func afterCode(s string) string {
	for i := 0; i+3 < len(s); i++ {
		if (s[i] == '4' || s[i] == '5') && s[i+1] <= '5' && s[i+1] >= '0' && s[i+2] >= '0' && s[i+2] <= '9' && s[i+3] == ' ' && (i == 0 || !isAlnum(s[i-1]) && s[i-1] != '.') {
			return s[i:]
		}
	}
	return ""
}

// qmail reads paragraphs that begin with an address (QSBMF §4).
func (report *Report) qmail(text string, action Action) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(paragraph, "---") {
			return
		}
		paragraph = strings.TrimLeft(paragraph, "\n")
		first, rest, _ := strings.Cut(paragraph, "\n")
		first = strings.TrimSpace(first)
		if !strings.HasPrefix(first, "<") || !strings.HasSuffix(first, ">:") || len(report.Recipients) >= maxReported {
			continue
		}
		m, err := address.Parse(first[1 : len(first)-2])
		if err != nil {
			continue
		}
		report.add(m, action, rest)
	}
}

// exim reads lines that have but an address, and what is indented below.
func (report *Report) exim(text string, action Action) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines) && len(report.Recipients) < maxReported; i++ {
		l := lines[i]
		if strings.HasPrefix(l, "------") {
			return
		}
		if !strings.HasPrefix(l, "  ") || strings.HasPrefix(l, "   ") {
			continue
		}
		spec, _, _ := strings.Cut(strings.TrimSpace(l), " ")
		m, err := address.Parse(spec)
		if err != nil {
			continue
		}
		var said []string
		for i+1 < len(lines) && strings.HasPrefix(lines[i+1], "   ") {
			i++
			said = append(said, strings.TrimSpace(lines[i]))
		}
		report.add(m, action, strings.Join(said, " "))
	}
}

// about is what a text says below the line of an address.
func about(text, spec string) string {
	_, after, ok := strings.Cut(text, spec)
	if !ok {
		return ""
	}
	_, after, _ = strings.Cut(after, "\n")
	paragraph, _, _ := strings.Cut(strings.TrimLeft(after, "\n"), "\n\n")
	return paragraph
}
