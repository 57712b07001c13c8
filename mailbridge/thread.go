package mailbridge

import (
	"strings"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// goesOn is how long after the last mail with somebody what a user writes to him without a word about that is an answer to it: mail programs
// keep a conversation together so.
const goesOn = 12 * time.Hour

// maxRefs is how many mails of a thread are kept: the first and the last ones (RFC 5322 §3.6.4).
const maxRefs = 20

// above finds the letter that one which a user writes goes on from; ok is false where it begins a thread.
func above(tx *store.Tx, id store.UserID, l *transports.Letter, now time.Time) (m store.MailMessage, ok bool, err error) {
	if l.ReplyTo != "" {
		if m, ok, err = tx.MailMessage(id, store.MailKey{XMPPID: l.ReplyTo}); err != nil || ok {
			return m, ok, err
		}
	}
	if l.Thread != "" {
		if m, ok, err = tx.MailMessage(id, store.MailKey{Thread: l.Thread}); err != nil || ok {
			return m, ok && m.Contact == l.With.ID, err
		}
	}
	if l.Formal || l.With.ID == "" {
		return m, false, nil
	}
	m, ok, err = tx.MailMessage(id, store.MailKey{Contact: l.With.ID})
	if err != nil || !ok || now.Sub(m.At) > goesOn || m.MessageID == "" {
		return m, false, err
	}
	// A subject of his own begins something else.
	return m, l.Subject == "" || baseSubject(l.Subject) == baseSubject(m.Subject), nil
}

// refsBehind are the mails that an answer to one refers to.
func refsBehind(m *store.MailMessage) []string {
	refs := strings.Fields(m.Refs)
	if m.MessageID != "" {
		refs = append(refs, m.MessageID)
	}
	if len(refs) > maxRefs {
		refs = append(refs[:1:1], refs[len(refs)-maxRefs+1:]...)
	}
	return refs
}

// threadOf names a thread by its first mail.
func threadOf(messageID string) string { return digest("thread", messageID) }
