package ircbridge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"
)

// A certificate of a user is for one network, so that two of them cannot tell by it that he is one person; nobody has signed it, it says
// nothing of him, and it does not expire: a network knows it by its fingerprint alone.

// serialBits are random ones (RFC 5280 §4.1.2.2).
const serialBits = 120

// newCertificate makes one with its key, in PEM.
func newCertificate() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return "", fmt.Errorf("make a serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "IRC"},
		NotBefore: time.Now().Add(-24 * time.Hour).UTC().Truncate(24 * time.Hour), // clocks differ, and when exactly is nobody's business
		NotAfter:  time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),               // RFC 5280 §4.1.2.5: none is known
		KeyUsage:  x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", fmt.Errorf("make a certificate: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("write a key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// leafOf is the certificate of what newCertificate, or a user, has made.
func leafOf(pem string) (*x509.Certificate, error) {
	pair, err := readCertificate(pem)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return leaf, nil
}

// prints are the fingerprints that networks know certificates by.
var prints = []func(*x509.Certificate) string{
	func(c *x509.Certificate) string { s := sha256.Sum256(c.Raw); return hex.EncodeToString(s[:]) },
	func(c *x509.Certificate) string { s := sha512.Sum512(c.Raw); return hex.EncodeToString(s[:]) },
	func(c *x509.Certificate) string { s := sha1.Sum(c.Raw); return hex.EncodeToString(s[:]) },
	func(c *x509.Certificate) string { s := md5.Sum(c.Raw); return hex.EncodeToString(s[:]) },
	func(c *x509.Certificate) string {
		s := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		return hex.EncodeToString(s[:])
	},
	func(c *x509.Certificate) string {
		s := sha512.Sum512(c.RawSubjectPublicKeyInfo)
		return hex.EncodeToString(s[:])
	},
	func(c *x509.Certificate) string {
		s := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		return "SPKI:SHA2-256:" + hex.EncodeToString(s[:])
	},
	func(c *x509.Certificate) string {
		s := sha512.Sum512(c.RawSubjectPublicKeyInfo)
		return "SPKI:SHA2-512:" + hex.EncodeToString(s[:])
	},
}

// printLike is the fingerprint of a certificate of the kind that another one has; empty where that is of none.
func printLike(next, last *x509.Certificate, known string) string {
	for _, of := range prints {
		if strings.EqualFold(of(last), known) {
			return of(next)
		}
	}
	return ""
}

// printWord finds a fingerprint in words.
var printWord = regexp.MustCompile(`(?i)\b(SPKISHA2-(256|512))?[0-9a-f]{32,128}\b`)

// findPrint gives the fingerprint of a certificate that words have; empty where they have none of it.
func findPrint(words string, certificate *x509.Certificate) string {
	for _, word := range printWord.FindAllString(strings.ReplaceAll(words, ":", ""), -1) {
		for _, of := range prints {
			if p := of(certificate); strings.EqualFold(strings.ReplaceAll(p, ":", ""), word) {
				return p
			}
		}
	}
	return ""
}
