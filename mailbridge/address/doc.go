// Package address is in charge of the names of mailboxes: reading them from mail and from JIDs, writing them for SMTP and for people, and
// making addresses of our own that prove that they are ours (bounces, answers).
//
// It is pure: it knows no server, no user, and whether nobody has a mailbox. What it reads was written by strangers, so all of it has limits.
//
// It implements what is needed of:
//   - RFC 5321 §4.1.2 and RFC 5322 §3.4.1 (addresses), RFC 6531 and RFC 6532 (other scripts)
//   - RFC 5890 (domain names of other scripts)
//   - RFC 7622 (what a JID may hold)
package address
