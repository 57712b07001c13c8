// Package component is everything XMPP, once for all transports: it joins a server as external components (XEP-0114), one stream
// per virtual domain, and serves the virtual JIDs below each domain.
//
// It is in charge of streams and their coming back, of routing, of the users (one goroutine each while there is work, two
// bounded queues), of what each JID is and answers, of the help bot, and of rendering the requests and events of package
// transports as stanzas. It is not in charge of any network, nor of XML (component/stanza) nor of what happens inside a room
// (component/muc).
//
// Documents: RFC 6120, RFC 6121, XEP-0114 1.6, XEP-0030 2.5, XEP-0045 1.34.5, XEP-0084 1.1.4, XEP-0092 1.1, XEP-0106 1.1,
// XEP-0115 1.6.0, XEP-0128 1.0.1, XEP-0144 1.0, XEP-0153 1.1, XEP-0157 1.1.1, XEP-0163 1.2.2, XEP-0172 1.1, XEP-0191 1.1, XEP-0199 2.0,
// XEP-0202 2.0, XEP-0317 0.2, XEP-0410 1.1.0, XEP-0486 0.1.0.
package component
