// Package receive is in charge of taking mail from other servers: it listens for SMTP and LMTP, bounds what a peer may send and how fast, has
// each mail judged and filtered, writes down on it where it came from, and hands it to a Backend. It answers 250 only once the Backend has it
// where no crash takes it back.
//
// It is not in charge of who has a mailbox or of what becomes of a mail: that is the Backend's. It sends nothing to anybody: what the Backend
// does not take is refused, so it relays for nobody in any configuration.
//
// The commands are read by go-smtp. Before it stands a connection of ours (wire), which knows where a mail begins and ends, and does what the
// library does not: bounds of time and number, STARTTLS, and answers that leave together.
//
// It implements what is needed of:
//   - RFC 5321 (SMTP), RFC 2033 (LMTP), RFC 2034 and RFC 3463 (enhanced codes), RFC 1870 (SIZE), RFC 6152 (8BITMIME), RFC 2920 (PIPELINING)
//   - RFC 3207 (STARTTLS), RFC 6531 (SMTPUTF8), RFC 3461 (DSN)
//   - RFC 8601 (Authentication-Results)
//   - XFORWARD of Postfix, and its milter protocol as a client
package receive
