//go:build !linux

package ircbridge

import "errors"

// poller is for systems on which it is not known how to wait for many sockets at once.
type poller struct{}

func newPoller() (*poller, error) { return nil, errors.ErrUnsupported }

func (*poller) add(int) error                   { return errors.ErrUnsupported }
func (*poller) remove(int)                      {}
func (*poller) wait(ready []int) ([]int, error) { return ready, errors.ErrUnsupported }
func (*poller) close()                          {}
