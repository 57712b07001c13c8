package main

import (
	"net"

	"golang.org/x/net/dns/dnsmessage"
)

// startDNS runs a name server that knows no name, so that senders are judged at once: what servers of the internet take is not the gateway's.
func (s *site) startDNS() (addr string, err error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", err
	}
	s.stops = append(s.stops, func() { _ = conn.Close() }) // and the process ends
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			// RFC 1035 §4.1.1: the question comes back, with "no such name".
			m.Response, m.RCode, m.Additionals = true, dnsmessage.RCodeNameError, nil
			if answer, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(answer, from) // who asked asks again
			}
		}
	}()
	return conn.LocalAddr().String(), nil
}
