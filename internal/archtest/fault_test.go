package archtest

import (
	"fmt"
	"testing"
)

// fault is one place that breaks a rule.
type fault struct {
	where string // a file, a package, or "package -> imported package"
	rule  string // what does not hold there
	fix   string // what to do about it
}

func (f fault) String() string {
	return fmt.Sprintf("%s: %s\n\tfix: %s", f.where, f.rule, f.fix)
}

// report fails the test once for each fault.
func report(t *testing.T, faults []fault) {
	t.Helper()
	for _, f := range faults {
		t.Error(f)
	}
}
