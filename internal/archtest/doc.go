// Package archtest keeps the repository in the shape that docs/ARCHITECTURE.md and docs/STYLE.md describe.
//
// It is in charge of the rules that a program can check: who imports whom, what lies at the top level, how long a file may be,
// package comments, no init functions, seeds for every fuzz target, links of pages. It has tests only and is imported by nothing. Formatting and
// faults of single lines are the business of gofumpt, go vet and staticcheck.
//
// Each check is a function from a picture of the repository to the faults in it, so that broken_test.go can show it a repository
// that breaks the rule.
package archtest
