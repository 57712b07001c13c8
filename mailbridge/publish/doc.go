// Package publish is in charge of what the operator of a mail gateway publishes in the DNS: which records those are, and whether they are there
// and right. It changes nothing, and asks as the servers of others would.
//
// It implements what is needed of:
//   - RFC 5321 §5.1 and RFC 7505 (MX), RFC 7208 (SPF), RFC 6376 (DKIM), RFC 7489 (DMARC)
//   - RFC 8461 (MTA-STS), RFC 8460 (TLS-RPT)
package publish
