package xep

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// Homepage names the project until it has a home.
const Homepage = "https://passerelle.example/"

// DOAP is the description of the project in RDF (XEP-0453 §4.1), for those who list software by what it can do.
func DOAP() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version='1.0' encoding='UTF-8'?>
<!-- Made from component/xep: go generate ./component/xep -->
<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'
         xmlns='http://usefulinc.com/ns/doap#'
         xmlns:xmpp='https://linkmauve.fr/ns/xmpp-doap#'>
  <Project>
    <name>Passerelle</name>
    <created>2026-11-23</created>
    <shortdesc xml:lang='en'>A gateway between XMPP and other networks</shortdesc>
    <shortdesc xml:lang='fr'>Une passerelle entre XMPP et d’autres réseaux</shortdesc>
    <description xml:lang='en'>Joins an XMPP server as a component and lets its users take part in other networks, such as IRC, from any client.</description>
    <description xml:lang='fr'>Rejoint un serveur XMPP comme composant et ouvre à ses utilisateurs d’autres réseaux, tels qu’IRC, depuis tout client.</description>
    <homepage rdf:resource='` + Homepage + `'/>
    <license rdf:resource='https://spdx.org/licenses/AGPL-3.0-or-later.html'/>
    <language>en</language>
    <language>fr</language>
    <programming-language>Go</programming-language>
    <os>Linux</os>
    <category rdf:resource='https://linkmauve.fr/ns/xmpp-doap#category-component'/>
    <implements rdf:resource='https://xmpp.org/rfcs/rfc6120.html'/>
    <implements rdf:resource='https://xmpp.org/rfcs/rfc6121.html'/>
    <implements rdf:resource='https://xmpp.org/rfcs/rfc7622.html'/>
`)
	for _, e := range List() {
		fmt.Fprintf(&b, `    <implements>
      <xmpp:SupportedXep>
        <xmpp:xep rdf:resource='https://xmpp.org/extensions/xep-%04d.html'/>
        <xmpp:status>%s</xmpp:status>
        <xmpp:version>%s</xmpp:version>
`, e.Number, e.Status, e.Version)
		if e.Note != "" {
			b.WriteString("        <xmpp:note xml:lang='en'>")
			_ = xml.EscapeText(&b, []byte(e.Note)) // a bytes.Buffer never fails
			b.WriteString("</xmpp:note>\n")
		}
		b.WriteString("      </xmpp:SupportedXep>\n    </implements>\n")
	}
	b.WriteString("  </Project>\n</rdf:RDF>\n")
	return b.Bytes()
}
