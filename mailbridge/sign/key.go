package sign

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
)

const (
	rsaBits    = 2048 // RFC 8301 §3.2; longer ones do not fit into one string of the DNS
	minRSABits = 1024
)

// Keys are what mail is signed with. One of them may be nil.
type Keys struct {
	RSA     *rsa.PrivateKey
	Ed25519 ed25519.PrivateKey
}

// Generate makes keys. It takes some time.
func Generate() (Keys, error) {
	r, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return Keys{}, fmt.Errorf("make a key: %w", err)
	}
	_, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Keys{}, fmt.Errorf("make a key: %w", err)
	}
	return Keys{RSA: r, Ed25519: e}, nil
}

// Encode writes the keys as PEM (PKCS #8), one behind the other.
func (k Keys) Encode() ([]byte, error) {
	var b bytes.Buffer
	var keys []crypto.Signer
	if k.RSA != nil {
		keys = append(keys, k.RSA)
	}
	if k.Ed25519 != nil {
		keys = append(keys, k.Ed25519)
	}
	for _, key := range keys {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err == nil {
			err = pem.Encode(&b, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
		}
		if err != nil {
			return nil, fmt.Errorf("write a key: %w", err)
		}
	}
	return b.Bytes(), nil
}

// Decode is the inverse of Encode. It takes keys as other programs write them too: PKCS #1 and PKCS #8, one of each kind at most.
func Decode(text []byte) (Keys, error) {
	var k Keys
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		var key any
		var err error
		switch block.Type {
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		default:
			continue
		}
		if err != nil {
			return Keys{}, errors.New("a key cannot be read") // the error of x509 may say more of it than a log should have
		}
		switch key := key.(type) {
		case *rsa.PrivateKey:
			if k.RSA != nil {
				return Keys{}, errors.New("there are two RSA keys")
			}
			if key.N.BitLen() < minRSABits {
				return Keys{}, fmt.Errorf("the RSA key has %d bits, fewer than %d", key.N.BitLen(), minRSABits)
			}
			k.RSA = key
		case ed25519.PrivateKey:
			if k.Ed25519 != nil {
				return Keys{}, errors.New("there are two Ed25519 keys")
			}
			k.Ed25519 = key
		default:
			return Keys{}, fmt.Errorf("a key is of a kind (%T) that signs no mail", key)
		}
	}
	if k.RSA == nil && k.Ed25519 == nil {
		return Keys{}, errors.New("there is no key")
	}
	return k, nil
}

// Record is a TXT record of the DNS.
type Record struct{ Name, Text string }

// Records are what the owner of a domain publishes so that others can check its signatures (RFC 6376 §3.6.1).
func (s *Signer) Records(domain string) ([]Record, error) {
	var all []Record
	for _, key := range s.keys {
		record := Record{Name: key.selector + "._domainkey." + domain}
		switch public := key.signer.Public().(type) {
		case ed25519.PublicKey: // RFC 8463 §4: the key itself
			record.Text = "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
		default:
			der, err := x509.MarshalPKIXPublicKey(public)
			if err != nil {
				return nil, fmt.Errorf("write a public key: %w", err)
			}
			record.Text = "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
		}
		all = append(all, record)
	}
	return all, nil
}
