// Package relay is in charge of handing mail to other mail servers: to one that sends it on (a smarthost), or to those of the recipients. It
// says for each recipient what became of it, and never tries again: that is internal/jobs' business.
//
// It speaks SMTP itself. What servers say is bounded in length and time, and addresses are written by mailbridge/address alone, so nothing in
// them becomes a parameter or a command.
//
// It implements what a client needs of:
//   - RFC 5321 (SMTP), RFC 2920 (pipelining), RFC 1870 (SIZE), RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8), RFC 3461 (DSN), RFC 2034 and RFC 3463
//     (enhanced status codes)
//   - RFC 3207 (STARTTLS), RFC 8314 (TLS from the first byte), RFC 4954 (AUTH), RFC 7435 (opportunistic security)
//   - RFC 5321 §5 and RFC 7505 (MX), RFC 8461 (MTA-STS)
package relay
