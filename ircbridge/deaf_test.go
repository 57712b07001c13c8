package ircbridge

import (
	"io"
	"net"
	"time"
)

// deafConn takes everything and says nothing.
type deafConn struct{}

func (deafConn) Read([]byte) (int, error)         { return 0, io.EOF }
func (deafConn) Write(b []byte) (int, error)      { return len(b), nil }
func (deafConn) Close() error                     { return nil }
func (deafConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (deafConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (deafConn) SetDeadline(time.Time) error      { return nil }
func (deafConn) SetReadDeadline(time.Time) error  { return nil }
func (deafConn) SetWriteDeadline(time.Time) error { return nil }
