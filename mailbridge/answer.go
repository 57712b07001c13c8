package mailbridge

import (
	"passerelle/transports"
)

// answerTo is where mail to the reply address of a mail goes: the row of MailOut whose RedirectMail says whom it is for. Stale says that the address
// was made too long ago, or not here.
func (t *Transport) answerTo(_ int64, stale error) (destination, error) {
	if stale != nil {
		return destination{}, transports.NewError(transports.NotFound, "This address is too old to answer to: write to whom you mean on XMPP", stale)
	}
	return destination{}, transports.NewError(transports.Unsupported, "Messages from XMPP cannot be answered by mail here: answer with your XMPP client", nil)
}
