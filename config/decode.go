package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// decoder puts the values of a document into the structs. toml.Decode could do that too, but it stops at the first value of a
// wrong type, and the operator would have to correct his file one fault at a time.
type decoder struct{ *report }

// secretType is the only struct that is written as a string.
var secretType = reflect.TypeFor[Secret]()

// table decodes the table at path (empty for the document itself) into a struct.
func (d decoder) table(path string, values map[string]any, into reflect.Value) {
	known := fields(into.Type())
	for name, value := range values {
		at := child(path, name)
		f, ok := find(known, name)
		if !ok {
			d.unknown(path, name, names(known))
			continue
		}
		d.value(at, f, value, into.FieldByIndex(f.index))
	}
}

// unknown reports a key that does not exist.
func (d decoder) unknown(path, name string, known []string) {
	meant := nearest(name, known)
	if meant == "" || d.has(child(path, meant)) {
		d.add(child(path, name), "there is no such key", "remove it; the keys here are "+strings.Join(known, ", "))
		return
	}
	d.add(child(path, name), "there is no such key", "write "+meant)
	// What was meant is not missing: it has another fault already.
	d.mute(child(path, meant))
}

// value decodes one value. One of a wrong type is reported and leaves the default.
func (d decoder) value(path string, f field, value any, into reflect.Value) {
	switch {
	case into.Type() == secretType:
		if s, ok := value.(string); ok {
			into.Set(reflect.ValueOf(NewSecret(s)))
			return
		}
		d.wrongType(path, value, "a string", f.name+` = "…", in quotes`)
	case into.Kind() == reflect.String:
		d.text(path, f, value, into)
	case into.Kind() == reflect.Bool:
		if b, ok := value.(bool); ok {
			into.SetBool(b)
			return
		}
		d.wrongType(path, value, "true or false", f.name+" = true or "+f.name+" = false, without quotes")
	case into.Kind() == reflect.Int:
		if n, ok := value.(int64); ok && !into.OverflowInt(n) {
			into.SetInt(n)
			return
		}
		d.wrongType(path, value, "an integer", f.name+" = 10, without quotes and without a point")
	case into.Kind() == reflect.Float64:
		switch n := value.(type) {
		case float64:
			into.SetFloat(n)
		case int64:
			into.SetFloat(float64(n))
		default:
			d.wrongType(path, value, "a number", f.name+" = 1.5, without quotes")
		}
	case into.Kind() == reflect.Struct:
		if m, ok := value.(map[string]any); ok {
			d.table(path, m, into)
			return
		}
		d.wrongType(path, value, "a table", "["+path+"] on a line of its own, in single brackets")
	case into.Type().Elem().Kind() == reflect.String:
		d.list(path, f, value, into, "strings", "a string", `"…"`)
	case into.Type().Elem().Kind() == reflect.Int:
		d.list(path, f, value, into, "integers", "an integer", "6697")
	default:
		d.tables(path, value, into)
	}
}

// text decodes a string.
func (d decoder) text(path string, f field, value any, into reflect.Value) {
	s, ok := value.(string)
	if !ok {
		d.wrongType(path, value, "a string", f.name+` = "…", in quotes`)
		return
	}
	if len(f.enum) > 0 && !slices.Contains(f.enum, s) {
		fix := "one of " + strings.Join(f.enum, ", ")
		if meant := nearest(s, f.enum); meant != "" {
			fix = fmt.Sprintf("write %q (%s)", meant, fix)
		} else {
			fix = "write " + fix
		}
		d.add(path, fmt.Sprintf("there is no such value as %q", s), fix)
		return
	}
	into.SetString(s)
}

// list decodes a list of strings or of integers; what says which, one is what such an element is.
func (d decoder) list(path string, f field, value any, into reflect.Value, what, one, example string) {
	list, ok := value.([]any)
	if !ok {
		d.wrongType(path, value, "a list of "+what, f.name+" = ["+example+"], in brackets")
		return
	}
	into.SetZero() // no default is added to
	for i, v := range list {
		item := reflect.ValueOf(v)
		if n, isInt := v.(int64); isInt && into.Type().Elem().Kind() == reflect.Int {
			item = reflect.ValueOf(int(n))
		}
		if item.Type() != into.Type().Elem() {
			d.wrongType(element(path, i), v, one, example)
			// The element keeps its place, so that later faults name the right one.
			d.mute(element(path, i))
			item = reflect.Zero(into.Type().Elem())
		}
		into.Set(reflect.Append(into, item))
	}
}

// tables decodes a table that may stand several times; it comes as inline tables in a list too.
func (d decoder) tables(path string, value any, into reflect.Value) {
	fix := "[[" + unindexed(path) + "]] on a line of its own, in double brackets"
	var list []any
	switch v := value.(type) {
	case []map[string]any:
		for _, m := range v {
			list = append(list, m)
		}
	case []any:
		list = v
	case map[string]any:
		// The likeliest slip of all. What is in the table is checked as if the brackets were right.
		d.wrongType(path, value, "a list of tables", fix)
		d.relabel(path, element(path, 0))
		list = []any{v}
	default:
		d.wrongType(path, value, "a list of tables", fix)
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(list), len(list)))
	for i, v := range list {
		item := into.Index(i)
		if e, ok := item.Addr().Interface().(defaulter); ok {
			e.setDefaults()
		}
		m, ok := v.(map[string]any)
		if !ok {
			d.wrongType(element(path, i), v, "a table", fix)
			continue
		}
		d.table(element(path, i), m, item)
	}
}

// unindexed is a path as it stands in a header.
func unindexed(path string) string {
	for {
		before, rest, ok := strings.Cut(path, "[")
		if !ok {
			return path
		}
		_, after, _ := strings.Cut(rest, "]")
		path = before + after
	}
}

// wrongType reports a value that is of another type than its key. The value is not shown: it may be a secret.
func (d decoder) wrongType(path string, value any, want, fix string) {
	d.add(path, "this is "+typeName(value)+", it must be "+want, "write "+fix)
}

// typeName says what a value is, in the operator's words.
func typeName(value any) string {
	switch v := value.(type) {
	case string:
		return "a string"
	case bool:
		return "true or false"
	case int64:
		return "an integer"
	case float64:
		return "a number with a point"
	case time.Time:
		return "a date or time"
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "a list"
	default:
		return fmt.Sprintf("a %T", v)
	}
}
