package config

import (
	"flag"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the golden files")

func TestExampleFileIsGenerated(t *testing.T) {
	got := Example()
	if *update {
		if err := os.WriteFile("example.toml", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("example.toml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("example.toml is not what the tags say; run go test ./config -update (-file +tags):\n%s", diff)
	}
}

// The example is valid once its placeholder is filled in, and says nothing that differs from the defaults.
func TestExampleLoads(t *testing.T) {
	_, err := Parse("example.toml", Example(), "")
	faults, ok := err.(Faults)
	if !ok || len(faults) != 1 || faults[0].Key != "irc[0].secret" {
		t.Fatalf("faults of the example = %v, want the placeholder of irc[0].secret alone", err)
	}
	filled := strings.ReplaceAll(string(Example()), placeholder, "s3cret")
	c, err := Parse("example.toml", []byte(filled), "")
	if err != nil {
		t.Fatal(err)
	}
	minimal, err := Parse("example.toml", []byte("[[irc]]\ndomain = \"irc.example.org\"\nsecret = \"s3cret\"\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(minimal, c, cmp.Comparer(sameSecret), cmp.AllowUnexported(Config{}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("the example differs from the defaults (-defaults +example):\n%s", diff)
	}
}

// Every line that the example hides behind "#" is a setting that exists and has a value of the right type.
func TestExampleHiddenLines(t *testing.T) {
	all := regexp.MustCompile(`(?m)^#(\S)`).ReplaceAll(Example(), []byte("$1"))
	_, err := Parse("example.toml", all, "")
	faults, ok := err.(Faults)
	if !ok {
		t.Fatalf("error = %v, want the faults of files that are not there", err)
	}
	for _, f := range faults {
		if strings.Contains(f.Text, "no such key") || strings.Contains(f.Text, "must be") || strings.HasPrefix(f.Text, "syntax") {
			t.Errorf("%v", f)
		}
	}
}

func TestEverySettingHasDoc(t *testing.T) {
	var check func(path string, table reflect.Type)
	check = func(path string, table reflect.Type) {
		for _, f := range fields(table) {
			at := child(path, f.name)
			if f.doc == "" {
				t.Errorf("%s has no doc tag", at)
			}
			inner := table.FieldByIndex(f.index).Type
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct && inner != secretType {
				check(at, inner)
			}
		}
	}
	check("", reflect.TypeFor[Config]())
}

func sameSecret(a, b Secret) bool { return a.Reveal() == b.Reveal() }
