package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// giveBackCode gives the pages of the program's own file back to the system that are mapped: at rest these are mostly what was needed to start, or
// in a burst, and the system maps 64 KiB around each page that is touched. They stay in its cache, from which what is needed again is mapped again
// as it is touched, 64 KiB in a microsecond or two (madvise(2), MADV_DONTNEED). A mapping that somebody has written to is left alone, since that would be lost: a linker
// may have done so before it took away the right to, though Go's does not.
func giveBackCode() (err error) {
	program, err := os.Readlink("/proc/self/exe") // with " (deleted)" after an update, as in the list
	if err != nil {
		return err
	}
	list, err := os.Open("/proc/self/smaps") // proc_pid_smaps(5)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, list.Close()) }()
	var from, to uintptr // of the mapping whose lines are read; none if to is 0
	for lines := bufio.NewScanner(list); ; {
		if !lines.Scan() {
			return lines.Err()
		}
		line := lines.Text()
		switch key, value, _ := strings.Cut(line, " "); {
		case !strings.HasSuffix(key, ":"):
			from, to = 0, 0
			if rights, _, _ := strings.Cut(value, " "); strings.HasSuffix(line, " "+program) && !strings.Contains(rights, "w") {
				if _, err := fmt.Sscanf(key, "%x-%x", &from, &to); err != nil {
					return fmt.Errorf("read %q of the list of mappings: %w", line, err)
				}
			}
		case key == "Anonymous:" && to > 0 && strings.TrimSpace(value) == "0 kB":
			if _, _, failed := syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED); failed != 0 {
				return fmt.Errorf("give back %d bytes of the program: %w", to-from, failed)
			}
		}
	}
}
