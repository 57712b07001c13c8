// Package gnusocial is a server of the social web for tests. It behaves as GNU social 1.20.10 was seen to do on the wire, where that is peculiar: it speaks
// HTTP/1.0 and offers nothing else in TLS, makes keys of 1024 bits and keeps those of others for ever, signs and verifies with padding alone, resolves URIs by
// host-meta only, asks of each slap that it has to do with whom it is told, says what was deleted and repeated in its feed alone, gives activities that end
// others ids of the year 1970, and answers 500 to what it has already.
//
// It has a format of its own for what it writes and reads, so that what we write is not checked by what wrote it.
package gnusocial
