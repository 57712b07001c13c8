package atom

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passerelle/socialbridge/activity"
)

var update = flag.Bool("update", false, "write what is read into the golden files")

// captures are the names of the documents in testdata, all captured from GNU social 1.20.10.
func captures(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.xml")
	if err != nil || len(files) < 20 {
		t.Fatal(len(files), err)
	}
	for i := range files {
		files[i] = strings.TrimSuffix(filepath.Base(files[i]), ".xml")
	}
	return files
}

func captured(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// standsAlone reports whether a capture is an entry and no feed.
func standsAlone(name string) bool { return strings.HasPrefix(name, "salmon-") || name == "notice" }

// What GNU social sent is understood, all of it: beside each document is every field that is set of what is read of it.
func TestReadCaptures(t *testing.T) {
	t.Parallel()
	for _, name := range captures(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got strings.Builder
			if standsAlone(name) {
				a, err := ParseEntry(captured(t, name))
				if err != nil {
					t.Fatal(err)
				}
				(&dumper{b: &got}).dump("", reflect.ValueOf(*a))
			} else {
				f, err := ParseFeed(captured(t, name))
				if err != nil {
					t.Fatal(err)
				}
				(&dumper{b: &got}).dump("", reflect.ValueOf(*f))
			}
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// dumper writes what is not zero of a value, a field to a line, and everybody once.
type dumper struct {
	b    *strings.Builder
	seen []activity.Actor
}

func (d *dumper) dump(indent string, v reflect.Value) {
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		if f.IsZero() {
			continue
		}
		line := func(value any) { fmt.Fprintf(d.b, "%s%s: %v\n", indent, name, value) }
		switch x := f.Interface().(type) {
		case time.Time:
			line(x.Format(time.RFC3339Nano))
			continue
		case activity.Verb:
			line(verbURI(x))
			continue
		case activity.Kind:
			line(kindURI(x))
			continue
		case activity.Actor:
			if slices.ContainsFunc(d.seen, func(a activity.Actor) bool { return reflect.DeepEqual(a, x) }) {
				line("the same " + x.Nick)
				continue
			}
			d.seen = append(d.seen, x)
		}
		switch {
		case f.Kind() == reflect.Pointer:
			f = f.Elem()
			fallthrough
		case f.Kind() == reflect.Struct:
			fmt.Fprintf(d.b, "%s%s:\n", indent, name)
			d.dump(indent+"  ", f)
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			for j := range f.Len() {
				fmt.Fprintf(d.b, "%s%s %d:\n", indent, name, j)
				d.dump(indent+"  ", f.Index(j))
			}
		default:
			line(f)
		}
	}
}
