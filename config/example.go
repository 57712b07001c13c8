package config

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
)

// exampleWidth is where the comments of the example file are broken.
const exampleWidth = 100

const exampleHead = `The configuration of passerelle, in TOML (https://toml.io). This page shows every setting. Lines that begin with "#" and no
space show defaults or, where there is none, what a value looks like: remove the "#" to change them. After a change run
passerelle check-config; then systemctl reload passerelle, or systemctl restart where it says so.`

// Example is a documented configuration file. It is valid but for the placeholder of its secret.
func Example() []byte {
	var b bytes.Buffer
	comment(&b, exampleHead)
	c := Default()
	v := reflect.ValueOf(c).Elem()
	for _, f := range fields(v.Type()) {
		// One gateway is shown as it is needed; the others of its kind and the rest stand behind "#" or have defaults.
		exampleTable(&b, f.name, f, v.FieldByIndex(f.index), f.name != "irc" && v.FieldByIndex(f.index).Kind() == reflect.Slice)
	}
	return b.Bytes()
}

// In the tags, TABLE stands for the name of the table that a setting is in, because all gateways share some of them.

// exampleTable writes a table with its settings and then the tables in it. Off puts all of it behind "#".
func exampleTable(b *bytes.Buffer, path string, of field, table reflect.Value, off bool) {
	header, many := "["+path+"]", table.Kind() == reflect.Slice
	if many {
		header = "[[" + path + "]]"
		item := reflect.New(table.Type().Elem())
		if d, ok := item.Interface().(defaulter); ok {
			d.setDefaults()
		}
		table = item.Elem()
	}
	b.WriteByte('\n')
	comment(b, of.doc)
	switch {
	case of.start && many:
		comment(b, "One more or one less takes a restart.")
	case of.start:
		comment(b, "A change takes a restart.")
	}
	line(b, header, off)
	var inner []field
	for _, f := range fields(table.Type()) {
		v := table.FieldByIndex(f.index)
		if isTable(v.Type()) {
			inner = append(inner, f)
			continue
		}
		if len(f.index) == 1 || !off {
			b.WriteByte('\n')
			comment(b, f.doc)
		} // What all gateways have is explained once.
		if len(f.enum) > 0 {
			comment(b, "One of "+strings.Join(f.enum, ", ")+".")
		}
		if f.start && (len(f.index) == 1 || !off) {
			comment(b, "A change takes a restart.")
		}
		value := strings.ReplaceAll(exampleValue(f, v), "TABLE", path)
		line(b, f.name+" = "+value, off || f.example == "")
	}
	for _, f := range inner {
		exampleTable(b, path+"."+f.name, f, table.FieldByIndex(f.index), true)
	}
}

// exampleValue is what the example file shows as the value of a setting: what its tags say, or else the default.
func exampleValue(f field, v reflect.Value) string {
	shown := f.example + f.sample
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Int:
		return "[" + shown + "]"
	case v.Kind() == reflect.Slice:
		return fmt.Sprintf("[%q]", shown)
	case shown != "":
		return fmt.Sprintf("%q", shown)
	case v.Kind() == reflect.String:
		return fmt.Sprintf("%q", v.String())
	case v.Kind() == reflect.Float64:
		return fmt.Sprintf("%.1f", v.Float())
	default:
		return fmt.Sprint(v.Interface())
	}
}

// line writes a line of TOML, behind "#" if it is off.
func line(b *bytes.Buffer, text string, off bool) {
	if off {
		b.WriteByte('#')
	}
	b.WriteString(text + "\n")
}

// comment writes text as comment lines.
func comment(b *bytes.Buffer, text string) {
	width := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
			b.WriteString("# ")
		case width+1+len(word) > exampleWidth:
			b.WriteString("\n# ")
			width = 0
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += len(word)
	}
	b.WriteByte('\n')
}
