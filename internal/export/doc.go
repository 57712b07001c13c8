// Package export is in charge of what a user is handed who asks for everything that is kept about him: one ZIP file with texts for people
// and JSON for programs, as docs/export.md describes it.
//
// It is not in charge of who may ask, nor of how the file gets to him. It is not XEP-0227 because that is for accounts of one's own
// server, in one document; what it calls for can be made of this, since each message is there as the stanza that it was.
package export
