package config

import (
	"fmt"
	"strings"
)

// users checks a list of who may use a gateway, or may not, and folds it as JIDs that the server delivers are.
func (v validator) users(key string, list []string) {
	if !v.ok(key) {
		return
	}
	if v.has(key) && len(list) == 0 {
		v.add(key, "the list is empty", "write whom it is about, or remove the line")
	}
	for i, who := range list {
		folded, ok := foldUsers(who)
		if !ok {
			v.add(element(key, i), fmt.Sprintf("%q stands for nobody", who), "write name@example.org, example.org, or *.example.org for everything below it")
			continue
		}
		list[i] = folded
	}
}

// foldUsers checks what stands for users: the JID of a person, a domain, or all domains below one.
func foldUsers(who string) (string, bool) {
	if strings.Contains(who, "@") {
		return foldPerson(who)
	}
	below, wild := strings.CutPrefix(who, "*.")
	domain, err := foldDomain(below)
	switch {
	case err != nil:
		return "", false
	case wild:
		return "*." + domain, true
	}
	return domain, true
}
