package ircbridge

import (
	"crypto/sha1"
	"crypto/sha256"
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
			m := newScram(tc.hash, "user", "pencil")
			m.nonce = tc.nonce
			if got, err := m.respond(nil); err != nil || string(got) != tc.first || m.judged() {
				t.Errorf("%s: got %q, error %v, judged %t, want %q", name, got, err, m.judged(), tc.first)
			}
			if got, err := m.respond([]byte(tc.serverFirst)); err != nil || string(got) != tc.final || !m.judged() {
				t.Errorf("%s: got %q, error %v, judged %t, want %q", name, got, err, m.judged(), tc.final)
			}
			if m.complete() {
				t.Errorf("%s: complete before the server proved anything", name)
			}
			got, err := m.respond([]byte(server))
			if right := server == tc.server; len(got) > 0 || right != (err == nil) || right != m.complete() || !right && !errors.Is(err, errScramServer) {
				t.Errorf("%s: got %q, error %v, complete %t for %s", name, got, err, m.complete(), server)
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
		m := newScram(sha256.New, "user", "pencil")
		m.nonce = "NONCE"
		if _, err := m.respond(nil); err != nil {
			t.Fatal(err)
		}
		if got, err := m.respond([]byte(first)); err == nil || len(got) > 0 {
			t.Errorf("%s: got %q and no error", name, got)
		}
	}
	for _, final := range []string{"", "x", "v=", "v=!", "v=AAAA", "e=invalid-proof", "e="} {
		m := newScram(sha256.New, "user", "pencil")
		m.nonce = "NONCE"
		for _, challenge := range []string{"", "r=NONCEserver" + salt + "4096"} {
			if _, err := m.respond([]byte(challenge)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := m.respond([]byte(final))
		if _, refusal := errors.AsType[scramError](err); err == nil || m.complete() || refusal != strings.HasPrefix(final, "e=") {
			t.Errorf("%q: got error %v, complete %t", final, err, m.complete())
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
		m := newScram(sha256.New, "user", "pencil")
		m.nonce = "NONCE"
		for _, challenge := range []string{first, second, third} {
			got, err := m.respond([]byte(challenge))
			if err != nil && len(got) > 0 {
				t.Errorf("%q is answered with %q in spite of %v", challenge, got, err)
			}
			if err != nil {
				break
			}
		}
		if m.complete() {
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
	m := newScram(sha256.New, "a=b,c", "x")
	if got, err := m.respond(nil); err != nil || !strings.HasPrefix(string(got), "n,,n=a=3Db=2Cc,r=") {
		t.Errorf("got %q, error %v", got, err)
	}
}
