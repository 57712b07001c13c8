package ircbridge

import (
	"net/url"
	"strings"

	"passerelle/transports"
)

// Find says what somebody means who writes "#go", "#go libera", "#go on irc.libera.chat", "bob@irc.libera.chat" or
// "irc://irc.libera.chat/go". Without a network it is the first that the operator named. A network may be named by a part of its name.
func (t *Transport) Find(input string) (transports.Target, error) {
	input = strings.TrimSpace(input)
	if u, err := url.Parse(input); err == nil && (u.Scheme == "irc" || u.Scheme == "ircs") && u.Hostname() != "" {
		name, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), ",")
		if u.Fragment != "" && name == "" {
			name = "#" + u.Fragment
		}
		if name != "" && !strings.ContainsAny(name[:1], "#&") {
			name = "#" + name // the URL leaves the sign out
		}
		return t.named(name, u.Hostname())
	}
	words := strings.Fields(strings.NewReplacer("%", " ", "@", " ", ",", " ").Replace(input))
	if len(words) == 3 && (words[1] == "on" || words[1] == "sur") {
		words = []string{words[0], words[2]}
	}
	switch {
	case len(words) == 2:
		return t.named(words[0], t.expand(words[1]))
	case len(words) == 1 && strings.Contains(words[0], ".") && !strings.ContainsAny(words[0][:1], "#&"):
		return t.named("", words[0])
	case len(words) == 1 && len(t.rules().Networks) > 0:
		return t.named(words[0], t.rules().Networks[0].ID)
	case len(words) == 1:
		return transports.Target{}, badAddress("Say on which network, for instance “" + words[0] + " irc.libera.chat”.")
	}
	return transports.Target{}, badAddress("Write a channel or a nick, and its network, for instance “#linux irc.libera.chat”.")
}

// named is a channel or a person of a network, or the network itself where nobody is named.
func (t *Transport) named(name, network string) (transports.Target, error) {
	network = strings.ToLower(network)
	if !validNetwork(network) {
		return transports.Target{}, badNetwork()
	}
	found, err := target(strings.ToLower(name), network, name != "")
	if err != nil {
		return transports.Target{}, err
	}
	if _, err := t.network(network); err != nil {
		return transports.Target{}, err
	}
	return found, nil
}

// expand finds the network that a part of its name means, such as "libera".
func (t *Transport) expand(name string) string {
	name = strings.ToLower(name)
	if t.rules().byID[name] != nil {
		return name
	}
	for _, n := range t.rules().Networks {
		if strings.Contains(n.ID, name) || strings.Contains(strings.ToLower(n.Name), name) {
			return n.ID
		}
	}
	if name == "libera" || name == "oftc" {
		return map[string]string{"libera": "irc.libera.chat", "oftc": "irc.oftc.net"}[name]
	}
	return name
}
