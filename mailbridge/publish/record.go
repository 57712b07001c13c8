package publish

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"strings"

	"passerelle/mailbridge/sign"
)

// Options say what there is to publish.
type Options struct {
	Domain   string // of the mail addresses, in ASCII
	Hostname string // what the gateway calls itself
	MX       bool   // it takes mail from the internet itself
	TLS      bool   // it has a certificate for that
	// Direct says that it sends mail to the servers of others itself; else Smarthost is the host that does, empty where nobody sends.
	Direct    bool
	Smarthost string
	Keys      []sign.Record
}

// Kind is what a record is for.
type Kind string

// The kinds of records, in the order in which they matter.
const (
	MX      Kind = "MX"
	Address Kind = "address"
	Reverse Kind = "reverse"
	SPF     Kind = "SPF"
	DKIM    Kind = "DKIM"
	DMARC   Kind = "DMARC"
	MTASTS  Kind = "MTA-STS"
	Policy  Kind = "policy" // of MTA-STS, a file on the web
	TLSRPT  Kind = "TLS-RPT"
)

// Record is something to publish. Name has no dot at its end.
type Record struct {
	Kind  Kind
	Name  string
	Type  string // MX, TXT, A, PTR; URL for a file on the web
	Value string
	Why   string // what happens without it
	// Extra says that mail works without it.
	Extra bool
}

// Zone is the record as a line of a zone file; what is no record of the DNS is a comment.
func (r Record) Zone() string {
	switch r.Type {
	case "MX":
		return r.Name + ". IN MX " + r.Value + "."
	case "TXT":
		var parts []string
		for v := r.Value; ; {
			n := min(len(v), maxString)
			parts = append(parts, `"`+strings.ReplaceAll(v[:n], `"`, `\"`)+`"`)
			if v = v[n:]; v == "" {
				break
			}
		}
		return r.Name + ". IN TXT " + strings.Join(parts, " ")
	}
	return "; " + r.Type + " " + r.Name + ": " + strings.ReplaceAll(strings.TrimSpace(r.Value), "\n", "\n;   ")
}

// maxString is how long one string of a TXT record may be in bytes (RFC 1035 §3.3).
const maxString = 255

// Records are what there is to publish.
func (o Options) Records() []Record {
	var all []Record
	if o.MX {
		all = append(all, Record{
			Kind: MX, Name: o.Domain, Type: "MX", Value: "10 " + o.Hostname,
			Why: "mail for " + o.Domain + " does not find its way here",
		})
	} else {
		all = append(all, Record{
			Kind: MX, Name: o.Domain, Type: "MX", Value: "10 " + exampleMX,
			Why: "mail for " + o.Domain + " does not find its way to your mail server, which hands it over here",
		})
	}
	if o.MX || o.Direct {
		all = append(all, Record{
			Kind: Address, Name: o.Hostname, Type: "A", Value: "(the public address of this machine)",
			Why: "nobody finds the machine",
		})
	}
	if o.Direct {
		all = append(all, Record{
			Kind: Reverse, Name: o.Hostname, Type: "PTR", Value: o.Hostname,
			Why: "many servers refuse mail from an address whose name does not lead back to it; whoever gave you the address sets it",
		})
	}
	all = append(all, Record{
		Kind: SPF, Name: o.Domain, Type: "TXT", Value: o.spf(),
		Why: "others cannot tell mail that your server sends from forged mail",
	})
	for _, k := range o.Keys {
		all = append(all, Record{Kind: DKIM, Name: k.Name, Type: "TXT", Value: k.Text, Why: "others cannot check the signatures on your users' mail"})
	}
	all = append(all, Record{
		Kind: DMARC, Name: "_dmarc." + o.Domain, Type: "TXT", Value: "v=DMARC1; p=quarantine; rua=mailto:postmaster@" + o.Domain,
		Why: "others do not know what to do with mail that is forged in your name, and large providers take less from you",
	})
	if o.MX && o.TLS {
		policy := o.policy()
		sum := sha256.Sum256([]byte(policy))
		all = append(
			all,
			Record{
				Kind: MTASTS, Name: "_mta-sts." + o.Domain, Type: "TXT", Value: "v=STSv1; id=" + hex.EncodeToString(sum[:10]), Extra: true,
				Why: "somebody on the way can have other servers send mail unencrypted; change the id whenever you change the file",
			},
			Record{
				Kind: Policy, Name: "https://mta-sts." + o.Domain + policyPath, Type: "URL", Value: policy, Extra: true,
				Why: "the record above leads to this file; write enforce in place of testing once it works",
			},
			Record{
				Kind: TLSRPT, Name: "_smtp._tls." + o.Domain, Type: "TXT", Value: "v=TLSRPTv1; rua=mailto:postmaster@" + o.Domain, Extra: true,
				Why: "other servers do not tell you when they cannot reach yours with encryption",
			},
		)
	}
	return all
}

// exampleMX stands for a server of the operator that the gateway does not know.
const exampleMX = "(your mail server)"

const policyPath = "/.well-known/mta-sts.txt"

// policy is the file of MTA-STS (RFC 8461 §3.2), in its careful form.
func (o Options) policy() string {
	return fmt.Sprintf("version: STSv1\nmode: testing\nmx: %s\nmax_age: 604800\n", o.Hostname)
}

// spf is what names the servers that send.
func (o Options) spf() string {
	switch {
	case o.Direct && o.MX:
		return "v=spf1 mx -all"
	case o.Direct:
		return "v=spf1 mx a:" + o.Hostname + " -all"
	case o.Smarthost == "":
		return "v=spf1 mx -all"
	case net.ParseIP(o.Smarthost) != nil:
		if ip := net.ParseIP(o.Smarthost); ip.IsLoopback() || ip.IsPrivate() {
			return "v=spf1 mx -all" // the operator's own, which is the MX mostly
		} else if ip.To4() == nil {
			return "v=spf1 mx ip6:" + o.Smarthost + " -all"
		}
		return "v=spf1 mx ip4:" + o.Smarthost + " -all"
	case o.Smarthost == "localhost":
		return "v=spf1 mx -all"
	}
	return "v=spf1 mx a:" + o.Smarthost + " ~all"
}
