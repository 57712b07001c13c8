// Package scram is in charge of proving that we know a password to a server that proves the same, without saying it: the client of SCRAM, for
// whatever protocol carries it. It knows no network and no encoding of its messages.
//
// Documents: RFC 5802, RFC 7677 and RFC 9266 (what ties it to TLS), RFC 4013.
package scram
