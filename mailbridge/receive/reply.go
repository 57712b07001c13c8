package receive

import (
	"errors"
	"strings"

	"github.com/emersion/go-smtp"

	"passerelle/transports"
)

// maxReply is the length of the text of a reply in bytes (RFC 5321 §4.5.3.1.5 allows 512 for the whole line).
const maxReply = 400

// reply makes an answer of a code, the enhanced code (RFC 3463) and a sentence.
func reply(code, class, subject, detail int, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: plain(text)}
}

// Refusals of our own.
var (
	errNested    = reply(503, 5, 5, 1, "MAIL has been said already")
	errSender    = reply(501, 5, 1, 7, "The address of the sender is none")
	errRecipient = reply(501, 5, 1, 3, "The address of the recipient is none")
	errNeedsUTF8 = reply(553, 5, 6, 7, "An address of another script needs SMTPUTF8")
	errRate      = reply(450, 4, 7, 1, "Too many messages in a minute, try again later")
	errLarge     = reply(552, 5, 3, 4, "The message is too large")
	errMany      = reply(452, 4, 5, 3, "Too many recipients, send the message again for the others")
	errHeader    = reply(552, 5, 3, 4, "The header is too long or has too many fields")
	errLine      = reply(554, 5, 6, 0, "A line of the message is too long")
	errBytes     = reply(554, 5, 6, 0, "The message has a NUL, or a CR without LF")
	errLoop      = reply(554, 5, 4, 6, "The message goes in circles: it has been through too many servers")
	errSpool     = reply(452, 4, 3, 1, "There is no room for the message now, try again later")
	errOurs      = reply(451, 4, 3, 0, "An error of ours, try again later")
)

// ErrNoRoom has a peer told that there is no room for any mail now, whoever it is for.
var ErrNoRoom = errors.New("there is no room for mail")

// refusal is what a peer is told of an error of a Backend. Of the error itself it hears its Text alone.
func refusal(err error) *smtp.SMTPError {
	if errors.Is(err, ErrNoRoom) {
		return errSpool
	}
	e := transports.AsError(err)
	text := e.Text
	if text == "" {
		return errOurs
	}
	switch e.Kind {
	case transports.BadRequest:
		return reply(501, 5, 5, 4, text)
	case transports.NotFound:
		return reply(550, 5, 1, 1, text)
	case transports.NoServer:
		return reply(550, 5, 1, 2, text)
	case transports.Gone:
		return reply(550, 5, 1, 6, text)
	case transports.Unsupported:
		return reply(502, 5, 5, 1, text)
	case transports.TooLarge:
		return reply(552, 5, 3, 4, text)
	case transports.Full:
		return reply(452, 4, 2, 2, text)
	case transports.Busy:
		return reply(451, 4, 3, 2, text)
	case transports.Offline:
		return reply(451, 4, 4, 1, text)
	case transports.NotRegistered, transports.NeedPassword, transports.Denied, transports.NotJoined, transports.Conflict, transports.Policy:
		return reply(550, 5, 7, 1, text)
	}
	return errOurs
}

// plain is a text as a reply can have it: printable ASCII on one line.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r < ' ':
			return ' '
		case r > '~':
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), maxReply)]
}
