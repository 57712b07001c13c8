package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
	"go.uber.org/goleak"

	"passerelle/internal/realservers/realtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKeys are made once, since RSA takes its time.
var testKeys = sync.OnceValues(Generate)

func signer(t *testing.T) *Signer {
	t.Helper()
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	return New(keys, "gw")
}

const testMail = "From: Alice <alice@example.org>\r\nTo: bob@example.com\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n folded\r\n" +
	"Date: Thu, 26 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" +
	"Content-Transfer-Encoding: quoted-printable\r\n\r\nHello \r\n\r\n.dot\r\n\r\n\r\n"

// check verifies a mail against the records, and returns what became of each signature.
func check(t *testing.T, s *Signer, mail []byte) []*dkim.Verification {
	t.Helper()
	records, err := s.Records("example.org")
	if err != nil {
		t.Fatal(err)
	}
	found, err := dkim.VerifyWithOptions(bytes.NewReader(mail), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		for _, r := range records {
			if r.Name == name {
				return []string{r.Text}, nil
			}
		}
		return nil, errors.New("there is no " + name)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSign(t *testing.T) {
	t.Parallel()
	s := signer(t)
	mail, err := s.Sign("example.org", []byte(testMail))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(mail, []byte(testMail)) {
		t.Error("the mail itself was changed")
	}
	if strings.Contains(string(mail), " l=") {
		t.Error("only a part of the mail is signed")
	}
	for _, c := range []struct {
		name, from, to string
		passes         bool
	}{
		{"as it is", "", "", true},
		{"white space changed on the way", "Subject: =?utf-8?q?caf=C3=A9?=\r\n folded", "Subject:   =?utf-8?q?caf=C3=A9?=  folded", true},
		{"a header that nobody goes by", "To:", "X-Spam: no\r\nTo:", true},
		{"another text", "Hello", "Hullo", false},
		{"more text", ".dot\r\n", ".dot\r\nmore\r\n", false},
		{"a second subject", "Subject:", "Subject: buy\r\nSubject:", false},
		{"a second author", "From: Alice", "From: Mallory <m@example.org>\r\nFrom: Alice", false},
		{"an address for answers", "To:", "Reply-To: mallory@example.net\r\nTo:", false},
		{"a copy", "To:", "Cc: mallory@example.net\r\nTo:", false},
	} {
		signatures, _ := bytes.CutSuffix(mail, []byte(testMail))
		changed := strings.Replace(testMail, c.from, c.to, 1)
		found := check(t, s, append(slices.Clip(signatures), changed...))
		if len(found) != 2 {
			t.Fatalf("%s: there are %d signatures, want 2", c.name, len(found))
		}
		for _, v := range found {
			if (v.Err == nil) != c.passes || v.Domain != "example.org" {
				t.Errorf("%s: a signature of %s gives %v, want it to pass: %v", c.name, v.Domain, v.Err, c.passes)
			}
		}
	}
}

// verify checks a mail with somebody else's program, with the records that stand in its arguments.
const verify = `
import sys, dkim
records = dict(zip(sys.argv[1::2], sys.argv[2::2]))
mail = sys.stdin.buffer.read()
def dns(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return records[name.rstrip(".")].encode()
v = dkim.DKIM(mail)
for i in range(2):
    print(v.verify(idx=i, dnsfunc=dns), v.keysize)
`

func TestOthersAgree(t *testing.T) {
	t.Parallel()
	python := ""
	for _, p := range []string{"/usr/bin/python3", "python3"} { // Debian's packages are the former's
		if python == "" && exec.CommandContext(t.Context(), p, "-c", "import dkim, nacl").Run() == nil {
			python = p
		}
	}
	if python == "" {
		realtest.Missing(t, errors.New("python3-dkim is not installed"))
	}
	s := signer(t)
	mail, err := s.Sign("example.org", []byte(testMail))
	if err != nil {
		t.Fatal(err)
	}
	records, err := s.Records("example.org")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-c", verify}
	for _, r := range records {
		args = append(args, r.Name, r.Text)
	}
	cmd := exec.CommandContext(t.Context(), python, args...)
	cmd.Stdin = bytes.NewReader(mail)
	got, err := cmd.CombinedOutput()
	if err != nil || string(got) != "True 2048\nTrue 256\n" {
		t.Errorf("dkimpy says %q, %v", got, err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	text, err := keys.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(text)
	if err != nil || !again.RSA.Equal(keys.RSA) || !again.Ed25519.Equal(keys.Ed25519) {
		t.Errorf("the keys came back otherwise: %v", err)
	}
	old := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(keys.RSA)})
	if k, err := Decode(old); err != nil || !k.RSA.Equal(keys.RSA) || k.Ed25519 != nil {
		t.Errorf("a key of old: %v", err)
	}
	if n := len(New(Keys{RSA: keys.RSA}, "s").keys); n != 1 {
		t.Errorf("one key makes %d signatures", n)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Keys{Ed25519: other}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Keys{RSA: short}).Encode(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"nothing": nil, "two of a kind": append(two, text...), "rubbish": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}),
	} {
		if _, err := Decode(text); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}
