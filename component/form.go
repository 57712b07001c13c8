package component

import (
	"slices"
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
	transports.FieldSecretLines: "text-multi",
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
				return nil, transports.NewError(transports.TooLarge, "The field "+name+" is too long.", nil)
			}
			vs = append(vs, s)
		}
		values[name] = vs
	}
	return values, nil
}

// checkForm checks what was submitted against what was asked: required fields are there, choices are among the options, booleans
// are booleans. Fields that were not asked are dropped, fields that were not submitted keep their present values. The error names
// the field.
func checkForm(lang string, f *transports.Form, submitted transports.Values) (transports.Values, *transports.Error) {
	checked := make(transports.Values, len(f.Fields))
	bad := func(field *transports.Field, why string) (transports.Values, *transports.Error) {
		return nil, transports.NewError(transports.BadRequest, text.Say(lang, field.Label)+": "+text.Say(lang, why), nil)
	}
	for i := range f.Fields {
		field := &f.Fields[i]
		vs, ok := submitted[field.Name]
		if !ok {
			vs = field.Values
		}
		switch field.Type {
		case transports.FieldBool:
			b, valid := transports.ParseBool(strings.TrimSpace(strings.Join(vs, "")))
			if !valid {
				return bad(field, "This is yes or no.")
			}
			vs = []string{"false"}
			if b {
				vs = []string{"true"}
			}
		case transports.FieldChoice, transports.FieldChoices:
			if field.Type == transports.FieldChoice && len(vs) > 1 {
				return bad(field, "Only one can be chosen.")
			}
			for _, v := range vs {
				if !slices.ContainsFunc(field.Options, func(o transports.Option) bool { return o.Value == v }) {
					return bad(field, "This is not one of the choices.")
				}
			}
		case transports.FieldText, transports.FieldSecret:
			if len(vs) > 1 {
				return bad(field, "This is a single line.")
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
			vs = lines
		}
		if field.Required && (len(vs) == 0 || len(vs) == 1 && strings.TrimSpace(vs[0]) == "") {
			return bad(field, "This is needed.")
		}
		checked[field.Name] = vs
	}
	return checked, nil
}
