package scram

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"strings"
	"testing"
)

// The examples of RFC 5802 §5 and RFC 7677 §3.
func TestScramVectors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hash                                            func() hash.Hash
		nonce, first, serverFirst, final, server, wrong string
	}{
		"SCRAM-SHA-1": {
			sha1.New, "fyko+d2lbbFgONRv9qkxdawL", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
			"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
			"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
			"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", "v=RmF9pqV8S7suAoZWja4dJRkFsKQ=",
		},
		"SCRAM-SHA-256": {
			sha256.New, "rOprNGfwEbeRWgbNEkqO", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
			"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
			"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		},
	} {
		for _, server := range []string{tc.server, tc.wrong} {
			m := New(tc.hash, "user", "pencil", Binding{})
			m.nonce = tc.nonce
			if got, err := m.Respond(nil); err != nil || string(got) != tc.first || m.Judged() {
				t.Errorf("%s: got %q, error %v, judged %t, want %q", name, got, err, m.Judged(), tc.first)
			}
			if got, err := m.Respond([]byte(tc.serverFirst)); err != nil || string(got) != tc.final || !m.Judged() {
				t.Errorf("%s: got %q, error %v, judged %t, want %q", name, got, err, m.Judged(), tc.final)
			}
			if m.Complete() {
				t.Errorf("%s: complete before the server proved anything", name)
			}
			got, err := m.Respond([]byte(server))
			if right := server == tc.server; len(got) > 0 || right != (err == nil) || right != m.Complete() || !right && !errors.Is(err, ErrServer) {
				t.Errorf("%s: got %q, error %v, complete %t for %s", name, got, err, m.Complete(), server)
			}
		}
	}
}

func TestScramRefusesBadServers(t *testing.T) {
	t.Parallel()
	const salt = ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i="
	for name, first := range map[string]string{
		"empty":              "",
		"no iterations":      "r=NONCEserver,s=W22ZaJ0SNY7soEsUEjb6gQ==",
		"another nonce":      "r=serverNONCE" + salt + "4096",
		"nothing added":      "r=NONCE" + salt + "4096",
		"mandatory":          "m=x,r=NONCEserver" + salt + "4096",
		"order":              "s=W22ZaJ0SNY7soEsUEjb6gQ==,r=NONCEserver,i=4096",
		"no salt":            "r=NONCEserver,s=,i=4096",
		"bad salt":           "r=NONCEserver,s=!,i=4096",
		"few iterations":     "r=NONCEserver" + salt + "4095",
		"many iterations":    "r=NONCEserver" + salt + "500001",
		"far too many":       "r=NONCEserver" + salt + "99999999999999999999",
		"negative":           "r=NONCEserver" + salt + "-4096",
		"refused too early":  "e=unknown-user",
		"binary":             "r=NONCEserver\x00\xff",
		"the second message": "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
	} {
		m := New(sha256.New, "user", "pencil", Binding{})
		m.nonce = "NONCE"
		if _, err := m.Respond(nil); err != nil {
			t.Fatal(err)
		}
		if got, err := m.Respond([]byte(first)); err == nil || len(got) > 0 {
			t.Errorf("%s: got %q and no error", name, got)
		}
	}
	for _, final := range []string{"", "x", "v=", "v=!", "v=AAAA", "e=invalid-proof", "e="} {
		m := New(sha256.New, "user", "pencil", Binding{})
		m.nonce = "NONCE"
		for _, challenge := range []string{"", "r=NONCEserver" + salt + "4096"} {
			if _, err := m.Respond([]byte(challenge)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := m.Respond([]byte(final))
		if _, refusal := errors.AsType[Refusal](err); err == nil || m.Complete() || refusal != strings.HasPrefix(final, "e=") {
			t.Errorf("%q: got error %v, complete %t", final, err, m.Complete())
		}
	}
}

// What ties the exchange to its encryption is in the first message and, whole, in the proof's (RFC 5802 §6).
func TestBinding(t *testing.T) {
	t.Parallel()
	for want, b := range map[string]Binding{
		"n,,":                          {},
		"y,,":                          {Unoffered: true},
		"p=tls-exporter,,\x00\xffdata": {Type: "tls-exporter", Data: []byte("\x00\xffdata")},
	} {
		m := New(sha256.New, "user", "pencil", b)
		first, err := m.Respond(nil)
		header := want[:strings.Index(want, ",,")+2]
		if err != nil || !strings.HasPrefix(string(first), header+"n=user,r=") {
			t.Errorf("%q: got %q, error %v", want, first, err)
		}
		final, err := m.Respond([]byte("r=" + m.nonce + "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"))
		if prefix := "c=" + base64.StdEncoding.EncodeToString([]byte(want)) + ",r=" + m.nonce + "x,p="; err != nil || !strings.HasPrefix(string(final), prefix) {
			t.Errorf("%q: got %q, error %v, want %q before the proof", want, final, err, prefix)
		}
	}
}

// A server's challenge must never make us talk on as if all was well.
func FuzzScram(f *testing.F) {
	f.Add("", "r=NONCEserver,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
	f.Add("x", "r=NONCE,s=,i=", "e=other-error")
	f.Add("", "r=NONCEserver,s=AA==,i=0004096,x=y", "v=")
	f.Fuzz(func(t *testing.T, first, second, third string) {
		if strings.Contains(second, "i=") && !strings.Contains(second, "i=4096") {
			return // deriving keys is not what is looked at
		}
		m := New(sha256.New, "user", "pencil", Binding{})
		m.nonce = "NONCE"
		for _, challenge := range []string{first, second, third} {
			got, err := m.Respond([]byte(challenge))
			if err != nil && len(got) > 0 {
				t.Errorf("%q is answered with %q in spite of %v", challenge, got, err)
			}
			if err != nil {
				break
			}
		}
		if m.Complete() {
			t.Errorf("%q passed as the signature of a server that does not know the password", third)
		}
	})
}

func TestSASLPrep(t *testing.T) {
	t.Parallel()
	// RFC 4013 §3.
	for in, want := range map[string]string{
		"I\u00adX": "IX", "user": "user", "USER": "USER", "\u00aa": "a", "\u2168": "IX", "a\u00a0b": "a b", "e\u0301": "\u00e9",
	} {
		if got := saslPrep(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	m := New(sha256.New, "a=b,c", "x", Binding{})
	if got, err := m.Respond(nil); err != nil || !strings.HasPrefix(string(got), "n,,n=a=3Db=2Cc,r=") {
		t.Errorf("got %q, error %v", got, err)
	}
}
