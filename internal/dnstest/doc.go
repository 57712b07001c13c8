// Package dnstest is in charge of a name server for tests, on a loopback address: it answers over UDP and TCP with what a test wants names to
// be, so that MX, SPF, DKIM and the like can be tried without the internet. It knows no recursion and no DNSSEC.
package dnstest
