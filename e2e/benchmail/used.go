package main

import (
	"fmt"
	"syscall"
	"time"

	"passerelle/internal/realservers"
)

// used is the processor time of the gateway and of this program, which brings mail and plays the other servers, at a moment.
type used struct {
	process   *realservers.Process // nil for what is not ours
	its, ours time.Duration
}

func newUsed(p *realservers.Process) used {
	u := used{process: p}
	u.its, u.ours = u.read()
	return u
}

func (u *used) read() (its, ours time.Duration) {
	if u.process == nil {
		return 0, 0
	}
	its, _ = u.process.CPU() // where it has ended nothing came
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil { // of itself it never fails
		return its, 0
	}
	return its, time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// each is what a mail has cost since then.
func (u *used) each(mails int) string {
	if u.process == nil {
		return "–"
	}
	its, ours := u.read()
	per := func(d time.Duration) int64 { return d.Microseconds() / int64(mails) }
	return fmt.Sprintf("%d, %d µs", per(its-u.its), per(ours-u.ours))
}
