package stanza

// The namespaces of streams.
const (
	// NSComponent is the default namespace of the stream (XEP-0114 §3).
	NSComponent = "jabber:component:accept"
	// NSClient is the default namespace of a client's stream (RFC 6120 §4.8.2).
	NSClient = "jabber:client"
	// NSStreams is bound to the prefix "stream" in the stream header (RFC 6120 §4.8.1).
	NSStreams = "http://etherx.jabber.org/streams"
	// NSStreamErrors is the namespace of the conditions of stream errors (RFC 6120 §4.9.2).
	NSStreamErrors = "urn:ietf:params:xml:ns:xmpp-streams"
)

// Limits of what is read. Zero fields take the defaults.
type Limits struct {
	Bytes    int // of a stanza
	Depth    int // of nested elements, the root being the first
	Attrs    int // of an element, declarations of namespaces included
	Elements int // of a stanza
}

// The defaults of Limits. Servers commonly end streams over stanzas of 256 KiB to 1 MiB.
const (
	defaultBytes    = 1 << 20
	defaultDepth    = 64
	defaultAttrs    = 64
	defaultElements = 8192
)

// maxHead is the limit of a root's start tag in bytes: what is kept of a stanza that is too large, in order to answer it.
const maxHead = 64 << 10

// orDefault is l with its zero fields filled in.
func (l Limits) orDefault() Limits {
	if l.Bytes <= 0 {
		l.Bytes = defaultBytes
	}
	if l.Depth <= 0 {
		l.Depth = defaultDepth
	}
	if l.Attrs <= 0 {
		l.Attrs = defaultAttrs
	}
	if l.Elements <= 0 {
		l.Elements = defaultElements
	}
	return l
}
