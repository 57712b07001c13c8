package doctor

import "syscall"

// Synchronised says whether the system thinks that its clock is kept right (adjtimex(2)).
func Synchronised() bool {
	const unsynchronised = 5 // TIME_ERROR
	state, err := syscall.Adjtimex(new(syscall.Timex))
	return err != nil || state != unsynchronised
}
