package webpage

import (
	"strconv"
	"strings"

	"passerelle/internal/text"
)

// maxLanguages is how many languages of a browser are looked at.
const maxLanguages = 16

// Language is the language of the catalogue that a browser likes best (RFC 9110 §12.5.4).
func Language(accept string) string {
	best, most := "en", 0.0
	for i, part := range strings.SplitN(accept, ",", maxLanguages+1) {
		if i == maxLanguages {
			break
		}
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			var err error
			if weight, err = strconv.ParseFloat(q, 64); err != nil || !(weight >= 0 && weight <= 1) {
				continue
			}
		}
		tag = strings.TrimSpace(tag)
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if known := text.Known(tag); known == primary && weight > most {
			best, most = known, weight
		}
	}
	return best
}
