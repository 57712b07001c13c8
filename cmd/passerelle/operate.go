package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"passerelle/config"
	"passerelle/internal/operator"
)

// operation is what the commands that talk to the running process have in common.
type operation struct {
	env     *environment
	command command
	config  string
	json    bool
	request operator.Request
}

// flags are those of all these commands.
func (o *operation) flags(set *flag.FlagSet) {
	configFlag(&o.config)(set)
	set.BoolVar(&o.json, "json", false, "")
	set.StringVar(&o.request.Domain, "domain", "", "")
}

// parse reads flags and other arguments in any order. If done is true, the command ends with that exit code.
func (o *operation) parse(args []string, define func(*flag.FlagSet)) (rest []string, code int, done bool) {
	return parseArgs(o.env, o.command, args, func(set *flag.FlagSet) {
		o.flags(set)
		define(set)
	})
}

// client finds the running process.
func (o *operation) client() (c *operator.Client, code int, done bool) {
	socket, err := config.LoadSocket(o.config)
	if err == nil && socket == "" {
		err = fmt.Errorf("%s: passerelle takes no commands: give admin.socket a short name", o.config)
	}
	if err != nil {
		printf(o.env.stderr, "%v\n", err)
		return nil, exitConfig, true
	}
	return operator.NewClient(socket), exitOK, false
}

// failed says why nothing was done.
func (o *operation) failed(err error) int {
	printf(o.env.stderr, "passerelle %s: %s\n", o.command.name, printableLines(err.Error()))
	return exitFailed
}

// refused says why the process did nothing, and where to read how it is asked where that is the reason.
func (o *operation) refused(e *operator.Error) int {
	code := o.failed(errors.New(e.Text))
	if e.Usage {
		printf(o.env.stderr, "`passerelle help %s` says how it is asked, `passerelle command list` for what.\n", o.command.name)
		code = exitUsage
	}
	return code
}

// pageRows is how many rows of a table are asked for at a time.
const pageRows = 500

// run has the process run the command and prints what becomes of it: all pages of a table.
func (o *operation) run(ctx context.Context) int {
	c, code, done := o.client()
	if done {
		return code
	}
	defer c.Close()
	var table *operator.Table
	for {
		o.request.Max = pageRows
		a, err := c.Run(ctx, o.request)
		switch {
		case err != nil:
			return o.failed(err)
		case a.Form != nil:
			return o.printForm(a)
		case a.Error != nil:
			return o.refused(a.Error)
		case a.Table == nil && table == nil:
			return o.printSaid(a.Said)
		}
		if table == nil {
			table = a.Table
		} else if a.Table != nil {
			table.Rows = append(table.Rows, a.Table.Rows...)
		}
		if a.Table == nil || a.Table.After == "" {
			return o.printTable(table)
		}
		o.request.After = a.Table.After
	}
}

func (o *operation) printSaid(said string) int {
	if o.json {
		return o.printJSON(map[string]string{"said": said})
	}
	printf(o.env.stdout, "%s\n", printableLines(said))
	return exitOK
}

// printTable prints a table for people, or an object for each row.
func (o *operation) printTable(t *operator.Table) int {
	if o.json {
		rows := make([]map[string]string, len(t.Rows))
		for i, r := range t.Rows {
			rows[i] = make(map[string]string, len(t.Columns))
			for j, c := range t.Columns {
				rows[i][c.Name] = r[j]
			}
		}
		return o.printJSON(rows)
	}
	w := tabwriter.NewWriter(o.env.stdout, 0, 0, 2, ' ', 0)
	labels := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		labels[i] = strings.ToUpper(c.Label)
	}
	printf(w, "%s\n", strings.Join(labels, "\t"))
	for _, r := range t.Rows {
		cells := make([]string, len(r))
		for i, cell := range r {
			cells[i] = printable(cell)
		}
		printf(w, "%s\n", strings.Join(cells, "\t"))
	}
	_ = w.Flush() // as in printf
	return exitOK
}

// printForm says what is still to be given, or what is wrong with what was.
func (o *operation) printForm(a operator.Answer) int {
	if o.json {
		_ = o.printJSON(a)
		return exitUsage
	}
	faults := 0
	for _, f := range a.Form.Fields {
		if f.Fault != "" {
			printf(o.env.stderr, "%s: %s\n", f.Name, printable(f.Fault))
			faults++
		}
	}
	if a.Error != nil {
		printf(o.env.stderr, "%s\n", printable(a.Error.Text))
		faults++
	}
	if faults > 0 {
		return exitUsage
	}
	printf(o.env.stderr, "%s\n", printable(a.Form.Title))
	if a.Form.Instructions != "" {
		printf(o.env.stderr, "%s\n", printable(a.Form.Instructions))
	}
	printf(o.env.stderr, "Nothing was done. Give some of these values:\n\n")
	w := tabwriter.NewWriter(o.env.stderr, 0, 0, 2, ' ', 0)
	for _, f := range a.Form.Fields {
		value := strings.Join(f.Values, ", ")
		if f.Secret {
			value = "(secret: -file " + f.Name + "=FILE)"
		}
		if len(f.Options) > 0 {
			value += " (of " + strings.Join(f.Options, ", ") + ")"
		}
		printf(w, "  %s=\t%s\t%s\n", f.Name, printable(value), printable(f.Label))
	}
	_ = w.Flush() // as in printf
	return exitUsage
}

func (o *operation) printJSON(v any) int {
	e := json.NewEncoder(o.env.stdout)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return o.failed(err)
	}
	return exitOK
}

// printable is a text of strangers as a terminal may have it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

// printableLines is printable for a text of several lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// maxInput is how long a value from a file may be, in bytes.
const maxInput = 32 << 10

// values reads NAME=VALUE arguments, and NAME=FILE ones of -file, where "-" stands for standard input. A list has its name once for
// each of its values.
func (o *operation) values(plain, files []string) error {
	o.request.Values = make(map[string][]string)
	set := func(pair, want string, value func(string) (string, error)) error {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return fmt.Errorf("%q is no %s", pair, want)
		}
		text, err := value(text)
		o.request.Values[name] = append(o.request.Values[name], text)
		return err
	}
	for _, pair := range plain {
		if err := set(pair, "NAME=VALUE", func(s string) (string, error) { return s, nil }); err != nil {
			return err
		}
		name, _, _ := strings.Cut(pair, "=")
		o.request.Open = append(o.request.Open, name)
	}
	for _, pair := range files {
		if err := set(pair, "NAME=FILE", o.env.readInput); err != nil {
			return err
		}
	}
	return nil
}

// readInput reads a file, or standard input for "-", without the line break at its end.
func (env *environment) readInput(name string) (string, error) {
	in := env.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read %s: %w", name, err)
	case len(text) > maxInput:
		return "", fmt.Errorf("%s is longer than %d bytes", name, maxInput)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}
