package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestCodeIsGivenBack: most of what it took to start, and the program goes on.
func TestCodeIsGivenBack(t *testing.T) {
	t.Parallel()
	before := mappedKiB(t)
	if err := giveBackCode(); err != nil {
		t.Fatal(err)
	}
	if after := mappedKiB(t); after >= before {
		t.Errorf("of its files the program has mapped %d KiB, and had %d", after, before)
	}
}

// mappedKiB is how much of its files the process has in memory (proc_pid_status(5)).
func mappedKiB(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	n, err := strconv.Atoi(strings.Fields(rest + " -")[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
