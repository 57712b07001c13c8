//go:build !linux

package doctor

// Synchronised is known on Linux alone.
func Synchronised() bool { return true }
