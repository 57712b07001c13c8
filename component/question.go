package component

import "passerelle/transports"

// maxQuestions bounds what waits for a network's answer, per session, beside messages and what the rooms ask themselves.
const maxQuestions = 32

// question is what to do with the answer of a network: with the event that carries it, or with the error. An event that says no more
// than that it was done is nil.
type question func(e transports.Event, err *transports.Error)

// ask makes a request of a network. Where it is refused at once, answer is told so at once.
func (n *network) ask(request func(transports.Ref) transports.Request, answer question) {
	if len(n.questions) >= maxQuestions {
		answer(nil, transports.NewError(transports.Busy, "", nil))
		return
	}
	ref := n.u.nextRef()
	if n.questions == nil {
		n.questions = make(map[transports.Ref]question)
	}
	n.questions[ref] = answer
	if err := n.session.Do(n.u.ctx, request(ref)); err != nil {
		n.answered(ref, nil, transports.AsError(err))
	}
}

// answered hands an answer to whoever asked, and reports whether somebody did. A session that nothing else needs is closed.
func (n *network) answered(ref transports.Ref, e transports.Event, err *transports.Error) bool {
	answer, ok := n.questions[ref]
	if !ok {
		return false
	}
	delete(n.questions, ref)
	answer(e, err)
	if n.idle() {
		n.close("")
	}
	return true
}

// failQuestions answers everything that waits, for a session that is over.
func (n *network) failQuestions(err *transports.Error) {
	questions := n.questions
	n.questions = nil
	for _, answer := range questions {
		answer(nil, err)
	}
}
