package mailbridge

import (
	"fmt"
	"strings"

	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/judge"
	"passerelle/transports"
)

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
