package realservers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// Authority is a certificate authority for one test.
type Authority struct {
	key  crypto.Signer
	cert *x509.Certificate
	PEM  string // its certificate
}

const certificateTime = 24 * time.Hour // longer than any test

// NewAuthority makes an authority, which nobody knows yet.
func NewAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &Authority{key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateTime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a.PEM = pemText("CERTIFICATE", der)
	return a, nil
}

// Issue makes a certificate for a name or an address, and its key, both in PEM.
func (a *Authority) Issue(name string) (cert, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	if err != nil {
		return "", "", err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	return pemText("CERTIFICATE", der), pemText("PRIVATE KEY", pkcs8), nil
}

// NewCertificate makes a certificate in the name of somebody, and its key, both in PEM. Nobody known vouches for it.
func NewCertificate(name string) (cert, key string, err error) {
	ca, err := NewAuthority()
	if err != nil {
		return "", "", err
	}
	return ca.Issue(name)
}

// certify writes a certificate for a name, and its key, into files of the server, which may be the same, and returns who vouches for it.
func (l *life) certify(name, certFile, keyFile string) (authority string, err error) {
	ca, err := NewAuthority()
	if err != nil {
		return "", err
	}
	cert, key, err := ca.Issue(name)
	if err != nil {
		return "", err
	}
	if certFile == keyFile {
		cert += key
	}
	if err := l.write(keyFile, key); err != nil {
		return "", err
	}
	return ca.PEM, l.write(certFile, cert)
}

func pemText(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
