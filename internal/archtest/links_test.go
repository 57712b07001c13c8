package archtest

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// link is a link of Markdown: its text, and where it leads, without what is behind #.
var link = regexp.MustCompile(`\[([^\]]+)\]\(([^)#]+)[^)]*\)`)

// checkLinks looks where the pages of the repository lead: to files that are there, and where a link is called like a test, to a file that
// has the test.
func checkLinks(tree fs.FS) ([]fault, error) {
	pages, err := fs.Glob(tree, "*.md")
	more, err2 := fs.Glob(tree, "docs/*.md")
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	var faults []fault
	for _, page := range append(pages, more...) {
		text, err := fs.ReadFile(tree, page)
		if err != nil {
			return nil, err
		}
		for _, m := range link.FindAllSubmatch(text, -1) {
			name, target := string(m[1]), string(m[2])
			if strings.Contains(target, ":") { // it leads elsewhere
				continue
			}
			file := path.Join(path.Dir(page), target)
			switch _, err := fs.Stat(tree, file); {
			case err != nil:
				faults = append(faults, fault{page + " -> " + file, "a page leads to what is there", "name the file as it is called now"})
			case strings.HasPrefix(name, "Test"):
				if code, err := fs.ReadFile(tree, file); err != nil || !bytes.Contains(code, []byte("func "+name+"(")) {
					faults = append(faults, fault{page + " -> " + name, "a page names tests as they are called", "name the test as " + file + " has it"})
				}
			}
		}
	}
	return faults, nil
}
