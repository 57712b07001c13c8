// Package webfinger is in charge of how servers of the social web say who is at an address: documents about a person or a host, in both of
// their forms, links that lead to them, and what is said of a server itself. It reads what strangers wrote and does no I/O.
//
// It is not in charge of believing any of it: who asks has to ask again whom the document names.
//
// Documents: RFC 7033 (WebFinger, JRD), XRD 1.0, RFC 6415 (host-meta), RFC 8288 (Link), RFC 7565 (acct), NodeInfo 2.1.
package webfinger
