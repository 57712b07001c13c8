package component

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

const nsForm = "jabber:x:data"

// Bounds of what a submitted form may hold.
const (
	maxFormFields = 64
	maxFormValues = 256   // of one field
	maxFormBytes  = 16384 // of one field
)

// formTypes are the names of field types (XEP-0004 §3.3).
var formTypes = [...]string{
	transports.FieldText: "text-single", transports.FieldSecret: "text-private", transports.FieldBool: "boolean",
	transports.FieldLines: "text-multi", transports.FieldChoice: "list-single", transports.FieldChoices: "list-multi",
	transports.FieldSecretLines: "text-multi", transports.FieldAddress: "jid-single",
}

// appendForm writes a form to be filled in (XEP-0004 §3.1). Every field has a type and a label: some clients fail without. formType
// is the FORM_TYPE (XEP-0068), empty for none.
func appendForm(b *stanza.Builder, lang, formType string, f *transports.Form) {
	b.StartNS("x", nsForm).Attr("type", "form")
	if f.Title != "" {
		b.Start("title").Text(text.Say(lang, f.Title)).End()
	}
	if f.Instructions != "" {
		b.Start("instructions").Text(text.Say(lang, f.Instructions)).End()
	}
	if formType != "" {
		b.Start("field").Attr("var", "FORM_TYPE").Attr("type", "hidden").Start("value").Text(formType).End().End()
	}
	for _, field := range f.Fields {
		b.Start("field").Attr("var", field.Name).Attr("type", formTypes[field.Type]).Attr("label", text.Say(lang, field.Label))
		if field.Fault != "" {
			b.Start("desc").Text(field.Fault).End()
		}
		if field.Required {
			b.Start("required").End()
		}
		for _, v := range field.Values {
			if field.Type.Secret() {
				break // a secret is never shown
			}
			b.Start("value").Text(v).End()
		}
		for _, o := range field.Options {
			b.Start("option").Attr("label", text.Say(lang, o.Label)).Start("value").Text(o.Value).End().End()
		}
		b.End()
	}
	b.End()
}

// readForm reads a submitted form. A client may leave out types and FORM_TYPE (XEP-0004 §3.1), and fields that it did not change.
func readForm(x *stanza.Element) (transports.Values, *transports.Error) {
	values := make(transports.Values)
	for field := range x.Children() {
		name := field.Attr("var")
		if !field.Is(nsForm, "field") || name == "" || name == "FORM_TYPE" {
			continue
		}
		if len(values) >= maxFormFields {
			return nil, transports.NewError(transports.TooLarge, "The form has too many fields.", nil)
		}
		var vs []string
		size := 0
		for v := range field.Children() {
			if !v.Is(nsForm, "value") {
				continue
			}
			s := v.Text()
			if size += len(s) + 1; size > maxFormBytes || len(vs) >= maxFormValues {
				return nil, transports.Errorf(transports.TooLarge, "The field %s is too long.", name)
			}
			vs = append(vs, s)
		}
		values[name] = vs
	}
	return values, nil
}

// appendTable writes a page of a table as a form of results (XEP-0004 §3.4). Each column has a type: some clients fail without.
func appendTable(b *stanza.Builder, lang string, t *transports.Table) {
	b.StartNS("x", nsForm).Attr("type", "result")
	b.Start("title").Text(text.Say(lang, t.Title)).End()
	b.Start("reported")
	for _, c := range t.Columns {
		b.Start("field").Attr("var", c.Name).Attr("type", "text-single").Attr("label", text.Say(lang, c.Label)).End()
	}
	b.End()
	for _, r := range t.Rows {
		b.Start("item")
		for i, c := range t.Columns {
			b.Start("field").Attr("var", c.Name).Start("value").Text(r.Cells[i]).End().End()
		}
		b.End()
	}
	b.End()
}

// checkForm checks what was submitted against what was asked: required fields are there, choices are among the options, booleans
// are booleans, addresses are addresses. Fields that were not asked are dropped, fields that were not submitted keep their present
// values. Each fault names its field.
func checkForm(lang string, f *transports.Form, submitted transports.Values) (transports.Values, transports.Faults) {
	checked := make(transports.Values, len(f.Fields))
	var faults transports.Faults
	for i := range f.Fields {
		field := &f.Fields[i]
		vs, ok := submitted[field.Name]
		if !ok {
			vs = field.Values
		}
		vs, wrong := checkField(field, vs)
		if wrong == "" && field.Required && strings.TrimSpace(strings.Join(vs, "")) == "" {
			wrong = "This is needed."
		}
		if wrong != "" {
			faults = append(faults, transports.Fault{Field: field.Name, Text: text.Say(lang, "%s: %s", text.Say(lang, field.Label), text.Say(lang, wrong))})
			continue
		}
		checked[field.Name] = vs
	}
	return checked, faults
}

// checkField reads the values of a field. What is wrong with them is a text of the catalogue.
func checkField(field *transports.Field, vs []string) (checked []string, wrong string) {
	switch field.Type {
	case transports.FieldBool:
		b, valid := transports.ParseBool(strings.TrimSpace(strings.Join(vs, "")))
		if !valid {
			return nil, "This is yes or no."
		}
		return []string{strconv.FormatBool(b)}, ""
	case transports.FieldChoice, transports.FieldChoices:
		if field.Type == transports.FieldChoice && len(vs) > 1 {
			return nil, "Only one can be chosen."
		}
		checked = slices.Clone(vs)
		for i, v := range vs {
			has := func(v string) bool {
				return slices.ContainsFunc(field.Options, func(o transports.Option) bool { return o.Value == v })
			}
			// What takes true, false and something else takes all that a boolean does: clients and scripts may know it as one.
			if b, ok := transports.ParseBool(v); ok && v != "" && !has(v) {
				checked[i] = strconv.FormatBool(b)
			}
			if !has(checked[i]) {
				return nil, "This is not one of the choices."
			}
		}
		return checked, ""
	case transports.FieldText, transports.FieldSecret, transports.FieldAddress:
		if len(vs) > 1 || len(vs) == 1 && strings.ContainsAny(vs[0], "\r\n") {
			return nil, "This is a single line."
		}
		if field.Type == transports.FieldAddress && len(vs) == 1 && vs[0] != "" {
			a, err := transports.ParseAddress(strings.TrimPrefix(strings.TrimSpace(vs[0]), "xmpp:"))
			if err != nil {
				return nil, "This is not an address."
			}
			return []string{a.String()}, ""
		}
	case transports.FieldLines, transports.FieldSecretLines:
		// Some clients send one value with several lines.
		var lines []string
		for _, v := range vs {
			for line := range strings.SplitSeq(v, "\n") {
				if line = strings.TrimSpace(line); line != "" {
					lines = append(lines, line)
				}
			}
		}
		return lines, ""
	}
	return vs, ""
}

// take checks what was submitted for a page, and reports whether nothing is wrong with it. Either way the page shows what was
// submitted from now on. Secrets are never shown, so they are kept for a submission that leaves them empty.
func (p *page) take(lang string, submitted transports.Values) (transports.Values, bool) {
	with := maps.Clone(submitted)
	if with == nil {
		with = make(transports.Values)
	}
	for _, field := range p.form.Fields {
		switch {
		case !field.Type.Secret():
		case strings.TrimSpace(strings.Join(with[field.Name], "")) == "":
			if kept, ok := p.secrets[field.Name]; ok {
				with[field.Name] = kept
			}
		default:
			if p.secrets == nil {
				p.secrets = make(transports.Values)
			}
			p.secrets[field.Name] = with[field.Name]
		}
	}
	values, faults := checkForm(lang, p.form, with)
	for i := range p.form.Fields {
		field := &p.form.Fields[i]
		if vs, ok := values[field.Name]; ok {
			field.Values = vs
		} else if vs, ok := submitted[field.Name]; ok && (field.Type == transports.FieldText || field.Type == transports.FieldAddress) {
			field.Values = vs[:min(len(vs), 1)] // what was typed is to be mended, not to be typed again
		}
		if field.Type.Secret() {
			field.Values = nil
		}
		field.Fault = ""
	}
	p.blameFields(faults)
	return values, len(faults) == 0
}

// with are the values that there are behind a page.
func (p *page) with(values transports.Values) transports.Values {
	merged := make(transports.Values, len(p.before)+len(values))
	maps.Copy(merged, p.before)
	maps.Copy(merged, values)
	return merged
}

// blame notes at the fields of a page what is wrong with them. It returns the error where that concerns the page as a whole.
func (p *page) blame(err error) error {
	faults, ok := errors.AsType[transports.Faults](err)
	if !ok {
		return err
	}
	if rest := p.blameFields(faults); len(rest) > 0 {
		return rest.AsError()
	}
	return nil
}

// blameFields notes the faults at their fields, and returns those of no field.
func (p *page) blameFields(faults transports.Faults) transports.Faults {
	var rest transports.Faults
	for _, fault := range faults {
		i := slices.IndexFunc(p.form.Fields, func(f transports.Field) bool { return f.Name == fault.Field })
		if i < 0 {
			rest = append(rest, fault)
			continue
		}
		p.form.Fields[i].Fault = fault.Text
	}
	return rest
}

// keepsSecret reports whether the last page keeps a secret that it does not show, while something else of it has to be mended.
func keepsSecret(pages []page) bool {
	return len(pages) > 0 && len(pages[len(pages)-1].secrets) > 0
}
