package salmon

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The keys of those who signed the envelopes in testdata, as GNU social 1.20.10 published them.
const (
	aliceKey = "RSA.0O4z_2tVaCe4xM2PA8UmZF3-lwL-BuT1ciqsLNHTSGBgMUPLn5sFi01I33CkY2UUeb4mFTPGdY45AenB4kYPmSJErJKYEPH7KqMG5HhsnZSxPC7ApNSpfx3mfyz3KpjEoCCnLuXsB1remywRQtcagvdvRV5aQcKUp0wGgRMLc2M=.AQAB"
	bobKey   = "RSA.qKQgkJeHUHVSa79FQvhWbxsrsSk73OrenBSIoK1GTrjbskYh0Y3Quf7FkbZdklE0xor8y8bW8X1FcwM0pCvIo8FUfUvTsS7o-lLDOiR8EPngiQP_ABQi_Y6CWFfA2B3UCabBbFjujaPrw4VlC50zG9qO8zhwyQc11FK6-vOtcZ8=.AQAB"
)

func mustKey(t testing.TB, s string) *rsa.PublicKey {
	t.Helper()
	key, err := ParseKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func captured(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// newKey is a key of ours, with what signs by it.
func newKey(t testing.TB, bits int) (*rsa.PrivateKey, func([]byte) ([]byte, error)) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key, func(signed []byte) ([]byte, error) {
		sum := sha256.Sum256(signed)
		return rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	}
}

func TestCapturedFromGNUSocial(t *testing.T) {
	t.Parallel()
	alice, bob := mustKey(t, aliceKey), mustKey(t, bobKey)
	for name, by := range map[string]*rsa.PublicKey{
		"5-follow": alice, "17-follow": bob, "24-post-reply": alice, "36-unfollow": alice, "44-favorite": alice,
	} {
		e, err := Parse(captured(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.HasPrefix(e.Entry, []byte("<?xml")) || !bytes.HasSuffix(e.Entry, []byte("</entry>\n")) {
			t.Errorf("%s: the entry is %.40q…", name, e.Entry)
		}
		if err := e.Verify(by); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		other := alice
		if by == alice {
			other = bob
		}
		if err := e.Verify(other); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: by the key of somebody else: %v", name, err)
		}
	}
}

// What we write of an entry is what GNU social wrote of it, byte by byte, but for the signature, which has another key.
func TestSealedLikeGNUSocial(t *testing.T) {
	t.Parallel()
	want := captured(t, "24-post-reply")
	e, err := Parse(want)
	if err != nil {
		t.Fatal(err)
	}
	key, sign := newKey(t, 1024)
	var signed []byte
	got, err := Seal(e.Entry, func(b []byte) ([]byte, error) { signed = b; return sign(b) })
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(signed, []byte(".YXBwbGljYXRpb24vYXRvbSt4bWw=.YmFzZTY0dXJs.UlNBLVNIQTI1Ng==")) {
		t.Errorf("signed is …%q", signed[max(0, len(signed)-70):])
	}
	head := func(b []byte) string { head, _, _ := strings.Cut(string(b), "<me:sig>"); return head }
	if head(got) != head(want) {
		t.Errorf("sealed:\n%.600s\nwant:\n%.600s", got, want)
	}
	ours, err := Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	if err := ours.Verify(&key.PublicKey); err != nil {
		t.Error(err)
	}
}

// envelope writes an envelope as somebody else might.
func envelope(data, typ, enc, alg, rest string) string {
	return `<env xmlns="` + namespace + `"><data type="` + typ + `">` + data + `</data><encoding>` + enc + `</encoding><alg>` + alg + `</alg>` + rest + `</env>`
}

func TestPeersThatDoOtherwise(t *testing.T) {
	t.Parallel()
	key, sign := newKey(t, 2048)
	entry := []byte("<entry>\xff\xfe\xfb\xef??</entry>\n")
	padded := base64.URLEncoding.EncodeToString(entry)
	unpadded := strings.TrimRight(padded, "=")
	plain := base64.StdEncoding.EncodeToString(entry)
	if padded == unpadded || padded == plain {
		t.Fatal("the entry does not show what is different")
	}
	sig := func(e *base64.Encoding, data, typ string) string {
		s, err := sign(signedText(e, data, typ))
		if err != nil {
			t.Fatal(err)
		}
		return "<sig>" + base64.RawURLEncoding.EncodeToString(s) + "</sig>"
	}
	tests := []struct{ name, body string }{
		{"nothing padded", envelope(unpadded, atomType, encoding, algorithm, sig(base64.RawURLEncoding, unpadded, atomType))},
		{"data padded alone", envelope(padded, atomType, encoding, algorithm, sig(base64.RawURLEncoding, padded, atomType))},
		{"plain base64", envelope(plain, atomType, encoding, algorithm, sig(base64.URLEncoding, plain, atomType))},
		{"type with a parameter", envelope(padded, atomType+";type=entry", encoding, algorithm, sig(base64.URLEncoding, padded, atomType+";type=entry"))},
		{
			"broken lines", envelope("\n  "+padded[:7]+"\r\n\t"+padded[7:]+"\n", atomType, " "+encoding+"\n", "\n"+algorithm, "<!-- so -->"+sig(base64.URLEncoding, padded, atomType)),
		},
		{"the second signature", envelope(padded, atomType, encoding, algorithm, "<sig>AAAA</sig>"+sig(base64.URLEncoding, padded, atomType))},
	}
	for _, tt := range tests {
		e, err := Parse([]byte(tt.body))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !bytes.Equal(e.Entry, entry) {
			t.Errorf("%s: the entry is %q", tt.name, e.Entry)
		}
		if err := e.Verify(&key.PublicKey); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	// The metadata are signed too.
	e, err := Parse([]byte(envelope(padded, atomType+";type=feed", encoding, algorithm, sig(base64.URLEncoding, padded, atomType))))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Verify(&key.PublicKey); !errors.Is(err, ErrSignature) {
		t.Errorf("another type than was signed: %v", err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	const data, sig = "PGVudHJ5Lz4=", "<sig>AAAA</sig>"
	large := base64.URLEncoding.EncodeToString(make([]byte, MaxEntry+1))
	tests := []struct {
		name, body string
		tooLarge   bool
	}{
		{"nothing", "", false},
		{"no XML", "hello", false},
		{"cut", envelope(data, atomType, encoding, algorithm, sig)[:100], false},
		{"document type", `<!DOCTYPE env [<!ENTITY a "b">]>` + envelope(data, atomType, encoding, algorithm, sig), false},
		{"entity", envelope("&a;", atomType, encoding, algorithm, sig), false},
		{"another namespace", strings.Replace(envelope(data, atomType, encoding, algorithm, sig), namespace, "urn:x", 1), false},
		{"another root", `<data xmlns="` + namespace + `"/>`, false},
		{"deeper", envelope("<data/>", atomType, encoding, algorithm, sig), false},
		{"another algorithm", envelope(data, atomType, encoding, "HMAC-SHA256", sig), false},
		{"no algorithm", envelope(data, atomType, encoding, "", sig), false},
		{"another encoding", envelope(data, atomType, "base64", algorithm, sig), false},
		{"another type", envelope(data, "text/html", encoding, algorithm, sig), false},
		{"no base64", envelope("?!", atomType, encoding, algorithm, sig), false},
		{"signature no base64", envelope(data, atomType, encoding, algorithm, "<sig>?</sig>"), false},
		{"empty", envelope("", atomType, encoding, algorithm, sig), false},
		{"no signature", envelope(data, atomType, encoding, algorithm, ""), false},
		{"two of something", envelope(data, atomType, encoding, algorithm, "<data>AAAA</data>"+sig), false},
		{"many signatures", envelope(data, atomType, encoding, algorithm, strings.Repeat(sig, maxSignatures+1)), true},
		{"many comments", envelope(data, atomType, encoding, algorithm, strings.Repeat("<!---->", maxNodes)+sig), true},
		{"large entry", envelope(large, atomType, encoding, algorithm, sig), true},
		{"large body", envelope(data, atomType, encoding, algorithm, sig) + strings.Repeat(" ", MaxBody), true},
	}
	for _, tt := range tests {
		e, err := Parse([]byte(tt.body))
		if err == nil || e != nil || errors.Is(err, ErrTooLarge) != tt.tooLarge {
			t.Errorf("%s: %v, %v", tt.name, e, err)
		}
	}
	if _, err := Seal(make([]byte, MaxEntry+1), nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("sealing a large entry: %v", err)
	}
	broken := errors.New("broken")
	if _, err := Seal([]byte("x"), func([]byte) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("sealing without a key: %v", err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	key := mustKey(t, aliceKey)
	if got := FormatKey(key); got != aliceKey {
		t.Errorf("%s was read and written as %s", aliceKey, got)
	}
	for _, s := range []string{
		FormatKeyHref(key), "data:application/magic-public-key;" + aliceKey, "data:application/magic-public-key," + strings.ReplaceAll(aliceKey, "=", "%3D"),
		" " + aliceKey[:30] + "\n" + aliceKey[30:], strings.ReplaceAll(aliceKey, "=", ""),
		strings.NewReplacer("-", "+", "_", "/").Replace(aliceKey),
	} {
		if got := mustKey(t, s); !got.Equal(key) {
			t.Errorf("%s is another key", s)
		}
	}
	n := strings.Split(aliceKey, ".")[1]
	even := "RSA." + base64.URLEncoding.EncodeToString(append(bytes.Repeat([]byte{255}, 127), 254)) + ".AQAB"
	for _, s := range []string{
		"", "RSA", "DSA." + n + ".AQAB", "RSA." + n, "RSA." + n + ".AQAB.AQAB", "RSA.?.AQAB", "RSA." + n + ".?", "RSA..AQAB", "RSA." + n + ".",
		"RSA." + n + ".AQ==", "RSA." + n + ".Ag==", "RSA." + n + "._____w==", "RSA." + n[:100] + ".AQAB", even,
		"RSA." + strings.Repeat("_", 2000) + ".AQAB", strings.Repeat("R", maxKeyText+1), "data:application/magic-public-key", "data:application/magic-public-keyRSA." + n + ".AQAB",
		"data:text/plain," + aliceKey,
	} {
		if key, err := ParseKey(s); err == nil {
			t.Errorf("%.60q is the key %v", s, key)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"5-follow", "24-post-reply"} {
		f.Add(captured(f, name))
	}
	f.Add([]byte(envelope("PGVudHJ5Lz4", atomType, encoding, algorithm, "<sig>AA</sig>")))
	f.Add([]byte(`<!DOCTYPE a><a/>`))
	key := mustKey(f, aliceKey)
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := Parse(body)
		if (e == nil) == (err == nil) {
			t.Fatal(e, err)
		}
		if e != nil {
			if len(e.Entry) > MaxEntry || len(e.Entry) == 0 {
				t.Errorf("the entry has %d bytes", len(e.Entry))
			}
			_ = e.Verify(key)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(aliceKey)
	f.Add("data:application/magic-public-key;" + bobKey)
	f.Add("RSA.AQ.Aw")
	f.Fuzz(func(t *testing.T, s string) {
		key, err := ParseKey(s)
		if err != nil {
			return
		}
		if again, err := ParseKey(FormatKeyHref(key)); err != nil || !again.Equal(key) {
			t.Errorf("%q was read as %v, and what is written of it as %v, %v", s, key, again, err)
		}
	})
}

// BenchmarkVerify is what the signature of one message of a peer costs: reading its envelope, and a key of 1024 bits as GNU social has, or 2048 as we.
func BenchmarkVerify(b *testing.B) {
	body := captured(b, "24-post-reply")
	e, err := Parse(body)
	if err != nil {
		b.Fatal(err)
	}
	key, sign := newKey(b, 2048)
	ours, err := Seal(e.Entry, sign)
	if err != nil {
		b.Fatal(err)
	}
	run := func(body []byte, key *rsa.PublicKey) func(b *testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e, err := Parse(body)
				if err == nil {
					err = e.Verify(key)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("1024", run(body, mustKey(b, aliceKey)))
	b.Run("2048", run(ours, &key.PublicKey))
}

func BenchmarkSeal(b *testing.B) {
	e, err := Parse(captured(b, "24-post-reply"))
	if err != nil {
		b.Fatal(err)
	}
	_, sign := newKey(b, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Seal(e.Entry, sign); err != nil {
			b.Fatal(err)
		}
	}
}
