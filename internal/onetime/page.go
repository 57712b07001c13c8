package onetime

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"

	"passerelle/internal/text"
	"passerelle/internal/webpage"
	"passerelle/store"
	"passerelle/transports"
)

//go:embed style.css
var styleCSS string

// policy lets the page send its form to where it came from.
var policy = webpage.Policy(styleCSS, "form-action 'self'")

// page is what is shown, in a language.
type page struct {
	Lang  string
	Title string
	Said  string // a sentence instead of a form, or what is wrong with the form as a whole
	Whose string
	Help  string
	Send  string
	Form  []field
}

// field is a field of the form as it is shown.
type field struct {
	Name, Label, Fault string
	Kind               string // "text", "password", "lines", "secret lines", "box", "choice", "choices"
	Value              string
	Checked, Required  bool
	Options            []option
}

type option struct {
	Value, Label string
	Selected     bool
}

// gone says that a link does not work any more. It is the same for one that never did.
func (p page) gone(w http.ResponseWriter) {
	p.show(w, http.StatusNotFound, text.Say(p.Lang, "This link was used, or is too old. Ask the gateway for another one: write “link” where you got it."))
}

// show says a sentence.
func (p page) show(w http.ResponseWriter, status int, said string) {
	p.Said = said
	p.write(w, status)
}

// showForm shows a form, and what is wrong with it.
func (p page) showForm(w http.ResponseWriter, status int, link store.Link, f *transports.Form, said string) {
	p.Title = text.Say(p.Lang, f.Title)
	if link.Target != "" {
		p.Title += " (" + link.Target + ")"
	}
	p.Said = said
	p.Whose = text.Say(p.Lang, "You are setting this for %s. If that is not you, or you did not ask for this page, close it.", link.JID)
	if f.Instructions != "" {
		p.Help = text.Say(p.Lang, f.Instructions)
	}
	p.Send = text.Say(p.Lang, "Save")
	for i := range f.Fields {
		p.Form = append(p.Form, showField(p.Lang, &f.Fields[i]))
	}
	p.write(w, status)
}

// kinds are how fields are shown.
var kinds = [...]string{
	transports.FieldText: "text", transports.FieldSecret: "password", transports.FieldBool: "box", transports.FieldLines: "lines",
	transports.FieldChoice: "choice", transports.FieldChoices: "choices", transports.FieldSecretLines: "secret lines", transports.FieldAddress: "text",
}

func showField(lang string, f *transports.Field) field {
	out := field{Name: f.Name, Label: text.Say(lang, f.Label), Fault: f.Fault, Kind: kinds[f.Type], Required: f.Required}
	if !f.Type.Secret() { // a secret is never shown
		out.Value = strings.Join(f.Values, "\n")
		out.Checked = transports.Values{"v": f.Values}.Bool("v")
	}
	for _, o := range f.Options {
		out.Options = append(out.Options, option{Value: o.Value, Label: text.Say(lang, o.Label), Selected: slices.Contains(f.Values, o.Value)})
	}
	return out
}

func (p page) write(w http.ResponseWriter, status int) {
	if p.Title == "" {
		p.Title = "Passerelle"
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", p.Lang)
	h.Set("Vary", "Accept-Language")
	w.WriteHeader(status)
	_, _ = w.Write(p.html()) // the browser may be gone; there is nobody to tell
}
