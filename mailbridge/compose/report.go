package compose

import (
	"fmt"
	"time"

	"passerelle/mailbridge/address"
)

// Report is what a delivery report says (RFC 3464).
type Report struct {
	MTA      string // our host name
	Arrived  time.Time
	Failed   []Failed
	Envelope string // ENVID of the mail that it is about; may be empty
	Original []byte // its header
}

// Failed is somebody whom a mail did not reach, or did.
type Failed struct {
	Mailbox address.Mailbox
	Action  string // "failed", "delayed", "delivered" or "relayed" (RFC 3464 §2.3.3)
	Status  string // such as "5.1.1" (RFC 3463)
	Text    string // what is said of it
}

// report writes a delivery report: what people read, what programs read, and the header of the mail.
func (w *writer) report(out *Outgoing) {
	end := w.multipart("report", "; report-type=delivery-status") // RFC 6522 §3
	w.part(end)
	w.flowed(out.Text)
	w.part(end)
	w.header("Content-Type", "message/delivery-status")
	w.buf.WriteString("\r\n")
	r := out.Report
	w.header("Reporting-MTA", "dns; "+r.MTA)
	if r.Envelope != "" {
		w.header("Original-Envelope-Id", phrase(r.Envelope))
	}
	if !r.Arrived.IsZero() {
		w.header("Arrival-Date", r.Arrived.Format(time.RFC1123Z))
	}
	for _, f := range r.Failed {
		w.buf.WriteString("\r\n")
		mailbox, err := f.Mailbox.SMTPString(true)
		if err != nil {
			continue
		}
		w.header("Final-Recipient", "rfc822; "+mailbox)
		w.header("Action", f.Action)
		w.header("Status", f.Status)
		if f.Text != "" {
			w.header("Diagnostic-Code", fmt.Sprintf("X-XMPP; %s", phrase(f.Text)))
		}
	}
	w.part(end)
	w.header("Content-Type", "text/rfc822-headers") // RFC 6522 §4
	w.header("Content-Transfer-Encoding", "8bit")
	w.buf.WriteString("\r\n")
	w.buf.Write(r.Original)
	w.buf.WriteString("\r\n")
	w.close(end)
}
