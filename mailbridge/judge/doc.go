// Package judge is in charge of saying whether a mail is from whom it says: by where it came from (SPF), by what signed it (DKIM), and by what the
// domain in its From has published about both (DMARC). It asks the DNS, within a bound of time, and changes nothing.
//
// It is not in charge of what follows from that.
//
// It implements what is needed of:
//   - RFC 7208 (SPF) and RFC 6376, RFC 8301, RFC 8463 (DKIM), by libraries
//   - RFC 7489 (DMARC): the record, the organisational domain, alignment
//   - RFC 8601 (Authentication-Results): writing it, and reading that of servers of ours
package judge
