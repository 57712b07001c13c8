package operator

import "passerelle/transports"

// Request asks for a command to be run.
type Request struct {
	Domain  string              `json:"domain,omitempty"` // of the gateway; may be empty where there is one only
	Command string              `json:"command"`
	User    string              `json:"user,omitempty"`
	On      string              `json:"on,omitempty"`
	Values  map[string][]string `json:"values,omitempty"`
	Open    []string            `json:"open,omitempty"`
	After   string              `json:"after,omitempty"`
	Max     int                 `json:"max,omitempty"`
}

// Answer is what became of it. Error stands beside a form where it concerns the form as a whole.
type Answer struct {
	Said  string `json:"said,omitempty"`
	Table *Table `json:"table,omitempty"`
	Form  *Form  `json:"form,omitempty"`
	Error *Error `json:"error,omitempty"`
}

// Error is why nothing was done. Usage says that the request is to blame.
type Error struct {
	Text  string `json:"text"`
	Usage bool   `json:"usage,omitempty"`
}

func (e *Error) Error() string { return e.Text }

// Table is a page of a list. After is what to ask for the next one with; it is empty where there is none.
type Table struct {
	Columns []Column   `json:"columns"`
	Rows    [][]string `json:"rows"`
	After   string     `json:"after,omitempty"`
}

// Column is what the cells of a column hold.
type Column struct {
	Name  string `json:"name"`
	Label string `json:"label"`
}

// Form is what a command asks for.
type Form struct {
	Title        string  `json:"title"`
	Instructions string  `json:"instructions,omitempty"`
	Fields       []Field `json:"fields"`
}

// Field is one of its values.
type Field struct {
	Name     string   `json:"name"`
	Label    string   `json:"label"`
	Secret   bool     `json:"secret,omitempty"`
	Required bool     `json:"required,omitempty"`
	Values   []string `json:"values,omitempty"`
	Options  []string `json:"options,omitempty"`
	Fault    string   `json:"fault,omitempty"`
}

// Command is one that can be run.
type Command struct {
	Domain string   `json:"domain"`
	Name   string   `json:"name"`
	Title  string   `json:"title"`
	For    []string `json:"for"`   // what it is run on: "domain", "network", "contact", "room"
	Admin  bool     `json:"admin"` // it needs no user to be run for
}

// targetKinds are the words for the kinds of targets.
var targetKinds = [...]string{
	transports.TargetDomain: "domain", transports.TargetNetwork: "network", transports.TargetContact: "contact", transports.TargetRoom: "room",
}

func answerOf(o transports.Outcome, err error) Answer {
	a := Answer{Said: o.Said}
	if err != nil {
		e := transports.AsError(err)
		a.Error = &Error{Text: e.Text, Usage: e.Kind == transports.BadRequest || e.Kind == transports.NotFound}
		if a.Error.Text == "" {
			a.Error.Text = "Something went wrong in the gateway; its log says what."
		}
	}
	if t := o.Table; t != nil {
		a.Table = &Table{Rows: [][]string{}}
		for _, c := range t.Columns {
			a.Table.Columns = append(a.Table.Columns, Column(c))
		}
		for _, r := range t.Rows {
			a.Table.Rows = append(a.Table.Rows, r.Cells)
		}
		if t.More {
			a.Table.After = t.Rows[len(t.Rows)-1].Key
		}
	}
	if f := o.Form; f != nil {
		a.Form = &Form{Title: f.Title, Instructions: f.Instructions, Fields: []Field{}}
		for _, field := range f.Fields {
			out := Field{Name: field.Name, Label: field.Label, Secret: field.Type.Secret(), Required: field.Required, Fault: field.Fault}
			if !out.Secret {
				out.Values = field.Values
			}
			for _, o := range field.Options {
				out.Options = append(out.Options, o.Value)
			}
			a.Form.Fields = append(a.Form.Fields, out)
		}
	}
	return a
}
