package component

import (
	"cmp"
	"time"

	"passerelle/component/downgrade"
	"passerelle/component/markup"
	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// What clients send to contacts of a Postal transport: letters, and what is done with them. How letters come to a user is the outbox's business.

const (
	// maxPosts bounds what is on its way to the transport, per session.
	maxPosts = 256
	// maxLetterID bounds ids and threads that clients make, in bytes: the transport keeps them.
	maxLetterID = 256
	// postLinger is how long a session is kept that has nothing to do.
	postLinger = time.Minute
)

// posted is what a client sent, until the transport has written it down.
type posted struct {
	from, to transports.Address
	id       string
	with     transports.Target // whom a letter is for; the zero Target where it is for several, or no letter
}

// sendLetter takes a message to a contact or, with a list of addresses, to the domain.
func (u *user) sendLetter(in *inbound, e entity) {
	_, unread := u.related()
	switch {
	case unread != nil:
		u.refuse(in, unread)
		return
	case e.kind == entityContact && u.blocks(in.to):
		u.refuseBlocked(in)
		return
	case u.refuseSecret(in):
		return
	}
	r, err := u.readPost(in, e)
	switch {
	case err != nil:
		u.refuse(in, err)
	case r != nil:
		u.g.people.saw(u.jid)
		u.hand(in, r)
	}
}

// refuseSecret refuses what only somebody with a key can read, and what would show others the key (XEP-0380 §1, XEP-0448 §2.1). It says what
// to do about it: a network that stores and forwards would keep either for good.
func (u *user) refuseSecret(in *inbound) bool {
	err := downgrade.HasKey(in.root())
	if err == nil {
		err = downgrade.Encrypted(in.root())
	}
	if err == nil {
		return false
	}
	root := in.root()
	u.out.Stanzas.Start("message").JID("from", in.to).JID("to", in.from).Attr("type", "error").Attr("id", root.Attr("id")).
		RawError("modify", "not-acceptable", u.inWords(root.Attr("xml:lang"), err).Text).End()
	return true
}

// readPost makes a request of a message, nil where nothing is to be done: chat states (XEP-0085) are of the moment, and a letter takes longer.
func (u *user) readPost(in *inbound, e entity) (transports.Request, *transports.Error) {
	root := in.root()
	lang := cmp.Or(root.Attr("xml:lang"), u.lang)
	if r := root.Child(downgrade.NSReactions, "reactions"); r != nil { // XEP-0444 §2.2
		if e.kind != entityContact {
			return nil, nil // the domain writes no letters
		}
		return transports.React{To: e.target, On: letterID(r.Attr("id")), Add: downgrade.AllSigns(r)}, checkID(lang, r.Attr("id"))
	}
	if id, ok := downgrade.Retracted(root); ok { // XEP-0424 §3
		return transports.Redact{To: e.with(), Messages: []string{id}}, checkID(lang, id)
	}
	l, err := u.readLetter(in, e)
	if err != nil {
		return nil, err
	}
	if l.Subject != "" || l.Body != "" || len(l.Files) > 0 {
		return transports.Post{Letter: *l}, nil
	}
	if l.Replaces != "" { // clients that know no retraction do it so
		return transports.Redact{To: e.with(), Messages: []string{l.Replaces}}, nil
	}
	return readAcknowledge(root, e), nil
}

// readAcknowledge reads that a client has a letter (XEP-0184 §5.3), or that the user has read it (XEP-0333 §4); nil for neither.
func readAcknowledge(m *stanza.Element, e entity) transports.Request {
	for c := range m.Children() {
		id := letterID(c.Attr("id"))
		if id == "" || len(id) > maxLetterID || e.kind != entityContact {
			continue
		}
		switch {
		case c.Is(nsReceipts, "received"), c.Is(nsMarkers, "received"):
			return transports.Acknowledge{With: e.target, ID: id}
		case c.Is(nsMarkers, "displayed"), c.Is(nsMarkers, "acknowledged"):
			return transports.Acknowledge{With: e.target, ID: id, Read: true}
		}
	}
	return nil
}

// with is whom a letter to an entity goes to: the zero Target for the domain, which stands for several.
func (e entity) with() transports.Target {
	if e.kind == entityContact {
		return e.target
	}
	return transports.Target{}
}

// takesLetters reports whether a message to an entity is for the transport. What is written to the domain for nobody else is for the bot.
func (g *Gateway) takesLetters(m *stanza.Element, e entity) bool {
	switch {
	case g.postal == nil:
		return false
	case e.kind == entityContact:
		return true
	}
	_, retracts := downgrade.Retracted(m)
	return e.kind&(entityGateway|entityBot) != 0 && retracts || e.kind == entityGateway && m.Child(nsAddress, "addresses") != nil
}

// checkID refuses an id that no letter can have.
func checkID(lang, id string) *transports.Error {
	if id == "" || len(id) > maxLetterID {
		return transports.NewError(transports.BadRequest, text.Say(lang, "This message does not say which one it is about."), nil)
	}
	return nil
}

// readLetter reads what the user wrote. A letter in which nothing is said has neither subject, body nor files.
func (u *user) readLetter(in *inbound, e entity) (*transports.Letter, *transports.Error) {
	root := in.root()
	lang := cmp.Or(root.Attr("xml:lang"), u.lang)
	body, files, refused := downgrade.Attached(root, downgrade.Said(root))
	if refused != nil {
		return nil, refused
	}
	l := &transports.Letter{
		ID:       cmp.Or(root.Attr("id"), root.Child(nsSID, "origin-id").Attr("id"), newID()), // XEP-0359 §3.1: the same, where there are both
		With:     e.with(),
		Nick:     clip(root.Child(nsNick, "nick").Text(), maxNick), // XEP-0172 §4.2
		Subject:  root.Child(stanza.NSComponent, "subject").Text(),
		Thread:   root.Child(stanza.NSComponent, "thread").Text(),
		ReplyTo:  letterID(root.Child(downgrade.NSReply, "reply").Attr("id")),
		Replaces: root.Child(downgrade.NSCorrect, "replace").Attr("id"),
		Body:     body,
		Files:    files,
		Formal:   !root.AttrIs("type", "chat"),
		Client:   in.from,
		Receipt:  root.Child(nsReceipts, "request") != nil,
	}
	for _, id := range []string{l.ID, l.Thread, l.ReplyTo, l.Replaces} {
		if len(id) > maxLetterID {
			return nil, transports.NewError(transports.TooLarge, text.Say(lang, "An id in this message is longer than can be kept."), nil)
		}
	}
	addInvitation(l, root, lang)
	if styled := markup.Read(root, l.Body, false, func() markup.Settings { return u.formatting(e.target) }); styled != nil {
		l.Body, l.Spans = styled.Text, styled.Spans
	}
	if l.Subject == "" && l.Body == "" && len(l.Files) == 0 {
		return l, nil // whom it is for does not matter
	}
	l.Others, refused = u.readRecipients(root, e, lang)
	return l, refused
}

// maxNick is how much of what somebody calls himself is taken, in characters.
const maxNick = 100

// addInvitation says in words that the user invites somebody into a room (XEP-0249 §2), unless he says so himself.
func addInvitation(l *transports.Letter, m *stanza.Element, lang string) {
	x := m.Child(nsConference, "x")
	room, err := transports.ParseAddress(x.Attr("jid"))
	if x == nil || err != nil || l.Body != "" {
		return
	}
	l.Body = text.Say(lang, "I invite you into a chat room: %s", JoinLink(room))
	if reason := x.Attr("reason"); reason != "" {
		l.Body += "\n" + reason
	}
}

// hand gives a request to the transport.
func (u *user) hand(in *inbound, r transports.Request) {
	n, err := u.network("")
	if err != nil {
		u.refuse(in, transports.AsError(err))
		return
	}
	if n.lastUse = now(); !n.resting {
		n.rest()
	}
	ref := u.nextRef()
	var with transports.Target
	switch q := r.(type) {
	case transports.Post:
		q.Ref, with = ref, q.Letter.With
		r = q
	case transports.React:
		q.Ref = ref
		r = q
	case transports.Redact:
		q.Ref = ref
		r = q
	default:
		_ = n.session.Do(u.ctx, r) // nothing depends on it
		return
	}
	if len(n.posts) >= maxPosts {
		u.refuse(in, transports.NewError(transports.Busy, "", nil))
		return
	}
	if err := n.session.Do(u.ctx, r); err != nil {
		u.refuse(in, transports.AsError(err))
		return
	}
	if n.posts == nil {
		n.posts = make(map[transports.Ref]posted)
	}
	n.posts[ref] = posted{from: in.from, to: in.to, id: in.root().Attr("id"), with: with}
}

// postDone takes what became of something that a client sent, and reports whether it was that. Of what is written down nothing is said: a
// receipt is for when it has arrived.
func (n *network) postDone(e transports.Done) bool {
	p, ok := n.posts[e.Ref]
	if !ok {
		return false
	}
	delete(n.posts, e.Ref)
	if err := transports.AsError(e.Err); err != nil {
		n.u.out.Stanzas.Start("message").JID("from", p.to).JID("to", p.from).Attr("type", "error").Attr("id", p.id).
			Error(n.u.inWords("", err)).End()
		return true
	}
	n.u.enlistContact(p.from, p.with)
	return true
}

// rest closes the session once nothing was sent for a while.
func (n *network) rest() {
	n.resting = true
	linger := n.u.g.opt.Timing.PostLinger
	n.u.after(linger, func() {
		n.resting = false
		switch {
		case n.u.networks.of(n.id) != n:
		case now().Sub(n.lastUse) < linger || !n.idle():
			n.rest()
		default:
			n.close("")
		}
	})
}

// failPosts says of everything that is on its way that it was not sent, once a session is over. What the session has told until then is taken
// first: it stands in the queue of events, whose turn comes before that of work that is posted meanwhile.
func (n *network) failPosts(err *transports.Error) {
	if len(n.posts) == 0 {
		return
	}
	n.u.post(func() {
		n.u.post(func() {
			for ref := range n.posts {
				n.postDone(transports.Done{Ref: ref, Err: err})
			}
		})
	})
}
