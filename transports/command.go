package transports

import (
	"context"
	"strings"
)

// Command is something that a user can run on a domain or on a target under it. It is written once and rendered by component
// in each form that clients know: XEP-0050, chat, XEP-0077.
type Command struct {
	Name  string       // the node of XEP-0050 and the word in chat
	Title string       // for people, such as "Settings on this network"; a text of the catalogue
	For   []TargetKind // what it can be run on; empty means the domain itself
	Admin bool         // only for the operator's administrators
	// Next asks for the next page, given what was answered so far (call.Values is nil at first). A nil Form says that nothing is
	// left to ask. A nil Next means that the command has nothing to ask at all.
	Next func(ctx context.Context, call Call) (*Form, error)
	// Run does it and returns a sentence for the user. It may wait for the database, never for a network.
	Run func(ctx context.Context, call Call) (string, error)
}

// Call is one run of a command.
type Call struct {
	User   Address // bare
	On     Target  // the zero Target for the domain
	Lang   string  // what the user reads, as in xml:lang; may be empty
	Values Values
}

// Values are what a user filled in, by name of field.
type Values map[string][]string

// Get is the first value of a field, empty if there is none.
func (v Values) Get(name string) string {
	if len(v[name]) == 0 {
		return ""
	}
	return v[name][0]
}

// Bool reports whether a field of type FieldBool is set.
func (v Values) Bool(name string) bool {
	b, _ := ParseBool(v.Get(name))
	return b
}

// ParseBool reads a boolean as XEP-0004 §3.3 writes it, and as people write it in chat.
func ParseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "1", "true", "yes", "on", "oui":
		return true, true
	case "0", "false", "no", "off", "non", "":
		return false, true
	}
	return false, false
}

// Form is one page of what a command asks. Its texts are of the catalogue.
type Form struct {
	Title        string
	Instructions string
	Fields       []Field
}

// FieldType says how a field is shown and checked (XEP-0004 §3.3).
type FieldType uint8

// The types of fields.
const (
	FieldText        FieldType = iota
	FieldSecret                // never shown: it has no present value, and it is never asked in chat
	FieldBool                  // "true" or "false"
	FieldLines                 // several lines, one value each
	FieldChoice                // one of the options
	FieldChoices               // some of the options
	FieldSecretLines           // a secret of several lines, one value each
)

// Secret reports whether values are never shown and never asked in chat.
func (t FieldType) Secret() bool { return t == FieldSecret || t == FieldSecretLines }

// Field is one value of a form.
type Field struct {
	Name     string
	Label    string // a text of the catalogue
	Type     FieldType
	Values   []string // the present ones
	Options  []Option // of a choice
	Required bool
}

// Option is one of the values that a choice may have.
type Option struct{ Value, Label string }

// Value is a single present value, for the fields that have one.
func (f Field) Value() string {
	if len(f.Values) == 0 {
		return ""
	}
	return f.Values[0]
}
