package mailbridge

import (
	"fmt"
	"strings"

	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/judge"
	"passerelle/store"
	"passerelle/transports"
)

// lacking says which proofs a mail lacks, by what mail of the same sender had before.
type lacking uint8

const (
	lacksNothing   lacking = iota
	lacksSignature         // mail of his was signed before
	lacksProof             // there was any proof before
	lacksForged            // his domain says that it is not of it
)

// suspects reports whether a mail of somebody whom a user knows is likely not to be from him: what showed that it was before is not there, or his domain
// says so. A list that vouches for its mail counts as itself.
func (c *came) suspects(known *store.MailContact, who, writer transports.Target) bool {
	if who != writer || known.State != store.MailKnown {
		return false
	}
	switch c.Lacks {
	case lacksForged:
		return true
	case lacksProof:
		return known.Proof > 0
	case lacksSignature:
		return judge.Proof(known.Proof) >= judge.BySignature
	}
	return false
}

// judged notes what was found of who sent a mail, if anybody has looked.
func (c *came) judged(v *judge.Verdict, from address.Mailbox) {
	if v.From == "" && v.SPF == "" && v.DMARC == "" && len(v.DKIM) == 0 {
		return
	}
	// What is proven is the domain in the header. The address in the envelope may be anybody's, who would get reports about what others sent.
	domain, spf := from.ASCIIDomain(), v.SPF == judge.Pass
	c.Proven = v.Proven() && (domain == v.From || spf && domain == v.SPFDomain)
	c.Passed = []string{}
	if spf {
		c.Passed = append(c.Passed, v.SPFDomain)
	}
	for _, s := range v.DKIM {
		if s.Result == judge.Pass {
			c.Passed = append(c.Passed, s.Domain)
		}
	}
	c.Proof = v.Proof()
	switch {
	case v.Lacks(judge.NoProof):
		c.Lacks = lacksForged
	case v.Lacks(judge.ByServer):
		c.Lacks = lacksProof
	case v.Lacks(judge.BySignature):
		c.Lacks = lacksSignature
	}
	said, args := v.Sentence()
	c.Doubt = said
	if len(args) > 0 {
		c.Whose = fmt.Sprint(args[0])
	}
}

// speaks reports whether the domain of somebody, one above it or one below it has passed for a mail; where nobody has looked everybody is believed.
func (c *came) speaks(who transports.Target) bool {
	if c.Passed == nil {
		return true
	}
	m, err := address.ParseLoose(who.ID)
	if err != nil {
		return false
	}
	domain := m.ASCIIDomain()
	for _, p := range c.Passed {
		if p == domain || strings.HasSuffix(domain, "."+p) || strings.HasSuffix(p, "."+domain) {
			return true
		}
	}
	return false
}

// doubt says in a language what was found.
func doubt(lang, said, whose string) string {
	if strings.Contains(said, "%s") {
		return text.Say(lang, said, oneLine(whose))
	}
	return text.Say(lang, said)
}
