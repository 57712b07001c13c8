package realservers

import (
	_ "embed"
	"strings"
)

//go:embed packages.txt
var packagesText string

// Packages are the Debian packages that the servers and the tests with them need.
func Packages() []string {
	var names []string
	for line := range strings.Lines(packagesText) {
		line, _, _ = strings.Cut(line, "#")
		if name := strings.TrimSpace(line); name != "" {
			names = append(names, name)
		}
	}
	return names
}
