package ircd

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// expectTimeout bounds a wait of a Peer, so that a test fails instead of hanging.
const expectTimeout = 10 * time.Second

// Peer is one end of a connection that speaks raw lines: a scripted server, or the client of somebody else in a channel. Its
// methods fail the test at the line of the caller. It is for one goroutine at a time.
type Peer struct {
	Conn    net.Conn
	Timeout time.Duration // of every read and write; tests with a fake clock need a longer one
	r       *bufio.Reader
}

// NewPeer speaks over conn.
func NewPeer(conn net.Conn) *Peer {
	return &Peer{Conn: conn, Timeout: expectTimeout, r: bufio.NewReader(conn)}
}

// Dial connects a client and registers it under nick.
func Dial(t testing.TB, addr, nick string) *Peer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("dial ircd: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the test may have closed it
	p := NewPeer(conn)
	p.Send(t, "NICK "+nick, "USER "+nick+" 0 * :"+nick)
	p.Expect(t, " 376 ")
	return p
}

// Send writes lines.
func (p *Peer) Send(t testing.TB, lines ...string) {
	t.Helper()
	if err := p.Conn.SetWriteDeadline(time.Now().Add(p.Timeout)); err != nil {
		t.Fatalf("set deadline: %v", err)
	}
	if _, err := p.Conn.Write([]byte(strings.Join(lines, "\r\n") + "\r\n")); err != nil {
		t.Fatalf("write %q: %v", lines, err)
	}
}

// Expect reads until a line contains want, answering PING on the way, and returns that line.
func (p *Peer) Expect(t testing.TB, want string) string {
	t.Helper()
	var seen []string
	for {
		line, err := p.Line()
		if err != nil {
			t.Fatalf("waiting for %q: %v; read so far: %q", want, err, seen)
		}
		if strings.Contains(line, want) {
			return line
		}
		if token, ok := strings.CutPrefix(line, "PING "); ok {
			p.Send(t, "PONG "+token)
		}
		seen = append(seen, line)
	}
}

// Line reads one line without its ending.
func (p *Peer) Line() (string, error) {
	if err := p.Conn.SetReadDeadline(time.Now().Add(p.Timeout)); err != nil {
		return "", fmt.Errorf("set deadline: %w", err)
	}
	line, err := p.r.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read line: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// Welcome plays the server's part of a registration without capabilities, up to the end of the greeting.
func (p *Peer) Welcome(t testing.TB, nick string) {
	t.Helper()
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :", ":irc.test 001 "+nick+" :Welcome", ":irc.test 376 "+nick+" :End of MOTD")
}

// EnterChannel answers the next JOIN as a server does, with nick as the only member, and reads the questions how the channel is set
// up and who is away.
func (p *Peer) EnterChannel(t testing.TB, nick string) string {
	t.Helper()
	line := p.Expect(t, "JOIN ")
	_, channel, _ := strings.Cut(line, "JOIN ")
	channel, _, _ = strings.Cut(channel, " ")
	p.Send(t, ":"+nick+"!u@host.test JOIN "+channel,
		":irc.test 353 "+nick+" = "+channel+" :"+nick, ":irc.test 366 "+nick+" "+channel+" :End of NAMES")
	p.Expect(t, "MODE "+channel)
	p.Expect(t, "WHO "+channel)
	return channel
}

// Script listens on a free loopback port for connections that the test plays by hand.
type Script struct {
	Addr string
	l    net.Listener
}

// NewScript listens until the test ends; conf may be nil for plain text.
func NewScript(t testing.TB, conf *tls.Config) *Script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	s := &Script{Addr: l.Addr().String(), l: l}
	if conf != nil {
		s.l = tls.NewListener(l, conf)
	}
	t.Cleanup(func() { _ = s.l.Close() }) // the test may have closed it
	return s
}

// Accept takes the next connection.
func (s *Script) Accept(t testing.TB) *Peer {
	t.Helper()
	p, err := s.Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Conn.Close() }) // the test may have closed it
	return p
}

// Take takes the next connection, for another goroutine than that of the test. Whoever takes it closes it.
func (s *Script) Take() (*Peer, error) {
	conn, err := s.l.Accept()
	if err != nil {
		return nil, fmt.Errorf("accept: %w", err)
	}
	return NewPeer(conn), nil
}

// Close stops listening: further connections are refused.
func (s *Script) Close(t testing.TB) {
	t.Helper()
	if err := s.l.Close(); err != nil {
		t.Fatalf("close listener: %v", err)
	}
}

// NewTLS makes a certificate for the names and addresses, and the pool that trusts it.
func NewTLS(t testing.TB, names ...string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("generate key: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ircd test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatalf("create certificate: %v", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("parse certificate: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}
