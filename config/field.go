package config

import (
	"reflect"
	"slices"
	"strings"
)

// field is a setting or a table, as the tags of a struct describe it.
type field struct {
	name  string
	doc   string
	enum  []string // the values it may have; empty for any
	index []int    // for reflect.Value.FieldByIndex
	start bool     // a change takes effect at the next start

	// For the example file: example is the value of a setting that everybody has to write, sample the value of one that has no
	// default to show.
	example, sample string
}

// fields lists what a table of type t may hold, in the order of the struct. Embedded structs count as part of it.
func fields(t reflect.Type) []field {
	var list []field
	for _, f := range reflect.VisibleFields(t) {
		name := f.Tag.Get("toml")
		if f.Anonymous || name == "" || name == "-" {
			continue
		}
		list = append(list, field{
			name:    name,
			doc:     f.Tag.Get("doc"),
			enum:    strings.Fields(f.Tag.Get("enum")),
			index:   f.Index,
			start:   f.Tag.Get("restart") != "",
			example: f.Tag.Get("example"),
			sample:  f.Tag.Get("sample"),
		})
	}
	return list
}

// names are the names of a list of fields.
func names(list []field) []string {
	s := make([]string, len(list))
	for i, f := range list {
		s[i] = f.name
	}
	return s
}

// find is the field of that name.
func find(list []field, name string) (field, bool) {
	i := slices.IndexFunc(list, func(f field) bool { return f.name == name })
	if i < 0 {
		return field{}, false
	}
	return list[i], true
}
