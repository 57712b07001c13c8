package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"passerelle/internal/xmpptest"
)

// difference is something that clients get from one of the gateways and not from the other: "-" is what only biboumi sends, "+" what only
// passerelle does.
type difference struct {
	part    string
	clients []string
	what    string
}

// String is the difference without who sees it.
func (d difference) String() string { return d.part + ": " + d.what }

// compare finds what differs in a part of a script, and how many stanzas and lines are the same.
func compare(theirs, ours *played) (same int, all []difference) {
	clients := make(map[string]bool)
	for _, p := range []*played{theirs, ours} {
		for name := range p.got {
			clients[name] = true
		}
		for name := range p.lines {
			clients[name] = true
		}
	}
	at := make(map[string]int) // what several clients see is said once
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		var found []string
		var equal int
		if strings.HasPrefix(name, ircPrefix) {
			equal, found = compareLines(theirs.lines[name], ours.lines[name])
		} else {
			equal, found = compareStanzas(normalise(theirs.got[name], name), normalise(ours.got[name], name))
		}
		same += equal
		for _, what := range found {
			if i, known := at[what]; known {
				if !slices.Contains(all[i].clients, name) {
					all[i].clients = append(all[i].clients, name)
				}
				continue
			}
			at[what] = len(all)
			all = append(all, difference{ours.title, []string{name}, what})
		}
	}
	return same, all
}

func compareLines(theirs, ours []string) (same int, found []string) {
	normal := func(lines []string) []string {
		var out []string
		for _, l := range lines {
			out = append(out, plainValue(l))
		}
		return out
	}
	left := normal(ours)
	for _, l := range normal(theirs) {
		if i := slices.Index(left, l); i >= 0 {
			left = slices.Delete(left, i, i+1)
			same++
			continue
		}
		found = append(found, "- "+l)
	}
	for _, l := range left {
		found = append(found, "+ "+l)
	}
	return same, found
}

// compareStanzas pairs the stanzas of two gateways, the most alike first, and says what differs in each pair.
func compareStanzas(a, b []*node) (same int, found []string) {
	type pair struct{ i, j, likeness int }
	var pairs []pair
	for i := range a {
		for j := range b {
			if n := likeness(a[i], b[j]); n > 0 {
				pairs = append(pairs, pair{i, j, n})
			}
		}
	}
	slices.SortStableFunc(pairs, func(p, q pair) int {
		return cmp.Or(cmp.Compare(q.likeness, p.likeness), cmp.Compare(p.i+p.j, q.i+q.j))
	})
	with := make(map[int]int) // of theirs, the one of ours
	used := make(map[int]bool)
	for _, p := range pairs {
		if _, taken := with[p.i]; !taken && !used[p.j] {
			with[p.i], used[p.j] = p.j, true
		}
	}
	for i := range a {
		j, ok := with[i]
		if !ok {
			found = append(found, "- "+a[i].String())
			continue
		}
		differ := a[i].differences(b[j])
		if len(differ) == 0 {
			same++
		}
		for _, what := range differ {
			found = append(found, a[i].about()+": "+what)
		}
	}
	for j := range b {
		if !used[j] {
			found = append(found, "+ "+b[j].String())
		}
	}
	return same, found
}

// likeness says how much two stanzas have in common, 0 where they are about something else.
func likeness(a, b *node) int {
	if a.name != b.name || (a.attr["type"] == "error") != (b.attr["type"] == "error") {
		return 0
	}
	n := 0
	if id := a.attr["id"]; id != "" && id != anyID && id == b.attr["id"] {
		n += 16
	}
	if a.attr["from"] == b.attr["from"] {
		n += 4
	}
	if n == 0 && a.name != "message" || a.name == "iq" && n < 16 {
		return 0
	}
	if a.attr["type"] == b.attr["type"] {
		n += 2
	}
	body, other := a.child("body"), b.child("body")
	switch {
	case body == nil || other == nil:
		if (body == nil) != (other == nil) && n < 16 {
			return 0
		}
		if a.name == "message" && n < 16 && (a.child("subject") == nil) != (b.child("subject") == nil) {
			return 0
		}
		if a.name == "presence" && a.attr["type"] != b.attr["type"] {
			return 0
		}
	case body.text == other.text:
		n += 8
	case n < 16:
		return 0
	}
	return n
}

// node is an element whose values that hang on the moment are written as what they are.
type node struct {
	name     string
	space    string // empty where it is that of the element around it
	attr     map[string]string
	text     string
	children []*node
}

// normalise writes down what a client got.
func normalise(all []*xmpptest.Element, client string) []*node {
	var out []*node
	for _, e := range all {
		if e.Name.Local == "iq" && e.Get("type") == "set" && e.Get("from") == "" {
			continue // the server tells of the contact list
		}
		n := normal(e, xmpptest.NSClient)
		bare, _, _ := strings.Cut(client, "/")
		switch n.attr["to"] {
		case client:
			delete(n.attr, "to")
		case bare:
			n.attr["to"] = "BARE"
		}
		if n.attr["lang"] == "en" { // the server says so where a gateway does not
			delete(n.attr, "lang")
		}
		n.children = slices.DeleteFunc(n.children, func(c *node) bool { return c.name == "stanza-id" && c.attr["by"] == bare }) // the server's
		out = append(out, n)
	}
	return out
}

func normal(e *xmpptest.Element, space string) *node {
	n := &node{name: e.Name.Local, attr: make(map[string]string), text: plainValue(strings.TrimSpace(e.Text()))}
	if e.Name.Space != space {
		n.space = e.Name.Space
	}
	for _, a := range e.Attr {
		n.attr[a.Name.Local] = plainValue(a.Value)
		if a.Name.Local == "id" || a.Name.Local == "sessionid" || a.Name.Local == "ver" {
			n.attr[a.Name.Local] = plainID(a.Value)
		}
	}
	for _, c := range e.Elements() {
		n.children = append(n.children, normal(c, e.Name.Space))
	}
	return n
}

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// key tells an element from others of its name beside it.
func (n *node) key() string {
	key := n.name + " " + n.space
	for _, a := range []string{"var", "jid", "node", "code", "category"} {
		key += " " + n.attr[a]
	}
	return key
}

// partner finds the element that stands for c in another stanza: the only one of its name, or that with the same key.
func (n *node) partner(c *node, left []*node) int {
	named := func(o *node) bool { return o.name == c.name && o.space == c.space }
	i := slices.IndexFunc(left, named)
	if i >= 0 && !slices.ContainsFunc(left[i+1:], named) && !slices.ContainsFunc(n.children, func(o *node) bool { return o != c && named(o) }) {
		return i
	}
	return slices.IndexFunc(left, func(o *node) bool { return o.key() == c.key() })
}

// about names a stanza for people.
func (n *node) about() string {
	return strings.Join(slices.DeleteFunc([]string{n.name, n.attr["type"], n.attr["from"]}, func(s string) bool { return s == "" }), " ")
}

// differences says what b has in place of what n has.
func (n *node) differences(b *node) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(n.attr)) {
		if value, ok := b.attr[name]; !ok {
			out = append(out, fmt.Sprintf("%s has no %s='%s'", n.name, name, n.attr[name]))
		} else if value != n.attr[name] {
			out = append(out, fmt.Sprintf("%s of %s is '%s', not '%s'", name, n.name, value, n.attr[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.attr)) {
		if _, ok := n.attr[name]; !ok {
			out = append(out, fmt.Sprintf("%s has %s='%s'", n.name, name, b.attr[name]))
		}
	}
	if n.text != b.text {
		out = append(out, fmt.Sprintf("%s is “%s”, not “%s”", n.name, b.text, n.text))
	}
	left := slices.Clone(b.children)
	for _, c := range n.children {
		i := n.partner(c, left)
		if i < 0 {
			out = append(out, "- "+c.String())
			continue
		}
		out = append(out, c.differences(left[i])...)
		left = slices.Delete(left, i, i+1)
	}
	for _, c := range left {
		out = append(out, "+ "+c.String())
	}
	return out
}

// String is the element in one line.
func (n *node) String() string {
	var b strings.Builder
	b.WriteString("<" + n.name)
	if n.space != "" {
		b.WriteString(" xmlns='" + n.space + "'")
	}
	for _, name := range slices.Sorted(maps.Keys(n.attr)) {
		b.WriteString(" " + name + "='" + n.attr[name] + "'")
	}
	if n.text == "" && len(n.children) == 0 {
		return b.String() + "/>"
	}
	b.WriteString(">" + n.text)
	for _, c := range n.children {
		b.WriteString(c.String())
	}
	return b.String() + "</" + n.name + ">"
}

// anyID stands for an id that a gateway has made.
const anyID = "ID"

// ownIDs are those that scripts use.
var ownIDs = regexp.MustCompile(`^[a-z]{1,4}[0-9]{0,2}$`)

func plainID(id string) string {
	if ownIDs.MatchString(id) {
		return id
	}
	return anyID
}

// control are characters that nobody sees; they are written as Go does.
var control = regexp.MustCompile(`[\x00-\x1f]+`)

// moments are values that hang on the moment or on the machine, and what is written for them.
var moments = []struct {
	form *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(regexp.QuoteMeta(networkName + "@" + gatewayDomain)), "NET"},
	{regexp.MustCompile(regexp.QuoteMeta(gatewayDomain)), "GW"},
	{regexp.MustCompile(regexp.QuoteMeta(networkName)), "SERVER"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`SERVER:\d+`), "ADDRESS"},
	{regexp.MustCompile(`[~a-z0-9.\\]+@(127\.0\.0\.1|localhost\b)`), "USER@HOST"},
	{regexp.MustCompile(`\b1\d{9}\b`), "TIME"},
	{regexp.MustCompile(`(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z][a-z] +\d+ [0-9: at]+( \(?UTC\)?)?`), "TIME"},
	{regexp.MustCompile(`\d\d:\d\d:\d\d [A-Z][a-z][a-z] \d+ 20\d\d`), "TIME"},
	{regexp.MustCompile(`[A-Za-z0-9+/]{200,}=*`), "DATA"},
	{regexp.MustCompile(`[0-9a-f]{40}`), "HASH"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`), anyID},
	{regexp.MustCompile(`passerelle [^ <]+`), "passerelle VERSION"},
	{regexp.MustCompile(`Linux [0-9][^ <]+`), "Linux VERSION"},
}

func plainValue(s string) string {
	s = control.ReplaceAllStringFunc(s, strconv.Quote)
	for _, name := range []string{"alice", "bob", "carol"} {
		s = strings.ReplaceAll(s, name+"@localhost", name)
	}
	for _, m := range moments {
		s = m.form.ReplaceAllString(s, m.as)
	}
	return s
}
