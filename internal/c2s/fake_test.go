package c2s

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"hash"
	"io"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/store"
	"passerelle/transports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testDomain   = "example.org"
	testPassword = store.Secret("pen cil")
)

var romeo = transports.Address{Local: "romeo", Domain: testDomain}

// authority vouches for servers of tests.
type authority struct {
	pool *x509.CertPool
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) issue(t testing.TB, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: names,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// fake is an XMPP server that does as a test says. Its fields are set before it starts.
type fake struct {
	cert       tls.Certificate
	maxTLS     uint16 // the newest version of TLS; 0 for any
	direct     bool   // TLS begins at once
	noTLS      bool   // it offers none
	mechanisms []string
	bindings   []string // that it says it has (XEP-0440)
	password   store.Secret
	// proceed is what it answers to STARTTLS; empty for what is right.
	proceed string
	// failure is what it says of a proof; empty for judging it.
	failure string
	// final is what it proves; empty for what is right.
	final string
	// answer answers a stanza of who is logged in.
	answer func(s *served, e element)

	addr string
	mu   sync.Mutex
	said []string // mechanisms by which somebody tried, with the GS2 header
	got  []element
}

// element is a stanza as the tests look at it.
type element struct {
	Name  string
	ID    string
	Type  string
	Inner string
}

// served is one connection to a fake.
type served struct {
	*fake
	conn net.Conn
	in   *bufio.Reader
	dec  *xml.Decoder
}

func (f *fake) start(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	var wg sync.WaitGroup
	var conns sync.Map
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Store(conn, true)
			wg.Go(func() {
				defer conn.Close()
				_ = f.serve(conn) // what is wrong shows at the client
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		wg.Wait()
	})
}

func (f *fake) tlsConfig() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{f.cert}, MaxVersion: f.maxTLS, NextProtos: []string{"xmpp-client"}}
}

func (s *served) reset(conn net.Conn) { s.conn, s.in = conn, bufio.NewReader(conn) }

func (s *served) write(format string, args ...any) { _, _ = fmt.Fprintf(s.conn, format, args...) }

// header reads the client's stream header and writes ours with features.
func (s *served) header(features string) error {
	s.dec = xml.NewDecoder(s.in)
	for {
		token, err := s.dec.Token()
		if err != nil {
			return err
		}
		if _, ok := token.(xml.StartElement); ok {
			break
		}
	}
	s.write("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='a>b' from='%s' version='1.0'>"+
		"<stream:features>%s</stream:features>", testDomain, features)
	return nil
}

// next reads what the client says.
func (s *served) next() (start xml.StartElement, inner string, err error) {
	for {
		token, err := s.dec.Token()
		if err != nil {
			return start, "", err
		}
		if e, ok := token.(xml.StartElement); ok {
			var content struct {
				Inner string `xml:",innerxml"`
			}
			err = s.dec.DecodeElement(&content, &e)
			return e, content.Inner, err
		}
		if _, ok := token.(xml.EndElement); ok {
			return start, "", io.EOF
		}
	}
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (f *fake) serve(conn net.Conn) error {
	s := &served{fake: f}
	s.reset(conn)
	var secured *tls.Conn
	if f.direct {
		secured = tls.Server(conn, f.tlsConfig())
		s.reset(secured)
	}
	offers := "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
	for _, m := range f.mechanisms {
		offers += "<mechanism>" + m + "</mechanism>"
	}
	offers += "</mechanisms>"
	if f.bindings != nil {
		offers += "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>"
		for _, b := range f.bindings {
			offers += "<channel-binding type='" + b + "'/>"
		}
		offers += "</sasl-channel-binding>"
	}
	if !f.direct && !f.noTLS {
		if err := s.header("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>" + offers); err != nil {
			return err
		}
		if _, _, err := s.next(); err != nil {
			return err
		}
		if f.proceed != "" {
			s.write("%s", f.proceed)
		} else {
			s.write("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
		}
		secured = tls.Server(conn, f.tlsConfig())
		s.reset(secured)
	}
	if err := s.header(offers); err != nil {
		return err
	}
	for ok := false; !ok; {
		e, payload, err := s.next()
		if err != nil {
			return err
		}
		if ok, err = s.login(secured, attr(e, "mechanism"), payload); err != nil {
			return err
		}
	}
	if err := s.header("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>"); err != nil {
		return err
	}
	for {
		start, inner, err := s.next()
		if err != nil {
			return err
		}
		e := element{start.Name.Local, attr(start, "id"), attr(start, "type"), inner}
		if strings.Contains(inner, "xmpp-bind") {
			s.write("<iq type='result' id='%s'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>romeo@example.org/r1</jid></bind></iq>", e.ID)
			continue
		}
		f.mu.Lock()
		f.got = append(f.got, e)
		f.mu.Unlock()
		if f.answer != nil {
			f.answer(s, e)
		}
	}
}

var nonceOf = regexp.MustCompile(`r=([^,]+)`)

// login is the server's side of SCRAM (RFC 5802 §5).
func (s *served) login(secured *tls.Conn, mechanism, payload string) (bool, error) {
	refuse := func(condition string) {
		s.write("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><%s/><text>no</text></failure>", condition)
	}
	first, err := base64.StdEncoding.DecodeString(payload)
	if err != nil {
		return false, err
	}
	header, bare, _ := strings.Cut(string(first), ",,")
	s.mu.Lock()
	s.said = append(s.said, mechanism+" "+header)
	s.mu.Unlock()
	plus := strings.HasSuffix(mechanism, "-PLUS")
	kind, bound := strings.CutPrefix(header, "p=")
	offersPlus := slices.ContainsFunc(s.mechanisms, func(m string) bool { return strings.HasSuffix(m, "-PLUS") })
	if plus != bound || header == "y" && offersPlus {
		refuse("malformed-request")
		return false, nil
	}
	newHash := map[string]func() hash.Hash{"SCRAM-SHA-1": sha1.New, "SCRAM-SHA-256": sha256.New, "SCRAM-SHA-512": sha512.New}[strings.TrimSuffix(mechanism, "-PLUS")]
	if newHash == nil || !slices.Contains(s.mechanisms, mechanism) || slices.Contains(s.mechanisms, "!"+mechanism) {
		refuse("invalid-mechanism")
		return false, nil
	}
	mac := func(key []byte, text string) []byte {
		h := hmac.New(newHash, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	salted, err := pbkdf2.Key(newHash, s.password.Reveal(), []byte("salt"), 4096, newHash().Size())
	if err != nil {
		return false, err
	}
	serverFirst := "r=" + nonceOf.FindStringSubmatch(bare)[1] + "server,s=" + base64.StdEncoding.EncodeToString([]byte("salt")) + ",i=4096"
	s.write("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%s</challenge>", base64.StdEncoding.EncodeToString([]byte(serverFirst)))
	_, payload, err = s.next()
	if err != nil {
		return false, err
	}
	final, err := base64.StdEncoding.DecodeString(payload)
	if err != nil {
		return false, err
	}
	without, proof, _ := strings.Cut(string(final), ",p=")
	message := bare + "," + serverFirst + "," + without
	clientKey := mac(salted, "Client Key")
	h := newHash()
	h.Write(clientKey)
	want := mac(h.Sum(nil), message)
	for i := range want {
		want[i] ^= clientKey[i]
	}
	cbind := header + ",,"
	if bound {
		state := secured.ConnectionState()
		switch kind {
		case "tls-exporter":
			data, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
			if err != nil {
				return false, err
			}
			cbind += string(data)
		case "tls-unique":
			cbind += string(state.TLSUnique)
		default:
			sum := sha256.Sum256(s.cert.Certificate[0])
			cbind += string(sum[:])
		}
	}
	switch {
	case s.failure != "":
		refuse(s.failure)
		return false, nil
	case proof != base64.StdEncoding.EncodeToString(want) || !strings.HasPrefix(without, "c="+base64.StdEncoding.EncodeToString([]byte(cbind))+","):
		refuse("not-authorized")
		return false, nil
	}
	serverFinal := "v=" + base64.StdEncoding.EncodeToString(mac(mac(salted, "Server Key"), message))
	if s.final != "" {
		serverFinal = s.final
	}
	if serverFinal == "-" {
		s.write("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
		return true, nil
	}
	s.write("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%s</success>", base64.StdEncoding.EncodeToString([]byte(serverFinal)))
	return true, nil
}
