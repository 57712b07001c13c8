package benchrig

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"passerelle/internal/realservers"
)

// Used is the processor time of a gateway and of this program, which plays the other servers, at a moment.
type Used struct {
	process   *realservers.Process // nil for what is not ours
	its, ours time.Duration
}

// NewUsed begins to count.
func NewUsed(p *realservers.Process) Used {
	u := Used{process: p}
	u.its, u.ours = u.read()
	return u
}

func (u *Used) read() (its, ours time.Duration) {
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

// Each is what each of n things has cost since then, of the gateway and of this program.
func (u *Used) Each(n int) string {
	if u.process == nil {
		return "–"
	}
	its, ours := u.read()
	per := func(d time.Duration) int64 { return d.Microseconds() / int64(n) }
	return fmt.Sprintf("%d, %d µs", per(its-u.its), per(ours-u.ours))
}

// Load is how busy the machine is.
func Load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(data), " ")
	return first
}
