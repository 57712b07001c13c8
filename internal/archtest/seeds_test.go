package archtest

import (
	"go/ast"
	"io/fs"
	"path"
	"strings"
)

// checkSeeds finds fuzz targets that begin with nothing: go test runs the seeds of a target every time, so a target without
// seeds tests nothing between two fuzz runs. Seeds are what the target adds, itself or by a function of its package that it
// hands its *testing.F to, and the files under testdata/fuzz.
func checkSeeds(tree fs.FS, sources []source) []fault {
	// Functions that take a *testing.F and add to it, by folder and name.
	type function struct{ dir, name string }
	adders := make(map[function]bool)
	for _, s := range sources {
		for _, d := range s.file.Decls {
			if f, param := takesF(d); f != nil && calls(f.Body, func(c *ast.CallExpr) bool { return isAdd(c, param) }) {
				adders[function{path.Dir(s.path), f.Name.Name}] = true
			}
		}
	}
	var faults []fault
	for _, s := range sources {
		for _, d := range s.file.Decls {
			f, param := takesF(d)
			if f == nil || !s.isTest() || !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			dir := path.Dir(s.path)
			seeded := calls(f.Body, func(c *ast.CallExpr) bool {
				callee, ok := c.Fun.(*ast.Ident)
				return isAdd(c, param) || ok && hasArgument(c, param) && adders[function{dir, callee.Name}]
			})
			if !seeded && !hasCorpus(tree, dir, f.Name.Name) {
				faults = append(faults, fault{
					s.path + " " + f.Name.Name, "the fuzz target has no seed",
					"add good and bad input with f.Add, or files under testdata/fuzz/" + f.Name.Name,
				})
			}
		}
	}
	return faults
}

// takesF returns the function that d declares and the name of its parameter of type *testing.F, or nil if it has none.
func takesF(d ast.Decl) (f *ast.FuncDecl, param string) {
	f, ok := d.(*ast.FuncDecl)
	if !ok || f.Recv != nil || f.Body == nil {
		return nil, ""
	}
	for _, field := range f.Type.Params.List {
		star, ok := field.Type.(*ast.StarExpr)
		if !ok {
			continue
		}
		sel, ok := star.X.(*ast.SelectorExpr)
		if ok && sel.Sel.Name == "F" && isIdent(sel.X, "testing") && len(field.Names) == 1 {
			return f, field.Names[0].Name
		}
	}
	return nil, ""
}

// calls reports whether a call in body is as asked for.
func calls(body *ast.BlockStmt, is func(*ast.CallExpr) bool) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok && is(c) {
			found = true
		}
		return !found
	})
	return found
}

// isAdd reports whether c is f.Add(…) with f named param.
func isAdd(c *ast.CallExpr, param string) bool {
	sel, ok := c.Fun.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Add" && isIdent(sel.X, param)
}

func hasArgument(c *ast.CallExpr, name string) bool {
	for _, a := range c.Args {
		if isIdent(a, name) {
			return true
		}
	}
	return false
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// hasCorpus reports whether the target has seed files. A folder that is not there has none.
func hasCorpus(tree fs.FS, dir, target string) bool {
	entries, err := fs.ReadDir(tree, path.Join(dir, "testdata", "fuzz", target))
	return err == nil && len(entries) > 0
}
