// Package doctor is in charge of what an operator's machine can be asked without the running process: room on the disk and how fast it
// writes, the clock, what systemd hands over, and whether somebody answers at an address.
//
// It is not in charge of what the answers mean for a gateway, nor of the link to the XMPP server, which package component looks at.
package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// State is how something is.
type State string

// States. A note is about what works and could do more.
const (
	OK    State = "ok"
	Note  State = "note"
	Wrong State = "wrong"
)

// Finding is one thing that was looked at.
type Finding struct {
	About string `json:"about"` // such as the domain of a gateway
	State State  `json:"state"`
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"` // what to do about it
}

// answerTime is how long somebody may take to answer.
const answerTime = 10 * time.Second

// Room that a disk should have, in bytes.
const (
	littleRoom = 1 << 30
	noRoom     = 64 << 20
)

// slowSync is how long a write to the disk may take. Each thing that is written for good waits for one.
const slowSync = 50 * time.Millisecond

// Directory looks at the directory of the database: whether it can be written to, how fast, and how much room there is.
func Directory(dir string) (f Finding) {
	f = Finding{About: "data", State: Wrong}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		f.Found = fmt.Sprintf("%s cannot be looked at: %v", dir, err)
		f.Fix = "make the directory, owned by the user that passerelle runs as with mode 0700; the systemd unit does so when it starts"
		return f
	}
	took, err := syncTime(dir)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		f.Found, f.Fix = fmt.Sprintf("the disk of %s is full", dir), "make room: df -h "+dir
		return f
	case err != nil:
		f.Found = fmt.Sprintf("%s cannot be written to: %v", dir, err)
		f.Fix = "run this as root, or give the directory to the user that passerelle runs as; a file system that is read-only has to be mounted anew, see dmesg"
		return f
	}
	free := fs.Bavail * uint64(fs.Bsize)
	f.Found = fmt.Sprintf("%s has room for %s, and a write takes %s", dir, bytes(free), took.Round(100*time.Microsecond))
	switch {
	case free < noRoom:
		f.Fix = "make room: df -h " + dir
	case free < littleRoom:
		f.State, f.Fix = Note, "make room before it is full: df -h "+dir
	case took > slowSync:
		f.State, f.Fix = Note, "keep the database on a faster disk: everything that is kept waits for one such write"
	default:
		f.State = OK
	}
	return f
}

// bytes is a size for people.
func bytes(n uint64) string {
	if n < 10<<30 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d GiB", n>>30)
}

// syncTime is how long it takes to write a block to the disk of a directory, the middle one of some tries.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }() // it is empty of anything anybody needs
	var took [5]time.Duration
	for i := range took {
		begun := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took[i] = time.Since(begun)
		for j := i; j > 0 && took[j] < took[j-1]; j-- {
			took[j], took[j-1] = took[j-1], took[j]
		}
	}
	return took[len(took)/2], nil
}

// Clock compares the clock with when files were written, and asks the system whether something keeps it right. Certificates, codes and
// signatures on mail depend on it.
func Clock(now time.Time, synchronised bool, files ...string) Finding {
	f := Finding{About: "clock", State: OK, Found: now.UTC().Format("2006-01-02 15:04:05 MST")}
	for _, name := range files {
		if info, err := os.Stat(name); err == nil && info.ModTime().Sub(now) > time.Minute {
			f.State = Wrong
			f.Found = fmt.Sprintf("the clock says %s, and %s was written at %s", f.Found, name, info.ModTime().UTC().Format("2006-01-02 15:04:05"))
			f.Fix = "set the clock, and have it kept right: apt-get install systemd-timesyncd"
			return f
		}
	}
	if !synchronised {
		f.State, f.Found, f.Fix = Note, "nothing keeps the clock right, as the system says: "+f.Found, "apt-get install systemd-timesyncd (or chrony), unless the host of this machine does it"
	}
	return f
}

// Credential finds the file that systemd hands to the service as a credential, in the unit and what changes it (systemd.unit(5)). Root is
// where the file system begins.
func Credential(root, unit, name string) (file string, ok bool) {
	var units []string
	for _, dir := range []string{"etc", "run", "usr/local/lib", "usr/lib", "lib"} {
		units = append(units, filepath.Join(root, dir, "systemd/system", unit))
	}
	var texts []string
	for _, u := range units {
		if text, err := os.ReadFile(u); err == nil {
			texts = append(texts, string(text))
			break
		}
	}
	for _, u := range units {
		more, _ := filepath.Glob(u + ".d/*.conf") // the pattern is good
		for _, m := range more {
			if text, err := os.ReadFile(m); err == nil {
				texts = append(texts, string(text))
			}
		}
	}
	for _, text := range texts {
		for line := range strings.Lines(text) {
			if rest, is := strings.CutPrefix(strings.TrimSpace(line), "LoadCredential="); is {
				if id, path, _ := strings.Cut(rest, ":"); id == name {
					file, ok = path, true
				}
			}
		}
	}
	return file, ok
}

// Port says whether somebody listens at an address.
func Port(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Encrypted says whether a server at an address speaks TLS with a certificate for the name, as nil roots or these vouch for.
func Encrypted(ctx context.Context, address string, roots *x509.CertPool) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	d := tls.Dialer{Config: &tls.Config{ServerName: host, RootCAs: roots}}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Greeting says whether a mail server at an address greets (RFC 5321 §3.1). Roots are for one that speaks TLS from the first byte.
func Greeting(ctx context.Context, address string, encrypted bool, roots *x509.CertPool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var d interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	} = new(net.Dialer)
	if encrypted {
		d = &tls.Dialer{Config: &tls.Config{RootCAs: roots}}
	}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	code := make([]byte, 3)
	if _, err := io.ReadFull(conn, code); err != nil {
		return fmt.Errorf("it says nothing: %w", err)
	}
	if string(code) != "220" {
		return fmt.Errorf("it greets with %q, not with 220", code)
	}
	return nil
}

// Page says whether a page is there, and is what it should be.
func Page(ctx context.Context, url string, wanted func(status int, body string) error) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	return wanted(response.StatusCode, string(body))
}
