package benchrig

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"passerelle/component/stanza"
)

// XMPPServer takes one component, has every user that is asked for, answers pings at once and counts the messages that it is given.
type XMPPServer struct {
	*Link

	mu   sync.Mutex
	seen int
	want int
	done chan struct{} // closed when want are seen
}

// NewXMPPServer listens on loopback.
func NewXMPPServer() (*XMPPServer, error) {
	k, err := NewLink()
	if err != nil {
		return nil, err
	}
	x := &XMPPServer{Link: k}
	go k.Serve(x.read)
	return x, nil
}

func (x *XMPPServer) read(r io.Reader) {
	in := stanza.NewReader(r, stanza.Limits{})
	for {
		s, err := in.Next()
		if refused := (*stanza.Refused)(nil); errors.As(err, &refused) {
			continue
		}
		if err != nil {
			return
		}
		x.take(s.Root)
		s.Release()
	}
}

func (x *XMPPServer) take(root *stanza.Element) {
	typ := root.Attr("type")
	switch {
	case root.Name == "message" && typ != "error":
		x.mu.Lock()
		if x.seen++; x.seen == x.want {
			close(x.done)
		}
		x.mu.Unlock()
	case root.Name == "iq" && (typ == "get" || typ == "set"):
		content := ""
		if root.Child("http://jabber.org/protocol/disco#info", "query") != nil {
			// XEP-0030 §3.1: of an account (RFC 6121 §8.5.1).
			content = `<query xmlns="http://jabber.org/protocol/disco#info"><identity category="account" type="registered"/></query>`
		}
		x.Say(fmt.Sprintf(`<iq type="result" id="%s" from="%s" to="%s">%s</iq>`,
			root.Attr("id"), stanza.AppendEscapedAttr(nil, root.Attr("to")), stanza.AppendEscapedAttr(nil, root.Attr("from")), content))
	}
}

// Say writes to the component. An error shows as messages that do not come.
func (x *XMPPServer) Say(xml string) { _, _ = x.Conn.Write([]byte(xml)) }

// Expect says how many messages more are waited for; the channel is closed when they are there.
func (x *XMPPServer) Expect(n int) <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen, x.want, x.done = 0, n, make(chan struct{})
	return x.done
}

// Count is how many of them have come.
func (x *XMPPServer) Count() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seen
}
