package transports

import "context"

// Command is something that a user can run on a domain or on a target under it. It is written once and rendered by component
// in each form that clients know.
type Command struct {
	Name   string       // the node of XEP-0050 and the word in chat
	Title  string       // for people, such as "Settings on this network"
	For    []TargetKind // what it can be run on; empty means the domain itself
	Secret bool         // some of its fields are secrets, so it is never completed in chat
	// Form asks for values, with the present ones filled in. A nil Form means that the command has nothing to ask.
	Form func(ctx context.Context, user Address, on Target) (Form, error)
	// Run does it and returns a sentence for the user. It never waits for a network.
	Run func(ctx context.Context, user Address, on Target, values map[string]string) (string, error)
}

// Form is what a command asks.
type Form struct {
	Title        string
	Instructions string
	Fields       []Field
}

// FieldType says how a field is shown and checked.
type FieldType uint8

// The types of fields.
const (
	FieldText   FieldType = iota
	FieldSecret           // never shown: its present value is always empty
	FieldBool             // "true" or "false"
)

// Field is one value of a form.
type Field struct {
	Name  string
	Label string
	Type  FieldType
	Value string // the present value
}
