package judge

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"passerelle/mailbridge/address"
)

// Result is what was found, by its names in RFC 8601 §2.7.
type Result string

// The results.
const (
	None      Result = "none" // nothing was published, or there was nothing to judge
	Pass      Result = "pass"
	Fail      Result = "fail"
	SoftFail  Result = "softfail" // SPF: probably not
	Neutral   Result = "neutral"  // SPF: the domain says nothing
	TempError Result = "temperror"
	PermError Result = "permerror"
)

// usualBudget is how long the DNS may take for a mail: its sender's server waits for the answer.
const usualBudget = 2 * time.Second

// Resolver asks the DNS. *net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// Options are how a Judge judges.
type Options struct {
	Resolver Resolver
	Budget   time.Duration // 2 s if zero
	Log      *slog.Logger
}

// Judge judges mails. It is safe to use from any goroutine.
type Judge struct{ options Options }

// New makes a judge.
func New(o Options) *Judge {
	if o.Budget == 0 {
		o.Budget = usualBudget
	}
	o.Resolver = newCached(o.Resolver)
	return &Judge{o}
}

// Mail is what is judged.
type Mail struct {
	Addr   netip.Addr // whom it came from; the zero Addr where that is not known, which SPF needs
	Hello  string     // what that called itself
	Sender address.Mailbox
	Header []byte           // as it came
	Open   func() io.Reader // the whole mail as it came
	// Results are what servers of ours have found already: the values of their fields Authentication-Results. What they found counts as if it
	// had been found here.
	Results []string
}

// Signature is what became of one DKIM signature.
type Signature struct {
	Domain  string
	Result  Result
	Aligned bool // its domain is that of From
	// Header are the fields that it covers, in lower case, each as often as it covers it; nil where another server has looked.
	Header []string
}

// Verdict is what was found out about a mail.
type Verdict struct {
	// From is the domain in From, empty where there is none or several.
	From string
	// Policy is what the domain wants to be done with mail that is not proven to be of it: none, quarantine, reject; empty without a record.
	Policy string
	DMARC  Result

	SPF        Result
	SPFDomain  string
	SPFAligned bool
	DKIM       []Signature
	// Blind says that nobody knows which server the mail came from: SPF could have passed.
	Blind bool
}

// Proof says what shows that a mail is from the domain in its From.
type Proof uint8

// The proofs, the better ones behind.
const (
	NoProof     Proof = iota
	ByServer          // a server came that the domain names, or one of ours says so
	BySignature       // the domain has signed it: that shows wherever it comes from
)

// Proof is the best that shows that the mail is from the domain in its From.
func (v Verdict) Proof() Proof {
	if !v.Proven() {
		return NoProof
	}
	for _, s := range v.DKIM {
		if s.Result == Pass && s.Aligned {
			return BySignature
		}
	}
	return ByServer
}

// Lacks reports whether mail of somebody whose mail had a proof before should have had one, as far as can be told: not where the DNS does not answer,
// nor where a server is missing that nobody has seen. Without a proof before it is what his domain says of itself.
func (v Verdict) Lacks(before Proof) bool {
	switch {
	case v.Proven():
		return false
	case v.Forged():
		return true
	case v.unsure():
		return false
	case before == ByServer:
		return !v.Blind
	}
	return before == BySignature
}

// Proven reports whether the mail is from the domain in its From: what is published of it says so, or a signature or its server does.
func (v Verdict) Proven() bool {
	if v.DMARC == Pass {
		return true
	}
	return v.DMARC == None && v.aligned()
}

// aligned reports whether something that passed is of the domain in From.
func (v Verdict) aligned() bool {
	if v.From == "" {
		return false
	}
	if v.SPF == Pass && v.SPFAligned {
		return true
	}
	for _, s := range v.DKIM {
		if s.Result == Pass && s.Aligned {
			return true
		}
	}
	return false
}

// Covers reports whether it is proven too that the domain in From has written some fields as they are, each of which stands once in the mail: it
// comes from a server of that domain, or a signature of it covers them. Else somebody who has got the mail may have added them.
func (v Verdict) Covers(fields ...string) bool {
	if v.SPF == Pass && v.SPFAligned {
		return true
	}
	return slices.ContainsFunc(v.DKIM, func(s Signature) bool {
		return s.Result == Pass && s.Aligned && !slices.ContainsFunc(fields, func(f string) bool { return !slices.Contains(s.Header, f) })
	})
}

// Forged reports whether the domain in From says that a mail like this is not of it.
func (v Verdict) Forged() bool {
	return v.DMARC == Fail && (v.Policy == "reject" || v.Policy == "quarantine")
}

// Judge judges a mail. It takes no longer than its budget; what could not be found out in that time is a TempError.
func (j *Judge) Judge(ctx context.Context, m Mail) Verdict {
	ctx, cancel := context.WithTimeout(ctx, j.options.Budget)
	defer cancel()
	from, ok := fromDomain(m.Header)
	spfDone, dkimDone, dmarcDone := make(chan Verdict, 1), make(chan []Signature, 1), make(chan policy, 1)
	if m.Addr.IsValid() {
		go j.run("SPF", func() { spfDone <- j.spf(ctx, m) }, func() { spfDone <- Verdict{SPF: PermError} })
	} else {
		spfDone <- Verdict{SPF: None}
	}
	if isSigned(m.Header) {
		go j.run("DKIM", func() { dkimDone <- j.dkim(ctx, m) }, func() { dkimDone <- nil })
	} else {
		dkimDone <- nil
	}
	j.run("DMARC", func() { dmarcDone <- j.policy(ctx, from) }, func() { dmarcDone <- policy{result: PermError} })
	v, signatures, p := <-spfDone, <-dkimDone, <-dmarcDone
	v.From, v.DKIM = from, signatures
	v.take(m.Results)
	v.Blind = !m.Addr.IsValid() && v.SPF == None
	v.decide(p, ok)
	return v
}

// run does one of the checks. They read what strangers wrote by libraries of others, so that a fault in one is no end of everything.
func (j *Judge) run(what string, check, broken func()) {
	defer func() {
		if e := recover(); e != nil {
			j.options.Log.Error("a check of a mail has broken", "check", what, "error", fmt.Sprint(e))
			broken()
		}
	}()
	check()
}

// decide is DMARC (RFC 7489 §6.6.2): something that passed is of the domain in From, as exactly as that wants.
func (v *Verdict) decide(p policy, oneFrom bool) {
	v.Policy = p.wants
	v.SPFAligned = v.SPFDomain != "" && p.aligns(v.SPFDomain, v.From, p.strictSPF)
	for i := range v.DKIM {
		v.DKIM[i].Aligned = p.aligns(v.DKIM[i].Domain, v.From, p.strictDKIM)
	}
	switch {
	case !oneFrom:
		v.DMARC = PermError
	case v.DMARC == Pass || v.DMARC == Fail:
		// A server of ours has decided, and knew more.
	case p.result != Pass:
		v.DMARC = p.result
	case v.aligned():
		v.DMARC = Pass
	case v.Blind || v.unsure():
		v.DMARC = TempError
	default:
		v.DMARC = Fail
	}
}

// unsure reports whether something that is of the domain in From could have passed if the DNS had answered.
func (v *Verdict) unsure() bool {
	if v.SPF == TempError && v.SPFAligned {
		return true
	}
	for _, s := range v.DKIM {
		if s.Result == TempError && s.Aligned {
			return true
		}
	}
	return false
}

// fold brings a domain into the form in which it is compared; an empty one is none.
func fold(domain string) string {
	m, err := address.New("x", strings.TrimSpace(domain))
	if err != nil {
		return ""
	}
	return m.ASCIIDomain()
}
