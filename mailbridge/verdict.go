package mailbridge

import (
	"fmt"
	"strings"

	"passerelle/internal/text"
	"passerelle/mailbridge/judge"
)

// judged notes what was found of who sent a mail, if anybody has looked.
func (c *came) judged(v *judge.Verdict) {
	if v.From == "" && v.SPF == "" && v.DMARC == "" && len(v.DKIM) == 0 {
		return
	}
	c.Proven = v.Proven()
	said, args := v.Sentence()
	c.Doubt = said
	if len(args) > 0 {
		c.Whose = fmt.Sprint(args[0])
	}
}

// doubt says in a language what was found.
func doubt(lang, said, whose string) string {
	if strings.Contains(said, "%s") {
		return text.Say(lang, said, oneLine(whose))
	}
	return text.Say(lang, said)
}
