// Package stanza is the XML layer of a component stream: it splits the stream into stanzas, gives each of them as a small
// namespace-aware tree, and appends XML to buffers.
//
// It is in charge of bytes, limits and well-formedness. What the server forwards was written by strangers, so a stanza that
// breaks a rule or a limit is refused with what its start tag said, and the stream goes on. It is not in charge of sockets,
// of the stream header and the handshake, or of what stanzas mean: it knows no XEP.
//
// A stanza takes the fast path of tree.go, which works in one buffer and allocates nothing for names that names.go knows.
// Stanzas with CDATA sections, prefixes or names beyond ASCII are rare and take the way of cold.go, through encoding/xml.
//
// It implements what a component needs of:
//   - RFC 6120 (XMPP Core), chiefly §4.9, §8.3 and §11
//   - XEP-0114 (Jabber Component Protocol) 1.6
//   - XML 1.0, fifth edition, without what RFC 6120 §11.1 forbids
//   - Namespaces in XML 1.0, third edition
package stanza
