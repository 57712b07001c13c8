// Package salmon is in charge of magic envelopes, as which the social web of OStatus tells one actor something of another: reading and
// writing them, their signatures, and keys as they are written there.
//
// It is not in charge of what is in them (package atom), of whose key it has to be, nor of HTTP. Documents: Salmon Protocol (draft-panzer-salmon-00),
// Magic Signatures (draft-panzer-magicsig-01). Where peers do it otherwise than these say, comments say which.
package salmon
