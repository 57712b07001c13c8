package ircbridge

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// commonNetworks are the names by which people call networks that they reach by TLS on its usual port, where the operator has none of
// that name.
var commonNetworks = map[string]string{
	"dalnet": "irc.dal.net", "ergo": "testnet.ergo.chat", "espernet": "irc.esper.net", "gimpnet": "irc.gimp.org", "hackint": "irc.hackint.org",
	"libera": "irc.libera.chat", "liberachat": "irc.libera.chat", "oftc": "irc.oftc.net", "rizon": "irc.rizon.net", "snoonet": "irc.snoonet.org",
	"tilde": "irc.tilde.chat", "w3c": "irc.w3.org",
}

// Find says what somebody means who writes "#go", "#go libera", "#go on irc.libera.chat", "bob@irc.libera.chat", "libera" or
// "irc://irc.libera.chat/go". Without a network it is the first that the operator named. A network may be named by a part of its name.
func (t *Transport) Find(lang, input string, wanted transports.TargetKind) (transports.Target, error) {
	input = strings.TrimSpace(input)
	if name, network, ok := t.readURL(input); ok {
		return t.named(lang, name, network)
	}
	words := strings.Fields(strings.NewReplacer("%", " ", "@", " ", ",", " ").Replace(input))
	if len(words) == 3 && slices.Contains([]string{"on", "at", "in", "sur", "à", "chez"}, strings.ToLower(words[1])) {
		words = []string{words[0], words[2]}
	}
	switch {
	case len(words) == 2 && isChannel(words[1]) && !isChannel(words[0]): // "libera #go"
		return t.named(lang, words[1], words[0])
	case len(words) == 2:
		return t.named(lang, asRoom(words[0], wanted), words[1])
	case len(words) == 1 && !isChannel(words[0]) && (wanted == transports.TargetNetwork || strings.Contains(words[0], ".") || t.known(words[0]) != ""):
		return t.named(lang, "", words[0])
	case len(words) == 1 && len(t.rules().Networks) > 0:
		return t.named(lang, asRoom(words[0], wanted), t.rules().Networks[0].ID)
	case len(words) == 1:
		return transports.Target{}, badAddress(text.Say(lang, "Say on which network, for instance “%s libera”.", asRoom(words[0], wanted)))
	case wanted == transports.TargetRoom:
		return transports.Target{}, badAddress(text.Say(lang, "Write a channel and its network, for instance “#linux libera”."))
	}
	return transports.Target{}, badAddress(text.Say(lang, "Write a channel or a nick, and its network, for instance “#linux libera”."))
}

// readURL reads a link to a channel: of IRC, or of a page with a client for a network that people call by a name.
func (t *Transport) readURL(input string) (name, network string, ok bool) {
	u, err := url.Parse(input)
	if err != nil || u.Hostname() == "" {
		return "", "", false
	}
	switch u.Scheme {
	case "irc", "ircs":
		name, network = strings.TrimPrefix(u.Path, "/"), u.Hostname()
	case "http", "https":
		if network = t.clientOf(u); network == "" {
			return "", "", false
		}
		name = cmp.Or(u.Query().Get("channels"), u.Query().Get("channel"), u.Query().Get("join"))
	default:
		return "", "", false
	}
	if name == "" {
		name = u.Fragment
	}
	name, _, _ = strings.Cut(name, ",")
	if name != "" && !isChannel(name) {
		name = "#" + name // the URL leaves the sign out
	}
	return name, network, true
}

// clientOf is the network that a client on the web leads to, "https://web.libera.chat" or "https://client.example/irc.libera.chat"; empty for
// none that is known.
func (t *Transport) clientOf(u *url.URL) string {
	for part := range strings.SplitSeq(lowerASCII(u.Path), "/") {
		if strings.Contains(part, ".") && t.called(part) {
			return part
		}
	}
	host := lowerASCII(u.Hostname())
	if _, domain, _ := strings.Cut(host, "."); t.called("irc." + domain) {
		return "irc." + domain
	}
	if t.called("irc." + host) {
		return "irc." + host
	}
	return ""
}

// called reports whether a network has a name: the operator has named it, or everybody has one for it.
func (t *Transport) called(id string) bool {
	if t.rules().byID[id] != nil {
		return true
	}
	for _, common := range commonNetworks {
		if common == id {
			return true
		}
	}
	return false
}

// asRoom gives a name the sign of a channel where one is looked for: people leave it out.
func asRoom(name string, wanted transports.TargetKind) string {
	if wanted == transports.TargetRoom && !isChannel(name) {
		return "#" + name
	}
	return name
}

// named is a channel or a person of a network, or the network itself where nobody is named.
func (t *Transport) named(lang, name, network string) (transports.Target, error) {
	network = lowerASCII(network)
	id := cmp.Or(t.known(network), network)
	switch {
	case !validNetwork(id):
		return transports.Target{}, badNetwork()
	case id == network && !strings.Contains(id, ".") && t.rules().byID[id] == nil:
		return transports.Target{}, transports.NewError(transports.NotFound, t.unknown(lang, network), nil)
	}
	found, err := target(lowerASCII(name), id, name != "")
	if err != nil {
		return transports.Target{}, err
	}
	if _, err := t.network(lang, id); err != nil {
		return transports.Target{}, err
	}
	return found, nil
}

// known finds the network that a word means, empty where there is none: its name, a part of that, or what everybody calls it.
func (t *Transport) known(name string) string {
	name = lowerASCII(name)
	if t.rules().byID[name] != nil {
		return name
	}
	const least = 3 // letters that say enough
	for _, n := range t.rules().Networks {
		if n.Name != "" && strings.EqualFold(n.Name, name) {
			return n.ID
		}
	}
	for _, n := range t.rules().Networks {
		if len(name) >= least && (strings.Contains(n.ID, name) || strings.Contains(strings.ToLower(n.Name), name)) {
			return n.ID
		}
	}
	return commonNetworks[name]
}

// unknown says that a word is the name of no network, which one may be meant, and how to name others.
func (t *Transport) unknown(lang, name string) string {
	switch like := t.like(name); {
	case like != "" && t.known(like) == like:
		return text.Say(lang, "I know no network called %s. Did you mean “%s”?", name, like)
	case like != "":
		return text.Say(lang, "I know no network called %s. Did you mean “%s” (%s)?", name, like, t.known(like))
	case t.rules().Open:
		return text.Say(lang, "I know no network called %s. Write the name of its server, for instance “irc.libera.chat”.", name)
	}
	var all []string
	for _, n := range t.rules().Networks {
		all = append(all, n.ID)
	}
	return text.Say(lang, "I know no network called %s, only: %s.", name, strings.Join(all, ", "))
}

// like finds what people call a network that is written almost so, empty where there is none.
func (t *Transport) like(name string) string {
	var names []string
	for _, n := range t.rules().Networks {
		names = append(names, n.ID, lowerASCII(n.Name))
	}
	for common, id := range commonNetworks {
		if _, err := t.network("", id); err == nil {
			names = append(names, common, id)
		}
	}
	slices.Sort(names)
	const most = 2 // letters that are wrong
	best, nearest := "", most+1
	for _, n := range names {
		if d := distance(name, n); d < nearest && d*2 < len(n) {
			best, nearest = n, d
		}
	}
	return best
}

// maxLike bounds what is compared, in bytes.
const maxLike = 64

// distance is how many letters have to be changed, put in or left out to make one word of the other.
func distance(a, b string) int {
	if len(a) > maxLike || len(b) > maxLike {
		return maxLike
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
