package mailbridge

import (
	"context"
	"strings"

	"passerelle/mailbridge/address"
	"passerelle/mailbridge/relay"
	"passerelle/transports"
)

// Relay sends mail on. It is used by many goroutines.
type Relay interface {
	// Send sends a mail to its recipients and says what became of it for each of them, in their order.
	Send(ctx context.Context, e relay.Envelope, mail []byte) []relay.Result
	// Site is what mail for somebody depends on: what leads there fails together.
	Site(to address.Mailbox) string
}

// fateKind says what became of a mail.
type fateKind uint8

const (
	fateTemporary fateKind = iota // it may be taken later
	fateSent                      // the next server has it
	fateDelivered                 // it is in the mailbox
	fatePermanent                 // it will never be taken
)

// fate is what became of a mail for a recipient.
type fate struct {
	kind     fateKind
	status   string // such as "5.1.1" (RFC 3463)
	text     string // what the server said
	willTell bool   // a report comes when it has arrived
}

func fateOf(r *relay.Result) fate {
	f := fate{status: r.Enhanced, text: r.Text, willTell: r.Reports}
	switch r.Outcome {
	case relay.Sent:
		f.kind = fateSent
	case relay.Permanent:
		f.kind = fatePermanent
	}
	return f
}

// errorKind is what a failure is for who wrote the mail (RFC 3463 §3).
func (f fate) errorKind() transports.Kind {
	class, rest, _ := strings.Cut(f.status, ".")
	switch {
	case class == "4":
		return transports.Offline
	case rest == "1.1" || rest == "1.6" || rest == "1.0" || rest == "2.1":
		return transports.NotFound
	case rest == "1.2" || rest == "1.10":
		return transports.NoServer
	case rest == "2.2":
		return transports.Full
	case rest == "3.4" || rest == "2.3":
		return transports.TooLarge
	case strings.HasPrefix(rest, "7."):
		return transports.Denied
	case strings.HasPrefix(rest, "6."):
		return transports.Unsupported
	}
	return transports.Policy
}

// maxAnswer is how much of what a server said is shown, in bytes.
const maxAnswer = 500

// oneLine is what a server said, for people: it is a stranger's.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if len(s) > maxAnswer {
		s = strings.ToValidUTF8(s[:maxAnswer], "") + "…"
	}
	return s
}
