package microblog

import (
	"net/url"
	"strconv"
	"strings"

	"passerelle/transports"
)

// Place is a node of somebody, or an item in it.
type Place struct {
	Address    transports.Address
	Node, Item string
}

// URI names a place (XEP-0060 §12.21).
func (p Place) URI() string {
	var b strings.Builder
	b.WriteString("xmpp:")
	if p.Address.Local != "" {
		b.WriteString(url.PathEscape(p.Address.Local) + "@")
	}
	b.WriteString(url.PathEscape(p.Address.Domain))
	if p.Node != "" {
		b.WriteString("?;node=" + escape(p.Node))
		if p.Item != "" {
			b.WriteString(";item=" + escape(p.Item))
		}
	}
	return b.String()
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// ReadURI reads what a URI of XMPP names (RFC 5122 §2.3); false where it is no such URI. Clients escape more or less than they should.
func ReadURI(s string) (Place, bool) {
	if len(s) > 3*maxURL {
		return Place{}, false
	}
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), "") // documents fold long ones
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !strings.EqualFold(scheme, "xmpp") {
		return Place{}, false
	}
	path, query, _ := strings.Cut(rest, "?")
	query, _, _ = strings.Cut(query, "#")
	a, err := transports.ParseAddress(unescape(strings.TrimPrefix(path, "//")))
	if err != nil {
		return Place{}, false
	}
	p := Place{Address: a}
	_, pairs, _ := strings.Cut(query, ";") // behind the kind of query, which mostly is left out
	for pair := range strings.SplitSeq(pairs, ";") {
		switch key, value, _ := strings.Cut(pair, "="); key {
		case "node":
			p.Node = unescape(value)
		case "item":
			p.Item = unescape(value)
		}
	}
	if p.Node == "" {
		p.Item = ""
	}
	return p, true
}

// unescape reads the escapes of a part of a URI. What is none stays as it is.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(c))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// AttachmentsNode is the name of the node of what is attached to an item (XEP-0470 §4.1.1).
func AttachmentsNode(to Place) string { return NSAttachments + "/" + to.URI() }

// ReadAttachmentsNode reads to which item of whose node things are attached in a node of that name.
func ReadAttachmentsNode(node string) (Place, bool) {
	uri, ok := strings.CutPrefix(node, NSAttachments+"/")
	if !ok {
		return Place{}, false
	}
	p, ok := ReadURI(uri)
	return p, ok && p.Item != ""
}

// SummaryNode is the name of the node that sums up what is attached to the items of a node (XEP-0470 §4.6).
func SummaryNode(of string) string { return NSSummary + "/" + of }

// ReadSummaryNode reads of which node a node sums up what is attached.
func ReadSummaryNode(node string) (of string, ok bool) { return strings.CutPrefix(node, NSSummary+"/") }
