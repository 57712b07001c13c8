package onetime

import "passerelle/internal/webpage"

type markup = webpage.Markup

// html is the page.
func (p *page) html() []byte {
	var d webpage.Document
	d.Add(markup(`<!doctype html>
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
		d.Add(markup("<p>"), p.Said, markup("</p>\n"))
	} else {
		p.addForm(&d)
	}
	d.Add(markup(`</main>
</body>
</html>
`))
	return d.Bytes()
}

func (p *page) addForm(d *webpage.Document) {
	d.Add(markup(`<p class="whose">`), p.Whose, markup("</p>\n"))
	if p.Help != "" {
		d.Add(markup(`<p class="help">`), p.Help, markup("</p>\n"))
	}
	if p.Said != "" {
		d.Add(markup(`<p class="wrong" role="alert">`), p.Said, markup("</p>\n"))
	}
	d.Add(markup(`<form method="post" autocomplete="off">`), markup("\n"))
	for i := range p.Form {
		d.Add(markup(`<div class="field">`), markup("\n"))
		p.Form[i].add(d, i)
		d.Add(markup("</div>\n"))
	}
	d.Add(markup("<button>"), p.Send, markup("</button>\n</form>\n"))
}

// add writes a field, the i-th of its form.
func (f *field) add(d *webpage.Document, i int) {
	switch f.Kind {
	case "box":
		f.addBox(d, "true", f.Label, f.Checked)
		return
	case "choices":
		d.Add(markup("<fieldset><legend>"), f.Label, markup("</legend>\n"))
		for _, o := range f.Options {
			f.addBox(d, o.Value, o.Label, o.Selected)
		}
		d.Add(markup("</fieldset>\n"))
		return
	}
	d.Add(markup(`<label for="f`), i, markup(`">`), f.Label, markup("</label>\n"))
	if f.Fault != "" {
		d.Add(markup(`<p class="wrong" id="w`), i, markup(`">`), f.Fault, markup("</p>\n"))
	}
	switch f.Kind {
	case "choice":
		d.Add(markup(`<select id="f`), i, markup(`" name="`), f.Name, markup(`">`), markup("\n"))
		for _, o := range f.Options {
			d.Add(markup(`<option value="`), o.Value, markup(`"`))
			d.AddIf(o.Selected, " selected")
			d.Add(markup(">"), o.Label, markup("</option>\n"))
		}
		d.Add(markup("</select>\n"))
	case "lines", "secret lines":
		d.Add(markup(`<textarea id="f`), i, markup(`" name="`), f.Name, markup(`" spellcheck="false" autocapitalize="none"`))
		f.addFault(d, i)
		d.Add(markup(">\n"), f.Value, markup("</textarea>\n")) // a first line feed is none of the text
	default:
		d.Add(markup(`<input id="f`), i, markup(`" type="`), f.Kind, markup(`" name="`), f.Name, markup(`" value="`), f.Value,
			markup(`" spellcheck="false" autocapitalize="none" autocomplete="off"`))
		d.AddIf(f.Required, " required")
		f.addFault(d, i)
		d.Add(markup(">\n"))
	}
}

// addBox writes a box to be ticked.
func (f *field) addBox(d *webpage.Document, value, label string, ticked bool) {
	d.Add(markup(`<label class="box"><input type="checkbox" name="`), f.Name, markup(`" value="`), value, markup(`"`))
	d.AddIf(ticked, " checked")
	d.Add(markup("> "), label, markup("</label>\n"))
}

// addFault has a field point to what is wrong with it.
func (f *field) addFault(d *webpage.Document, i int) {
	if f.Fault != "" {
		d.Add(markup(` aria-invalid="true" aria-describedby="w`), i, markup(`"`))
	}
}
