package ircbridge

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// poller tells which of many sockets there is something to be read from, see epoll(7).
type poller struct {
	fd   int
	file *os.File // of fd: waiting for it is waiting for all of them, and Go does so as with a socket
	raw  syscall.RawConn
}

func newPoller() (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll instance: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // by which os.NewFile knows that it can be waited for
		return nil, errors.Join(fmt.Errorf("set an epoll instance non-blocking: %w", err), syscall.Close(fd))
	}
	p := &poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for an epoll instance: %w", err), p.file.Close())
	}
	return p, nil
}

func (p *poller) add(fd int) error {
	return syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP, Fd: int32(fd)})
}

func (p *poller) remove(fd int) {
	_ = syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_DEL, fd, nil) // it is there
}

// wait appends those sockets that can be read from, once there are any. After close it fails.
func (p *poller) wait(ready []int) ([]int, error) {
	var events [maxRoused]syscall.EpollEvent
	var n int
	var failed error
	err := p.raw.Read(func(fd uintptr) bool {
		n, failed = syscall.EpollWait(int(fd), events[:], 0)
		return n > 0 || failed != nil && !errors.Is(failed, syscall.EINTR)
	})
	if err := errors.Join(err, failed); err != nil && n <= 0 {
		return ready, err
	}
	for _, e := range events[:n] {
		ready = append(ready, int(e.Fd))
	}
	return ready, nil
}

func (p *poller) close() { _ = p.file.Close() } // nothing was written
