// Package atom is in charge of activities as the social web of OStatus writes them: reading and writing feeds and entries of Atom with what
// ActivityStreams 1 adds to them.
//
// It is not in charge of whether somebody may say what he says, of cleaning the HTML in it, nor of HTTP. Documents: RFC 4287 (Atom), RFC 4685
// (replies), RFC 6721 (what is gone), Atom Activity Streams 1.0, Atom Activity Base Schema 1.0, OStatus 1.0 Draft 2. Where peers do it otherwise than
// these say, comments say which.
package atom
