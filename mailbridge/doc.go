// Package mailbridge is in charge of email: what comes to the addresses of users becomes letters, what users write becomes mail, and each
// side is told what became of it. It knows threads, who is known to whom, which lines go into one mail, and what a bounce is about.
//
// It is not in charge of XMPP, which it knows by package transports alone, nor of bytes and wires: packages below it read and write mail, judge
// it, and speak with mail servers.
//
// Everything that is on its way is in the database. Mail that comes is written down before its peer is answered (intake.go), then read,
// rendered and handed to the outbox of its user (inward.go). What a user writes is written down before his client is answered (post.go),
// gathered with what he adds (window.go), composed once (outgoing.go), and sent until each of its recipients has it or never will (send.go).
// Both are jobs (internal/jobs): a crash repeats a step, with the same ids.
package mailbridge
