package component

import (
	"strconv"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// Who of those that are followed has a client that could get messages: as his server says for all of its users where it lets the gateway
// know (XEP-0356 §4.4), and else for those who have the gateway in their contact list (RFC 6121 §4.3).

// maxClients is how many clients of somebody are told apart.
const maxClients = 32

// hears takes what is for those who follow, and reports whether it is for nobody else. It runs on the reader's goroutine.
func (fs *followers) hears(from, to transports.Address, e *stanza.Element) bool {
	if fs == nil || to != fs.g.domain {
		return false
	}
	switch e.Name {
	case "message":
		if from.Local != "" || from.Resource != "" || e.AttrIs("type", "error") || e.Child(nsRedirect, "copy") == nil && e.Child(nsRedirect, "redirect") == nil {
			return false
		}
		fs.moduleCopy(from, e)
		return true
	case "iq":
		if node, notification := isPush(e); notification != nil && e.AttrIs("type", "set") {
			fs.push(from, to, e, node, notification)
			return true
		}
	case "presence":
		fs.presence(from, e)
	}
	return false
}

// presence notes which clients somebody has.
func (fs *followers) presence(from transports.Address, e *stanza.Element) {
	typ := e.Attr("type")
	if typ != "" && typ != "unavailable" {
		return
	}
	user := from.Bare()
	fs.mu.Lock()
	f := fs.users[user]
	if f == nil {
		fs.mu.Unlock()
		return
	}
	f.seen = true
	before := len(f.clients) > 0
	priority, _ := strconv.Atoi(e.Child(stanza.NSComponent, "priority").Text())
	switch {
	case typ == "" && priority >= 0 && from.Resource != "": // RFC 6121 §8.5.2.1: else it gets no messages
		if f.clients == nil {
			f.clients = make(map[string]struct{})
		}
		if len(f.clients) < maxClients {
			f.clients[from.Resource] = struct{}{}
		}
	case from.Resource == "":
		f.clients = nil
	default:
		delete(f.clients, from.Resource)
	}
	after := len(f.clients) > 0
	fs.mu.Unlock()
	if before != after {
		fs.lanes.Post(user, 0, func() {
			online, _ := fs.online(user)
			if err := fs.to.WasPresent(fs.life(), user, online); err != nil && fs.life().Err() == nil {
				fs.g.log.Warn("that a user has come or gone could not be taken", fs.g.opt.Identity(user.String()), "error", err)
			}
		})
	}
}

// nobodyKnown forgets who is there, since the stream is lost.
func (fs *followers) nobodyKnown() {
	if fs == nil {
		return
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.users {
		f.clients, f.seen = nil, false
	}
}

// probe asks whether somebody is there, where his server does not say so by itself.
func (fs *followers) probe(user transports.Address) {
	if fs.g.grants.of(user.Domain).see {
		return
	}
	var b stanza.Builder
	b.Start("presence").JID("from", fs.g.domain).JID("to", user).Attr("type", "probe").End()
	fs.g.offer(&b)
}

// online reports whether somebody has a client that could get messages, and whether that is known.
func (fs *followers) online(user transports.Address) (online, known bool) {
	if fs == nil {
		return false, false
	}
	sees := fs.g.grants.of(user.Domain).see
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.users[user.Bare()]
	if f == nil {
		return false, false
	}
	return len(f.clients) > 0, f.seen || sees && fs.g.Connected()
}

// Online implements transports.Follower.
func (g *Gateway) Online(user transports.Address) (online, known bool) { return g.follow.online(user) }
