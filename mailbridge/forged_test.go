package mailbridge

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"passerelle/internal/dnstest"
	"passerelle/mailbridge/judge"
	"passerelle/mailbridge/receive"
	"passerelle/transports"
)

// judgedRig is a gateway whose mail is judged, behind a mail server that says what it has found (Authentication-Results of front.example).
func judgedRig(t *testing.T, strangers string) *rig {
	t.Helper()
	dns := dnstest.Start(t, dnstest.Zone{
		"example.com": {"TXT v=spf1 -all"}, "strict.example": {"TXT v=spf1 -all"}, "_dmarc.strict.example": {"TXT v=DMARC1; p=reject"},
		"broken.example": {"SERVFAIL"}, "_dmarc.broken.example": {"SERVFAIL"},
	})
	return rigOf(t, func(o *Options) { o.Strangers = strangers }, func(o *receive.Options) {
		o.Judge = judge.New(judge.Options{Resolver: dns.Resolver(), Log: o.Log})
		o.Rules.Trusted, o.Rules.Results = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"front.example"}
	})
}

// found is a mail of somebody that the mail server in front has judged.
func found(n int, from, results string) string {
	domain := from[strings.LastIndexByte(from, '@')+1:]
	return plainMail(fmt.Sprintf("Authentication-Results: front.example; %s\nFrom: %s\nMessage-ID: <%d@%s>\nSubject: Number %d\n",
		strings.ReplaceAll(results, "DOMAIN", domain), from, n, domain, n), fmt.Sprintf("number %d", n))
}

const (
	bySignature = "spf=pass smtp.mailfrom=DOMAIN; dkim=pass header.d=DOMAIN"
	byServer    = "spf=pass smtp.mailfrom=DOMAIN"
	byNothing   = "spf=fail smtp.mailfrom=DOMAIN"
	byOthers    = "spf=pass smtp.mailfrom=evil.example; dkim=pass header.d=evil.example"
	byNobody    = "spf=temperror smtp.mailfrom=DOMAIN; dkim=temperror header.d=DOMAIN"
	blind       = "iprev=pass"
)

// Mail of somebody whom a user knows waits where it lacks what showed before that it was from him, or where his domain says that it is forged, whatever the
// user has set of strangers. What could not be found out is no reason to hold it.
func TestForgedMailOfAContact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, from, before, then string
		waits                    bool
	}{
		{"signed before, and not now", "juliet@example.com", bySignature, byNothing, true},
		{"signed before, and now by somebody else", "juliet@example.com", bySignature, byOthers, true},
		{"signed before, and only its server is right now", "juliet@example.com", bySignature, byServer, false},
		{"signed before, and nobody knows where it comes from", "juliet@example.com", bySignature, blind, true},
		{"signed before, and the DNS does not answer", "juliet@example.com", bySignature, byNobody, false},
		{"its server was right before", "juliet@example.com", byServer, byNothing, true},
		{"its server was right before, and nobody knows which it is now", "juliet@example.com", byServer, blind, false},
		{"nothing was shown before", "juliet@example.com", byNothing, byNothing, false},
		{"the domain says that it is forged", "juliet@strict.example", "", byNothing, true},
		{"the domain does not answer", "juliet@broken.example", "", byNobody, false},
	} {
		for _, strangers := range []string{StrangersAsk, StrangersPass} {
			t.Run(c.name+", "+strangers, func(t *testing.T) {
				t.Parallel()
				r := judgedRig(t, strangers)
				with := contact(c.from)
				r.posted(transports.Letter{ID: "1", With: with, Body: "Hello"})
				r.flush()
				r.sent()
				if c.before != "" {
					r.accepted(c.from, found(1, c.from, c.before), "romeo@example.org")
					if l := r.letter(); l.With != with || !strings.HasSuffix(l.Body, "number 1") {
						t.Fatalf("got %+v", l)
					}
				}
				r.accepted(c.from, found(2, c.from, c.then), "romeo@example.org")
				if !c.waits {
					if l := r.letter(); l.With != with || !strings.HasSuffix(l.Body, "number 2") {
						t.Fatalf("got %+v", l)
					}
					return
				}
				r.waits(1)
				// To write to the contact is no word for that mail.
				r.posted(transports.Letter{ID: "2", With: with, Body: "Are you there?"})
				r.clock.Advance(askAfter)
				r.posted(transports.Letter{ID: "3", With: contact("zoe@example.com"), Formal: true, Subject: "x", Body: "x"}) // whose job has others looked at
				r.sent()
				asked, ok := r.next().(transports.Remark)
				if !ok || !strings.Contains(asked.Text, "1. "+c.from+": “Number 2”\n⚠ You know this contact") || !strings.Contains(asked.Text, "“accept 1”") || strings.Contains(asked.Text, "block") {
					t.Fatalf("got %+v", asked)
				}
				r.waits(1)
				if said, err := r.mail.runAccept(t.Context(), transports.Call{User: romeo, Values: transports.Values{"who": {"1"}}}); err != nil {
					t.Fatal(said, err)
				}
				if l := r.letter(); l.With != with || !strings.HasSuffix(l.Body, "number 2") {
					t.Errorf("got %+v", l)
				}
			})
		}
	}
}

// Who wants nothing of strangers wants no forged mail either: it is refused.
func TestForgedMailIsRefused(t *testing.T) {
	t.Parallel()
	r := judgedRig(t, StrangersRefuse)
	r.say("1", "Hello")
	r.flush()
	r.accepted("juliet@example.com", found(1, "juliet@example.com", bySignature), "romeo@example.org")
	r.letter()
	if err := r.bring("juliet@example.com", found(2, "juliet@example.com", byNothing), "romeo@example.org")["romeo@example.org"]; err == nil || !strings.Contains(err.Error(), "550") {
		t.Errorf("the answer is %v", err)
	}
}

// What was accepted however little shows whom it is from lets what follows come, until mail of the same sender is proven again.
func TestAcceptedWithoutProof(t *testing.T) {
	t.Parallel()
	r := judgedRig(t, StrangersAsk)
	r.say("1", "Hello")
	r.flush()
	n := 0
	bring := func(results string) {
		n++
		r.accepted("juliet@example.com", found(n, "juliet@example.com", results), "romeo@example.org")
	}
	comes := func() {
		t.Helper()
		if l := r.letter(); !strings.HasSuffix(l.Body, fmt.Sprintf("number %d", n)) {
			t.Fatalf("got %+v", l)
		}
	}
	bring(bySignature)
	comes()
	bring(byNothing)
	r.waits(1)
	if _, err := r.mail.runAccept(t.Context(), transports.Call{User: romeo, On: juliet}); err != nil {
		t.Fatal(err)
	}
	comes()
	bring(byNothing)
	comes()
	bring(bySignature)
	comes()
	bring(byNothing)
	r.waits(1)
}
