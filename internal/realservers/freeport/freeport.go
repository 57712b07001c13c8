// Package freeport is in charge of finding ports of the loopback interface for servers of tests, which shall stay theirs while
// the servers restart. It does not listen on them.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"
)

// The kernel takes the ports from 32768 on for outgoing connections, in a test of many connections any of them at any time.
const (
	first = 10_000
	count = 20_000
	tries = 100
)

// Choose returns a port that nobody listens on just now. Somebody else may be quicker: who then finds it taken chooses again.
func Choose() (int, error) {
	l, err := Listen()
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Listen listens on a port that was free.
func Listen() (net.Listener, error) {
	var err error
	for range tries {
		var l net.Listener
		if l, err = net.Listen("tcp", Address(first+rand.IntN(count))); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("listen on a free port: %w", err)
}

// ListenAgain listens on an address whose listener was closed. A process that is just being started by another goroutine holds
// the closed one until its exec, so that the address is free some moments later.
func ListenAgain(addr string) (net.Listener, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var err error
	for range tries {
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil {
			return l, nil
		}
		<-tick.C
	}
	return nil, fmt.Errorf("listen again: %w", err)
}

// Address is a port of the loopback interface as it is dialled.
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Port is the port of an address as a server's configuration has it.
func Port(addr string) string {
	_, port, _ := net.SplitHostPort(addr) // Address made it
	return port
}
