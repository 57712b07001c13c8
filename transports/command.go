package transports

import (
	"context"
	"slices"
	"strings"
)

// Command is something that a user can run on a domain or on a target under it. It is written once and rendered by component
// in each form that clients know: XEP-0050, chat, XEP-0077.
type Command struct {
	Name  string       // the node of XEP-0050 and the word in chat
	Title string       // for people, such as "Settings on this network"; a text of the catalogue
	For   []TargetKind // what it can be run on; empty means TargetDomain
	Admin bool         // only for the operator and his administrators; others do not see it
	// Next asks for the next page, given what was answered so far (call.Values is nil at first). A nil Form says that nothing is
	// left to ask. A nil Next means that the command has nothing to ask at all.
	Next func(ctx context.Context, call Call) (*Form, error)
	// Run does it and returns a sentence for the user. It may wait for the database, never for a network. Faults in what was filled
	// in are Faults; then the form is shown again.
	Run func(ctx context.Context, call Call) (string, error)
	// Say does what the words behind the command's name ask for in chat, unless they are values of its form (NAME=VALUE), and returns a sentence.
	// The same goes for it as for Run. A nil Say leaves them to the form.
	Say func(ctx context.Context, call Call, words []string) (string, error)
	// Verbatim has Say called whatever the words are: what stands behind the command's name is text, which may look like NAME=VALUE.
	Verbatim bool
	// List returns a page of a table, for a command that has no Run. The same goes for it.
	List func(ctx context.Context, call Call, page Page) (*Table, error)
}

// ExportCommand is the command that hands a user everything that is kept about him. A one-time link to it leads to the file.
const ExportCommand = "export"

// IsFor reports whether the command can be run on a target of that kind.
func (c *Command) IsFor(kind TargetKind) bool {
	if len(c.For) == 0 {
		return kind == TargetDomain
	}
	return slices.Contains(c.For, kind)
}

// Call is one run of a command.
type Call struct {
	User   Address // bare; the zero Address for the operator himself, who runs commands for administrators alone
	On     Target  // the zero Target for the domain
	Lang   string  // what the user reads, as in xml:lang; may be empty
	Values Values
	Said   string // for Say: what stands behind the command's name, as the user wrote it
	ID     string // for Say: of the message, by which he may take back what came of it; empty for none
	// Tell says something to the user later, for a command whose Run began what takes a network's time. Safe to call from any goroutine. It
	// is nil in Next.
	Tell func(said string)
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
	More         bool // it is known that another page follows
	Obvious      bool // it is filled in as everybody wants it who runs the command without a word more, so chat does not ask
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
	FieldAddress               // a JID
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
	// Mask, of lines, hides what is secret in one of them, and gives the others as they are. Then the values are kept as secrets are, and
	// shown masked.
	Mask  func(line string) string
	Fault string // what is wrong with the value that was filled in; a sentence in the language of the user
}

// Option is one of the values that a choice may have.
type Option struct{ Value, Label string }

// Sealed reports whether the values are kept as secrets are.
func (f Field) Sealed() bool { return f.Type.Secret() || f.Mask != nil }

// Tells reports whether one of the values tells a secret.
func (f Field) Tells(values []string) bool {
	return f.Type.Secret() || f.Mask != nil && slices.ContainsFunc(values, func(v string) bool { return f.Mask(v) != v })
}

// Value is a single present value, for the fields that have one.
func (f Field) Value() string {
	if len(f.Values) == 0 {
		return ""
	}
	return f.Values[0]
}

// Fault is what is wrong with what was filled in, of one field or, with an empty name, of the form as a whole.
type Fault struct {
	Field string
	Text  string // a sentence in the language of the user
}

// Faults are all that is wrong with what was filled in.
type Faults []Fault

// Error is all of them, a sentence each.
func (f Faults) Error() string {
	texts := make([]string, len(f))
	for i := range f {
		texts[i] = f[i].Text
	}
	return strings.Join(texts, " ")
}

// AsError is the faults as an error of kind BadRequest, nil if there are none.
func (f Faults) AsError() *Error {
	if len(f) == 0 {
		return nil
	}
	return NewError(BadRequest, f.Error(), f)
}

// Page says which rows of a table are asked for.
type Page struct {
	After string // the key of the last row before them; empty for the first ones
	Max   int    // rows, at least 1
}

// Table is a page of what a command lists, in the order of the keys.
type Table struct {
	Title   string // a text of the catalogue
	Empty   string // what to say where the list has no row at all; a text of the catalogue
	Columns []Column
	Rows    []Row
	More    bool // there are rows behind these
}

// Column is what the cells of one column hold. The first column says what the row is about.
type Column struct {
	Name  string
	Label string // a text of the catalogue
}

// Row is one line of a table.
type Row struct {
	Key   string // unique in the table
	Cells []string
	Pick  string // what one would write to the bot to go on with it; may be empty
}

// Cut makes a page of all rows of a table, which have to be in the order of their keys.
func (t *Table) Cut(page Page) *Table {
	i, found := slices.BinarySearchFunc(t.Rows, page.After, func(r Row, key string) int { return strings.Compare(r.Key, key) })
	if found {
		i++
	}
	end := min(len(t.Rows), i+max(page.Max, 1))
	cut := *t
	cut.Rows, cut.More = t.Rows[i:end], end < len(t.Rows)
	return &cut
}

// Operation is a run of a command without somebody who answers page by page: all values are given at once.
type Operation struct {
	Command string
	User    Address // in whose name; zero for the operator himself
	On      string  // a network or a room as people name it; empty for the domain
	Lang    string
	Values  Values
	Open    []string // names of values that were given where others can read them; secrets must not be among them
	After   string   // as in Page
	Max     int
}

// Outcome is what became of an operation: something said, a page of a table, or a form to be filled in before anything is done,
// whose fields may have faults.
type Outcome struct {
	Said  string
	Table *Table
	Form  *Form
}
