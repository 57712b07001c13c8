// Package xmpptest is in charge of an XMPP server for tests: an in-process server that external components join (XEP-0114), with
// clients as handles that send and receive stanzas, and of comparing stanzas with what a test expects.
//
// It keeps what a component can see of Prosody and ejabberd: the handshake and its stream errors, routing, order, bounces, the
// presence that a server sends for a client that goes away; and it is stricter than both where they differ, so that a component
// that it accepts works behind either. It is no XMPP server for people: no client-to-server streams, rosters, storage or
// federation.
//
// Documents: XEP-0114 1.6, RFC 6120, RFC 6121 §8 (routing), XEP-0030 and XEP-0199 (answers of the host itself), XEP-0363 1.1
// (an upload service).
package xmpptest
