package config

import (
	"crypto/x509"
	"reflect"
	"slices"
	"strings"
)

// Change is a setting that is not what it was.
type Change struct {
	Key     string // as people find it in the file, such as "[log] level"
	Restart bool   // it takes effect at the next start
}

// Reload says what a program that runs with c runs with once it has read next, and what is changed by that. What needs a restart stays
// as it is.
func (c *Config) Reload(next *Config) (running *Config, changes []Change) {
	written := new(*next.written)
	differ{&changes}.table("", reflect.ValueOf(c.written).Elem(), reflect.ValueOf(written).Elem(), false)
	running = new(*written)
	running.written, running.exposed = written, next.exposed
	running.complete()
	return running, changes
}

// differ finds what is not what it was.
type differ struct{ changes *[]Change }

func (d differ) note(key string, restart bool) {
	if !slices.ContainsFunc(*d.changes, func(c Change) bool { return c.Key == key }) {
		*d.changes = append(*d.changes, Change{Key: key, Restart: restart})
	}
}

// table compares a table as it is written. What needs a restart is put back.
func (d differ) table(path string, old, now reflect.Value, restart bool) {
	for _, f := range reflect.VisibleFields(old.Type()) {
		name := f.Tag.Get("toml")
		if name == "-" {
			name = f.Tag.Get("of")
		}
		if f.Anonymous || name == "" {
			continue
		}
		restart := restart || f.Tag.Get("restart") != ""
		a, b := old.FieldByIndex(f.Index), now.FieldByIndex(f.Index)
		switch {
		case f.Tag.Get("toml") == "-" || !isTable(a.Type()):
			if same(a, b) {
				continue
			}
			d.note(path+name, restart)
			if restart {
				b.Set(a)
			}
		case a.Kind() == reflect.Slice:
			b.Set(d.tables(path, name, a, b, restart))
		default:
			d.table("["+name+"] ", a, b, restart)
		}
	}
}

// tables compares tables that may stand several times, which are told apart by their names, and gives those to go on with. Where one
// more or less takes a restart they are the ones there were, in that order.
func (d differ) tables(above, name string, old, now reflect.Value, restart bool) reflect.Value {
	if above != "" {
		outer, _, _ := strings.Cut(strings.TrimPrefix(above, "[["), "]]")
		name = outer + "." + name
	}
	find := func(in reflect.Value, key string) (reflect.Value, bool) {
		for i := range in.Len() {
			if keyOf(in.Index(i)) == key {
				return in.Index(i), true
			}
		}
		return reflect.Value{}, false
	}
	for i := range now.Len() {
		if key := keyOf(now.Index(i)); !has(find(old, key)) {
			d.note("[["+name+"]] "+key+" (new)", restart)
		}
	}
	order := now
	if restart {
		order = old
	}
	out := reflect.MakeSlice(now.Type(), order.Len(), order.Len())
	for i := range order.Len() {
		key := keyOf(order.Index(i))
		before, was := find(old, key)
		after, is := find(now, key)
		if !is {
			after = before
		}
		out.Index(i).Set(after)
		if was && is {
			d.table("[["+name+"]] "+key+": ", before, out.Index(i), false)
		}
	}
	for i := range old.Len() {
		if key := keyOf(old.Index(i)); !has(find(now, key)) {
			d.note("[["+name+"]] "+key+" (removed)", restart)
		}
	}
	return out
}

func has(_ reflect.Value, found bool) bool { return found }

// keyed is implemented by the tables that may stand several times.
type keyed interface{ key() string }

var (
	_ keyed = (*Component)(nil)
	_ keyed = (*Network)(nil)
	_ keyed = (*MailDomain)(nil)
	_ keyed = (*MailAlias)(nil)
)

func (c *Component) key() string { return c.Domain }

func (n *Network) key() string { return n.Name }

func keyOf(table reflect.Value) string { return table.Addr().Interface().(keyed).key() }

// isTable reports whether a setting is a table or several.
func isTable(t reflect.Type) bool {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && t != secretType
}

// same reports whether two values are the same.
func same(a, b reflect.Value) bool {
	switch x := a.Interface().(type) {
	case Secret:
		return x.Reveal() == b.Interface().(Secret).Reveal()
	case *x509.CertPool:
		return x.Equal(b.Interface().(*x509.CertPool))
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
