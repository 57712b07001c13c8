package dnstest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"passerelle/internal/realservers/freeport"
)

const (
	attempts   = 10 // to have the same port for UDP and TCP
	maxUDP     = 512
	maxTXT     = 255 // bytes of one string (RFC 1035 §3.3)
	idleTime   = 10 * time.Second
	timeToLive = 60 // seconds
)

// Zone is what names are, without the dot at their end. A value is a record as in a zone file:
//
//	"example.org": {"MX 10 mx.example.org", "TXT v=spf1 mx -all", "A 192.0.2.1", "AAAA 2001:db8::1", "CNAME other.example.org"}
//	"_sip._tcp.example.org": {"SRV 10 0 5060 sip.example.org"}
//	"1.2.0.192.in-addr.arpa": {"PTR mx.example.org"}
//	"slow.example.org": {"SERVFAIL"}    // it fails
//	"silent.example.org": {"SILENCE"}   // no answer ever comes
//
// "MX 0 ." is a null MX (RFC 7505). What is after TXT is taken as it is, and cut into strings where it is long. A name that is not there does
// not exist; one that has a longer name below it exists without records.
type Zone map[string][]string

// Server is a name server. Its methods are safe to call from any goroutine.
type Server struct {
	Addr string // host and port, both of UDP and of TCP

	mu    sync.Mutex
	zone  Zone
	asked map[string]int
	conns map[net.Conn]bool
	done  bool
}

// Start starts a server that stops at the end of the test.
func Start(t testing.TB, zone Zone) *Server {
	t.Helper()
	s, stop, err := Listen(zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s
}

// Listen starts a server that the caller stops.
func Listen(zone Zone) (s *Server, stop func(), err error) {
	s = &Server{asked: make(map[string]int), conns: make(map[net.Conn]bool)}
	s.Set(zone)
	var (
		udp net.PacketConn
		tcp net.Listener
	)
	for range attempts {
		if tcp, err = freeport.Listen(); err != nil {
			continue
		}
		if udp, err = net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			break
		}
		_ = tcp.Close()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("start a name server: %w", err)
	}
	s.Addr = tcp.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() { s.serveUDP(udp) })
	wg.Go(func() { s.serveTCP(tcp, &wg) })
	return s, func() {
		_, _ = udp.Close(), tcp.Close()
		s.mu.Lock()
		s.done = true
		for c := range s.conns {
			_ = c.Close()
		}
		s.mu.Unlock()
		wg.Wait()
	}, nil
}

// Set replaces what names are.
func (s *Server) Set(zone Zone) {
	folded := make(Zone, len(zone))
	for name, records := range zone {
		folded[fold(name)] = records
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone = folded
}

// Asked is how often a name was asked for, whatever the type.
func (s *Server) Asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[fold(name)]
}

// Resolver asks this server alone.
func (s *Server) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, s.Addr)
	}}
}

func fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func (s *Server) serveUDP(conn net.PacketConn) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if reply := s.answer(buf[:n], maxUDP); reply != nil {
			_, _ = conn.WriteTo(reply, from) // who asked tries again
		}
	}
}

func (s *Server) serveTCP(l net.Listener, wg *sync.WaitGroup) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.done {
			_ = conn.Close()
		}
		s.conns[conn] = true
		s.mu.Unlock()
		wg.Go(func() {
			_ = s.talk(conn) // who asked tries again
			_ = conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

// talk answers what comes on a connection: each message has its length before it (RFC 1035 §4.2.2).
func (s *Server) talk(conn net.Conn) error {
	for {
		if err := conn.SetDeadline(time.Now().Add(idleTime)); err != nil {
			return err
		}
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return err
		}
		question := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, question); err != nil {
			return err
		}
		reply := s.answer(question, 1<<16-1)
		if reply == nil {
			continue
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return err
		}
	}
}

// answer is the reply to a question, nil where there shall be none.
func (s *Server) answer(question []byte, limit int) []byte {
	var p dnsmessage.Parser
	header, err := p.Start(question)
	if err != nil || header.Response {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired, RecursionAvailable: true},
		Questions: []dnsmessage.Question{q},
	}
	var silent bool
	m.Answers, m.RCode, silent = s.find(q)
	if silent {
		return nil
	}
	reply, err := m.Pack()
	if err == nil && len(reply) > limit { // RFC 1035 §4.2.1
		m.Truncated, m.Answers = true, nil
		reply, err = m.Pack()
	}
	if err != nil {
		return nil
	}
	return reply
}

func (s *Server) find(q dnsmessage.Question) (answers []dnsmessage.Resource, code dnsmessage.RCode, silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := fold(q.Name.String())
	s.asked[name]++
	owner := q.Name
	for range 8 { // names that stand for others
		records, ok := s.zone[name]
		if !ok {
			if s.above(name) {
				return answers, dnsmessage.RCodeSuccess, false
			}
			return answers, dnsmessage.RCodeNameError, false
		}
		next := ""
		for _, record := range records {
			switch record {
			case "SERVFAIL":
				return nil, dnsmessage.RCodeServerFailure, false
			case "SILENCE":
				return nil, dnsmessage.RCodeSuccess, true
			}
			body, kind, err := parse(record)
			if err != nil {
				return nil, dnsmessage.RCodeServerFailure, false
			}
			if kind == q.Type || kind == dnsmessage.TypeCNAME {
				answers = append(answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: owner, Type: kind, Class: dnsmessage.ClassINET, TTL: timeToLive}, Body: body,
				})
			}
			if c, ok := body.(*dnsmessage.CNAMEResource); ok && q.Type != dnsmessage.TypeCNAME {
				next, owner = fold(c.CNAME.String()), c.CNAME
			}
		}
		if next == "" {
			return answers, dnsmessage.RCodeSuccess, false
		}
		name = next
	}
	return nil, dnsmessage.RCodeServerFailure, false
}

// above reports whether there are names below this one.
func (s *Server) above(name string) bool {
	for n := range s.zone {
		if strings.HasSuffix(n, "."+name) {
			return true
		}
	}
	return false
}

// parse reads a record of a zone.
func parse(record string) (dnsmessage.ResourceBody, dnsmessage.Type, error) {
	kind, value, _ := strings.Cut(record, " ")
	switch kind {
	case "A":
		ip := net.ParseIP(value).To4()
		if ip == nil {
			return nil, 0, fmt.Errorf("no address of IPv4: %q", record)
		}
		return &dnsmessage.AResource{A: [4]byte(ip)}, dnsmessage.TypeA, nil
	case "AAAA":
		ip := net.ParseIP(value).To16()
		if ip == nil {
			return nil, 0, fmt.Errorf("no address of IPv6: %q", record)
		}
		return &dnsmessage.AAAAResource{AAAA: [16]byte(ip)}, dnsmessage.TypeAAAA, nil
	case "MX":
		pref, host, _ := strings.Cut(value, " ")
		n, err := strconv.ParseUint(pref, 10, 16)
		if err != nil {
			return nil, 0, fmt.Errorf("no preference: %q", record)
		}
		name, err := absolute(host)
		return &dnsmessage.MXResource{Pref: uint16(n), MX: name}, dnsmessage.TypeMX, err
	case "SRV":
		var priority, weight, port uint16
		var host string
		if _, err := fmt.Sscanf(value, "%d %d %d %s", &priority, &weight, &port, &host); err != nil {
			return nil, 0, fmt.Errorf("no service: %q", record)
		}
		name, err := absolute(host)
		return &dnsmessage.SRVResource{Priority: priority, Weight: weight, Port: port, Target: name}, dnsmessage.TypeSRV, err
	case "CNAME":
		name, err := absolute(value)
		return &dnsmessage.CNAMEResource{CNAME: name}, dnsmessage.TypeCNAME, err
	case "PTR":
		name, err := absolute(value)
		return &dnsmessage.PTRResource{PTR: name}, dnsmessage.TypePTR, err
	case "TXT":
		var texts []string
		for len(value) > maxTXT {
			texts, value = append(texts, value[:maxTXT]), value[maxTXT:]
		}
		return &dnsmessage.TXTResource{TXT: append(texts, value)}, dnsmessage.TypeTXT, nil
	}
	return nil, 0, errors.New("no such record: " + record)
}

func absolute(name string) (dnsmessage.Name, error) { return dnsmessage.NewName(fold(name) + ".") }
