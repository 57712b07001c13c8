package onetime

import (
	"bytes"
	"html"
	"strconv"
)

// markup is HTML that is written here. Everything else is a string, and goes into a document escaped.
//
// This takes the place of html/template: with that in a program the linker keeps all exported methods of all packages, since a template may
// name any of them, and they were a tenth of passerelle.
type markup string

// document is a page that is being written.
type document struct{ bytes.Buffer }

// add writes markup as it is, and text escaped, which is safe between elements and in attributes between quotes.
func (d *document) add(parts ...any) {
	for _, part := range parts {
		switch part := part.(type) {
		case markup:
			d.WriteString(string(part))
		case string:
			d.WriteString(html.EscapeString(part))
		case int:
			d.WriteString(strconv.Itoa(part))
		}
	}
}

// addIf writes markup if something is so.
func (d *document) addIf(so bool, m markup) {
	if so {
		d.add(m)
	}
}

// html is the page.
func (p *page) html() []byte {
	var d document
	d.add(markup(`<!doctype html>
<html lang="`), p.Lang, markup(`">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>`), p.Title, markup(`</title>
<style>`), markup(styleCSS), markup(`</style>
</head>
<body>
<main>
<h1>`), p.Title, markup("</h1>\n"))
	if p.Send == "" {
		d.add(markup("<p>"), p.Said, markup("</p>\n"))
	} else {
		p.addForm(&d)
	}
	d.add(markup(`</main>
</body>
</html>
`))
	return d.Bytes()
}

func (p *page) addForm(d *document) {
	d.add(markup(`<p class="whose">`), p.Whose, markup("</p>\n"))
	if p.Help != "" {
		d.add(markup(`<p class="help">`), p.Help, markup("</p>\n"))
	}
	if p.Said != "" {
		d.add(markup(`<p class="wrong" role="alert">`), p.Said, markup("</p>\n"))
	}
	d.add(markup(`<form method="post" autocomplete="off">`), markup("\n"))
	for i := range p.Form {
		d.add(markup(`<div class="field">`), markup("\n"))
		p.Form[i].add(d, i)
		d.add(markup("</div>\n"))
	}
	d.add(markup("<button>"), p.Send, markup("</button>\n</form>\n"))
}

// add writes a field, the i-th of its form.
func (f *field) add(d *document, i int) {
	switch f.Kind {
	case "box":
		f.addBox(d, "true", f.Label, f.Checked)
		return
	case "choices":
		d.add(markup("<fieldset><legend>"), f.Label, markup("</legend>\n"))
		for _, o := range f.Options {
			f.addBox(d, o.Value, o.Label, o.Selected)
		}
		d.add(markup("</fieldset>\n"))
		return
	}
	d.add(markup(`<label for="f`), i, markup(`">`), f.Label, markup("</label>\n"))
	if f.Fault != "" {
		d.add(markup(`<p class="wrong" id="w`), i, markup(`">`), f.Fault, markup("</p>\n"))
	}
	switch f.Kind {
	case "choice":
		d.add(markup(`<select id="f`), i, markup(`" name="`), f.Name, markup(`">`), markup("\n"))
		for _, o := range f.Options {
			d.add(markup(`<option value="`), o.Value, markup(`"`))
			d.addIf(o.Selected, " selected")
			d.add(markup(">"), o.Label, markup("</option>\n"))
		}
		d.add(markup("</select>\n"))
	case "lines", "secret lines":
		d.add(markup(`<textarea id="f`), i, markup(`" name="`), f.Name, markup(`" spellcheck="false" autocapitalize="none"`))
		f.addFault(d, i)
		d.add(markup(">\n"), f.Value, markup("</textarea>\n")) // a first line feed is none of the text
	default:
		d.add(markup(`<input id="f`), i, markup(`" type="`), f.Kind, markup(`" name="`), f.Name, markup(`" value="`), f.Value,
			markup(`" spellcheck="false" autocapitalize="none" autocomplete="off"`))
		d.addIf(f.Required, " required")
		f.addFault(d, i)
		d.add(markup(">\n"))
	}
}

// addBox writes a box to be ticked.
func (f *field) addBox(d *document, value, label string, ticked bool) {
	d.add(markup(`<label class="box"><input type="checkbox" name="`), f.Name, markup(`" value="`), value, markup(`"`))
	d.addIf(ticked, " checked")
	d.add(markup("> "), label, markup("</label>\n"))
}

// addFault has a field point to what is wrong with it.
func (f *field) addFault(d *document, i int) {
	if f.Fault != "" {
		d.add(markup(` aria-invalid="true" aria-describedby="w`), i, markup(`"`))
	}
}
