package text

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every text that the program says is in every language, with the same arguments; and nothing is in the catalogue that nobody says.
func TestCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	said := map[string]string{}
	for _, dir := range []string{"../../component", "../../component/muc", "../../component/downgrade", "../../ircbridge", "../../mailbridge", "../../mailbridge/judge", "../../mailbridge/redirect", "../../socialbridge", "../../socialbridge/pages", "../onetime", "../export"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				collect(t, file, said)
			}
		}
	}
	if len(said) < 20 {
		t.Fatalf("only %d texts were found: the test looks in the wrong place", len(said))
	}
	for key, place := range said {
		translated, ok := french[key]
		if !ok {
			t.Errorf("%s: no French for %q", place, key)
			continue
		}
		if got, want := verbs(translated), verbs(key); !slices.Equal(got, want) {
			t.Errorf("%q has the arguments %v, its French %q has %v", key, want, translated, got)
		}
	}
	for key := range french {
		if _, ok := said[key]; !ok {
			t.Errorf("nobody says %q", key)
		}
	}
}

// collect finds the texts of the catalogue in a file: second arguments of text.Say, and the texts of forms and commands.
func collect(t *testing.T, file string, said map[string]string) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	note := func(e ast.Expr) {
		if s := literal(t, e); s != "" {
			said[s] = fset.Position(e.Pos()).String()
		}
	}
	component := strings.Contains(file, "/component/")
	var sentence bool // inside a function that returns a text of the catalogue and its arguments
	var wrong bool    // inside a function whose returned texts are of the catalogue
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			sentence = n.Name.Name == "Sentence"
			wrong = slices.Contains([]string{"chatValue", "take", "checkField", "howTo"}, n.Name.Name)
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) > 1 {
				x, ok := sel.X.(*ast.Ident)
				switch {
				case !ok:
				case x.Name == "text" && sel.Sel.Name == "Say",
					component && x.Name == "transports" && sel.Sel.Name == "NewError": // said by refuse
					note(n.Args[1])
				}
			}
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "say" && strings.Contains(file, "/pages/") && len(n.Args) > 0 {
				note(n.Args[0]) // page.say
			}
			if i, ok := sayers[called(n)]; ok && i < len(n.Args) {
				note(n.Args[i])
			}
			if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "append" && len(n.Args) == 2 {
				if sel, ok := n.Args[0].(*ast.SelectorExpr); ok && sel.Sel.Name == "Hints" {
					note(n.Args[1])
				}
			}
		case *ast.CompositeLit:
			if sel, ok := n.Type.(*ast.SelectorExpr); ok && sel.Sel.Name == "Words" {
				note(n.Elts[0].(*ast.KeyValueExpr).Value)
			}
		case *ast.AssignStmt:
			// What is wrong with a field is said later.
			if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "wrong" && len(n.Rhs) == 1 {
				note(n.Rhs[0])
			}
		case *ast.ValueSpec:
			if (strings.HasSuffix(n.Names[0].Name, "InChat") || n.Names[0].Name == "restartText") && len(n.Values) == 1 {
				note(n.Values[0])
			}
		case *ast.ReturnStmt:
			if sentence {
				note(n.Results[0])
			}
			if wrong && len(n.Results) > 0 {
				note(n.Results[len(n.Results)-1])
			}
		case *ast.KeyValueExpr:
			if k, ok := n.Key.(*ast.Ident); ok && slices.Contains([]string{"Title", "Label", "Instructions", "Description", "Empty", "Search"}, k.Name) {
				note(n.Value)
			}
			if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Hints" {
				if list, ok := n.Value.(*ast.CompositeLit); ok {
					for _, e := range list.Elts {
						note(e)
					}
				}
			}
		}
		return true
	})
}

// called is the name of the function that is called, without its package or receiver; those of package fmt are none.
func called(n *ast.CallExpr) string {
	switch f := n.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); !ok || x.Name != "fmt" {
			return f.Sel.Name
		}
	}
	return ""
}

// literal is the string that an expression is, in one or several pieces; empty where it is none.
func literal(t *testing.T, e ast.Expr) string {
	t.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return ""
		}
		s, err := strconv.Unquote(e.Value)
		if err != nil {
			t.Fatal(err)
		}
		return s
	case *ast.BinaryExpr:
		front, back := literal(t, e.X), literal(t, e.Y)
		if e.Op == token.ADD && front != "" && back != "" {
			return front + back
		}
	}
	return ""
}

// sayers are functions of the bridges that say a text of the catalogue, and which argument that is.
var sayers = map[string]int{"refused": 1, "refuseLogin": 2, "distrust": 1, "fault": 2, "silent": 0, "final": 0, "badAddress": 0, "Errorf": 1, "NoticeOf": 1, "Words": 0}

// verbs are the formatting verbs of a text, in order.
func verbs(s string) []string {
	var out []string
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '%' && strings.IndexByte("sdqv%", s[i+1]) >= 0 {
			out = append(out, s[i:i+2])
			i++
		}
	}
	return out
}

func TestSay(t *testing.T) {
	t.Parallel()
	for lang, want := range map[string]string{"": "no", "en": "no", "en-GB": "no", "fr": "non", "FR-ca": "non", "de": "no", "frr": "no", "x\x00": "no"} {
		if got := Say(lang, "no"); got != want {
			t.Errorf("in %q: %q, want %q", lang, got, want)
		}
	}
}
