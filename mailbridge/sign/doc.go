// Package sign is in charge of the signatures on mail that goes out (DKIM): of the keys, what is signed, and what is published of them in the
// DNS. Keeping the keys is the caller's business, and checking signatures that of mailbridge/judge.
//
// Each mail has two signatures, RSA for everybody and Ed25519 for those who know it. They cover all of the mail, and headers that readers
// go by are signed once more than they are there, so that nobody can add another one.
//
// It implements what a signer needs of RFC 6376, RFC 8301 (how long keys are) and RFC 8463 (Ed25519).
package sign
