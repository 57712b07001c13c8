package sign

import (
	"bytes"
	"crypto"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
)

// What is behind the selector in the names of keys. A name has one key (RFC 6376 §3.6.2.2).
const (
	rsaSuffix     = "-rsa"
	ed25519Suffix = "-ed"
)

// guarded are the headers that readers go by, most of all those of RFC 6376 §5.4.1. One more of each is signed than there is.
var guarded = []string{
	"From", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version", "Content-Type", "Reply-To",
}

// signed are those that are signed where they are there.
var signed = []string{"Content-Transfer-Encoding", "Auto-Submitted", "Autocrypt", "Sender", "List-Unsubscribe", "List-Unsubscribe-Post"}

// Signer signs mail. Safe to use from any goroutine.
type Signer struct{ keys []key }

type key struct {
	selector string
	signer   crypto.Signer
}

// New makes a signer. The selector is how the names of its keys in the DNS begin.
func New(keys Keys, selector string) *Signer {
	s := &Signer{}
	if keys.RSA != nil {
		s.keys = append(s.keys, key{selector + rsaSuffix, keys.RSA})
	}
	if keys.Ed25519 != nil {
		s.keys = append(s.keys, key{selector + ed25519Suffix, keys.Ed25519})
	}
	return s
}

// Sign returns a mail with its signatures in front. The domain, in ASCII, is that of its author, so that DMARC passes.
func (s *Signer) Sign(domain string, mail []byte) ([]byte, error) {
	headers := headerKeys(mail)
	var signatures []string
	for _, key := range s.keys {
		signer, err := dkim.NewSigner(&dkim.SignOptions{
			Domain: domain, Selector: key.selector, Signer: key.signer, HeaderKeys: headers,
			HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		})
		if err == nil {
			_, err = io.Copy(signer, bytes.NewReader(mail))
			if closed := signer.Close(); err == nil {
				err = closed
			}
		}
		if err != nil {
			return nil, fmt.Errorf("sign a mail: %w", err)
		}
		signatures = append(signatures, signer.Signature())
	}
	return append([]byte(strings.Join(signatures, "")), mail...), nil
}

// headerKeys are the names of the headers that are signed: each guarded one once more than it is there.
func headerKeys(mail []byte) []string {
	var keys []string
	there := map[string]int{}
	for line := range bytes.Lines(mail) {
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
		if name, _, ok := bytes.Cut(line, []byte(":")); ok && line[0] != ' ' && line[0] != '\t' {
			there[strings.ToLower(string(bytes.TrimSpace(name)))]++
		}
	}
	for _, name := range guarded {
		keys = append(keys, slices.Repeat([]string{name}, there[strings.ToLower(name)]+1)...)
	}
	for _, name := range signed {
		keys = append(keys, slices.Repeat([]string{name}, there[strings.ToLower(name)])...)
	}
	return keys
}
