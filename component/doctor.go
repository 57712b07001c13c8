package component

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// States of what the command doctor looks at, the same in every language: programs read them too.
const (
	doctorOK    = "ok"
	doctorNote  = "note" // it works, and could do more
	doctorWrong = "wrong"
)

// doctorCommand is "doctor": what is well between the gateway and its XMPP server, and what to do about the rest.
func (g *Gateway) doctorCommand() transports.Command {
	return transports.Command{Name: "doctor", Title: "What is well and what is not", Admin: true, List: g.listDoctor}
}

func (g *Gateway) listDoctor(ctx context.Context, call transports.Call, at transports.Page) (*transports.Table, error) {
	t := &transports.Table{
		Title: "What is well and what is not",
		Empty: "Nothing was looked at.",
		Columns: []transports.Column{
			{Name: "state", Label: "State"},
			{Name: "found", Label: "What was found"},
			{Name: "fix", Label: "What to do about it"},
		},
	}
	d := &diagnosis{g: g, lang: call.Lang, table: t}
	d.stream(ctx)
	return t.Cut(at), nil
}

// diagnosis gathers what is found.
type diagnosis struct {
	g     *Gateway
	lang  string
	table *transports.Table
}

func (d *diagnosis) add(state, found, fix string) {
	d.table.Rows = append(d.table.Rows, transports.Row{Key: fmt.Sprintf("%02d", len(d.table.Rows)), Cells: []string{state, found, fix}})
}

// stream looks at the link to the server, and through it at the server.
func (d *diagnosis) stream(ctx context.Context) {
	g := d.g
	if !g.Connected() {
		// The advice is for the operator, in the words of the log.
		found, fix := text.Say(d.lang, "there is no connection to the XMPP server %s", g.opt.Server), text.Say(d.lang, "wait: it is being tried")
		if down, ok := g.lastDown.Load().(string); ok {
			fix = down
		}
		d.add(doctorWrong, found, fix)
		return
	}
	if err := g.ping(ctx, g.domain, g.domain, discoTimeout); err != nil {
		d.add(doctorWrong, text.Say(d.lang, "the XMPP server %s does not bring what the gateway sends to itself", g.opt.Server), text.Say(d.lang, "look into its log, and restart it"))
		return
	}
	d.add(doctorOK, text.Say(d.lang, "connected to the XMPP server %s", g.opt.Server), "")
	for _, domain := range g.rules().OwnDomains {
		d.domain(ctx, domain)
	}
}

// domain looks at a domain of the operator's users.
func (d *diagnosis) domain(ctx context.Context, domain string) {
	g := d.g
	host := transports.Address{Domain: domain}
	name, version := "", ""
	err := g.ask(ctx, "get", g.domain, host, discoTimeout, func(b *stanza.Builder) { b.StartNS("query", nsDiscoInfo).End() }, func(iq *stanza.Element) {
		for i := range iq.Child(nsDiscoInfo, "query").Children() {
			if i.Name == "identity" && i.AttrIs("category", "server") { // Prosody and ejabberd have their own names there
				name = clip(i.Attr("name"), maxClient)
			}
		}
	})
	if err != nil {
		d.add(doctorWrong, text.Say(d.lang, "the XMPP server knows no domain %s, of which the users of this gateway are thought to be", domain),
			text.Say(d.lang, "name the domains of your users: own_domains in the table [files] of the configuration"))
		return
	}
	// One that does not answer does not want to say it.
	_ = g.ask(ctx, "get", g.domain, host, discoTimeout, func(b *stanza.Builder) { b.StartNS("query", nsVersion).End() }, func(iq *stanza.Element) {
		q := iq.Child(nsVersion, "query")
		name, version = clip(q.Child(nsVersion, "name").Text(), maxClient), clip(q.Child(nsVersion, "version").Text(), maxClient)
	})
	server := strings.TrimSpace(name + " " + version)
	if server == "" {
		server = text.Say(d.lang, "a server that does not say what it is")
	}
	d.add(doctorOK, text.Say(d.lang, "the users are those of %s: %s", domain, server), "")
	d.privileges(domain, name, version)
	d.uploads(ctx, domain)
}

// privileges says what the server lets the gateway do for its users (XEP-0356), and what there is not without.
func (d *diagnosis) privileges(domain, server, version string) {
	g := d.g
	got := g.grants.of(domain)
	var lacks []string
	if !got.look || !got.change {
		lacks = append(lacks, text.Say(d.lang, "contact lists: who registers has to add the gateway to his contacts himself"))
	}
	if !got.publish {
		switch {
		case g.social != nil:
			lacks = append(lacks, text.Say(d.lang, "feeds: users have to let the gateway see their presence, and what they post by message is not in their own feeds"))
		case g.postal == nil:
			lacks = append(lacks, text.Say(d.lang, "bookmarks: rooms that users ask the bot for come as invitations and links"))
		}
	}
	if got.speak == "" && g.postal == nil {
		lacks = append(lacks, text.Say(d.lang, "messages: what users write with IRC clients of their own is not in their XMPP clients"))
	}
	if len(lacks) == 0 {
		d.add(doctorOK, text.Say(d.lang, "%s lets the gateway do for its users what it needs (XEP-0356)", domain), "")
		return
	}
	d.add(doctorNote, text.Say(d.lang, "%s does not let the gateway everything (XEP-0356). Without %s", domain, strings.Join(lacks, "; ")), d.grantFix(domain, server, version))
}

// grantFix is what has the server let the gateway.
func (d *diagnosis) grantFix(domain, server, version string) string {
	gateway := d.g.opt.Domain
	switch strings.ToLower(server) {
	case "prosody":
		return text.Say(d.lang, `in Prosody (Debian: prosody-modules), write modules_enabled = { "privilege" } in VirtualHost "%[1]s" and in Component "%[2]s", and in the former `+
			`privileged_entities = { ["%[2]s"] = { %[3]s } }; then restart Prosody`, domain, gateway, d.permissions())
	case "ejabberd":
		if !atLeast(version, 25, 3) {
			return text.Say(d.lang, "leave it at that with ejabberd %s: mod_privilege of versions before 25.03 has faults", version)
		}
		return text.Say(d.lang, `in ejabberd, set up mod_privilege for %s as deploy/ejabberd.yml shows; then restart ejabberd`, gateway)
	}
	return text.Say(d.lang, "let it in the configuration of the XMPP server")
}

// permissions are those that the gateway has a use for, as Prosody's configuration has them.
func (d *diagnosis) permissions() string {
	p := `roster = "both"`
	if d.g.postal == nil { // what a user writes with other clients of his network is written for his XMPP clients
		p += `, message = "outgoing"`
	}
	if d.g.postal == nil || d.g.social != nil {
		p += `, iq = { ["` + nsPubSub + `"] = "both" }`
	}
	return p
}

// atLeast reports whether a version such as 23.01-1 is one or a later one; what is none is the latest.
func atLeast(version string, major, minor int) bool {
	first, rest, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(first)
	if err != nil || n != major {
		return err != nil || n > major
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	m, err := strconv.Atoi(rest[:end])
	return err != nil || m >= minor
}

// uploads says where files go that the gateway has for users.
func (d *diagnosis) uploads(ctx context.Context, domain string) {
	g := d.g
	services, err := g.uploadServices(ctx, domain)
	switch {
	case err == nil && len(services) > 0:
		d.add(doctorOK, text.Say(d.lang, "files for users go to %s", services[0].jid.String()), "")
	case g.opt.Upload.Files != nil:
		d.add(doctorOK, text.Say(d.lang, "%s has no upload service: the gateway keeps files itself", domain), "")
	default:
		d.add(doctorNote, text.Say(d.lang, "%s has no upload service that is shown to the gateway, and the gateway keeps no files itself: long messages go out line by line, and files do not come", domain),
			text.Say(d.lang, "load http_file_share (Prosody) or mod_http_upload (ejabberd), or set listen and public_url in the table [web] of the configuration"))
	}
}
