package doctor

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if f := Directory(dir); f.State == Wrong || !strings.Contains(f.Found, "has room for") {
		t.Errorf("got %+v", f)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	if f := Directory(filepath.Join(dir, "none")); f.State != Wrong || f.Fix == "" {
		t.Errorf("no directory: got %+v", f)
	}
	if f := Directory("/proc"); f.State != Wrong || !strings.Contains(f.Found, "cannot be written to") || f.Fix == "" {
		t.Errorf("one that nobody can write to: got %+v", f)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "p.db")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if f := Clock(now, true, name, name+".none"); f.State != OK {
		t.Errorf("got %+v", f)
	}
	if f := Clock(now, false, name); f.State != Note || f.Fix == "" {
		t.Errorf("nobody keeps it right: got %+v", f)
	}
	if f := Clock(now.Add(-time.Hour), true, name); f.State != Wrong || !strings.Contains(f.Found, name) || f.Fix == "" {
		t.Errorf("it goes wrong: got %+v", f)
	}
}

// TestCredential: a unit of the administrator's hides one of a package, and what changes it counts wherever it is.
func TestCredential(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(name, file string) {
		t.Helper()
		got, ok := Credential(root, "p.service", name)
		if got != file || ok != (file != "") {
			t.Errorf("%s: got %q, %t, want %q", name, got, ok, file)
		}
	}
	want("irc-secret", "")
	write("lib/systemd/system/p.service", "[Service]\nLoadCredential=irc-secret:/lib/irc\n#LoadCredential=not:/at/all\n")
	want("irc-secret", "/lib/irc")
	want("not", "")
	write("etc/systemd/system/p.service.d/mail.conf", "[Service]\nLoadCredential=mail-secret:/etc/mail\n")
	want("mail-secret", "/etc/mail")
	want("irc-secret", "/lib/irc")
	write("etc/systemd/system/p.service", "[Service]\nLoadCredential=irc-secret:/etc/irc\n")
	want("irc-secret", "/etc/irc")
}

func TestGreeting(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{"220 mx.example ESMTP\r\n": "", "554 go away\r\n": `"554"`, "": "says nothing"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if conn, err := l.Accept(); err == nil {
				_, _ = conn.Write([]byte(said))
				_ = conn.Close()
			}
		}()
		err = Greeting(t.Context(), l.Addr().String(), false, nil)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", said, err, want)
		}
		<-done
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := Port(t.Context(), l.Addr().String()); err == nil {
			t.Error("nobody listens any more, and that is well")
		}
	}
}

func TestEncrypted(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	if err := Encrypted(t.Context(), s.Listener.Addr().String(), nil); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody vouches for: got %v", err)
	}
	if err := Encrypted(t.Context(), s.Listener.Addr().String(), s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs); err != nil {
		t.Errorf("got %v", err)
	}
}
