package realservers

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ResidentKiB is the memory of the program in KiB, as the kernel counts it (VmRSS).
func (p *Process) ResidentKiB() (int, error) { return p.memory("VmRSS:") }

// OwnKiB is how much of that is its own: what it has mapped of its files comes and goes with what it does at the moment (RssAnon).
func (p *Process) OwnKiB() (int, error) { return p.memory("RssAnon:") }

// PeakKiB is the most that it has been (VmHWM).
func (p *Process) PeakKiB() (int, error) { return p.memory("VmHWM:") }

// memory is a line of what the kernel tells of the program's memory (proc_pid_status(5)).
func (p *Process) memory(key string) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), key)
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("the kernel does not tell the memory of the process")
	}
	return strconv.Atoi(fields[0])
}

// CPU is the processor time of the program, in steps of 10 ms.
func (p *Process) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid()))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0, errors.New("the kernel does not tell the time of the process")
	}
	own, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	return time.Duration(own+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}
