// Package text is in charge of texts for people: the catalogue of what the gateway says, in the languages that it speaks.
//
// The English text is the key; what a language lacks is said in English. It is not in charge of error texts of networks, which
// come in whatever language the network speaks.
package text

import (
	"fmt"
	"maps"
	"strings"
)

// Say gives a text of the catalogue in a language, with its arguments filled in as by fmt.Sprintf. Lang is an xml:lang value
// (BCP 47); of "fr-CA" French is known. An argument may stand elsewhere in another language (%[2]s).
func Say(lang, text string, args ...any) string {
	if t, ok := catalogue(lang)[text]; ok {
		text = t
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// In is Say in one language.
func In(lang string) func(text string, args ...any) string {
	return func(text string, args ...any) string { return Say(lang, text, args...) }
}

// Known gives the language of the catalogue that an xml:lang value stands for: "en" where it is none of them.
func Known(lang string) string {
	primary, _, _ := strings.Cut(lang, "-")
	if strings.EqualFold(primary, "fr") {
		return "fr"
	}
	return "en"
}

// french is the catalogue's French.
var french = joined(frenchTexts, frenchDoctor, frenchFollow, frenchIRC, frenchLogin, frenchMail, frenchPages, frenchRedirect, frenchSocial)

func joined(parts ...map[string]string) map[string]string {
	all := make(map[string]string)
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

func catalogue(lang string) map[string]string {
	if Known(lang) == "fr" {
		return french
	}
	return nil
}
