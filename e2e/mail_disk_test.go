package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
)

// smallDisk is a disk of its own: in a file, or where no loop devices are in memory, and then it cannot break.
type smallDisk struct {
	t           testing.TB
	image, path string
	breaks      bool
}

// newSmallDisk makes and mounts one, for which a test has to be root.
func newSmallDisk(t testing.TB, mebibytes int64) *smallDisk {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a real disk, and -short is set")
	}
	dir, err := os.MkdirTemp("", "disk-")
	if err != nil {
		t.Fatal(err)
	}
	d := &smallDisk{t: t, image: filepath.Join(dir, "image"), path: filepath.Join(dir, "disk")}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, mebibytes<<20), os.Mkdir(d.path, 0o700)); err != nil {
		t.Fatal(err)
	}
	run := func(command ...string) error {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%q: %w: %s", command, err, out)
		}
		return nil
	}
	err = run("mkfs.ext4", "-q", "-m", "0", d.image)
	if err == nil {
		err = run("mount", "-o", "loop", d.image, d.path)
	}
	if d.breaks = err == nil; !d.breaks {
		t.Logf("the disk is in memory: %v", err)
		if err := run("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", mebibytes), "tmpfs", d.path); err != nil {
			realtest.Missing(t, fmt.Errorf("no disk can be made here: %w", err))
		}
	}
	t.Cleanup(func() { d.run("umount", d.path) })
	return d
}

func (d *smallDisk) run(name string, args ...string) {
	d.t.Helper()
	if out, err := exec.CommandContext(context.WithoutCancel(d.t.Context()), name, args...).CombinedOutput(); err != nil {
		d.t.Errorf("%s %q: %v: %s", name, args, err, out)
	}
}

// fill leaves no room on it. The function that it returns makes room again.
func (d *smallDisk) fill() (free func()) {
	d.t.Helper()
	filler := filepath.Join(d.path, "filler")
	f, err := os.Create(filler)
	if err != nil {
		d.t.Fatal(err)
	}
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	if err := f.Close(); err != nil {
		d.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(filler); err != nil {
			d.t.Error(err)
		}
	}
}

// offer hands over a mail once, and returns the answer: 250 where it was taken.
func (m *mailGateway) offer(text string) (code int, said string) {
	m.t.Helper()
	return m.offerTo("alice@example.org", text)
}

// offerTo is offer for somebody else.
func (m *mailGateway) offerTo(to, text string) (code int, said string) {
	m.t.Helper()
	c, err := m.putFor(to, text)
	if err == nil {
		code, said, err = c.ReadResponse(250)
		err = errors.Join(err, c.Close())
	}
	if refusal, ok := errors.AsType[*textproto.Error](err); ok {
		return refusal.Code, refusal.Msg
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return code, said
}

// TestMailDiskTrouble: mail that the database has no room for is refused for a time, and so is all while it cannot be written. What was taken
// comes, and so does what is brought again once there is room.
func TestMailDiskTrouble(t *testing.T) {
	t.Parallel()
	disk := newSmallDisk(t, 24)
	m := newMailGateway(t, build(t), xmppServer(t, "prosody", false), `strangers = "pass"`)
	m.configure(t, "[store]", "path = "+strconv.Quote(filepath.Join(disk.path, "passerelle.db")))
	m.start()
	alice := m.client("alice")
	in := newInbox(t, alice)
	var taken []string
	// bring brings mails until one is refused.
	bring := func(when string, code int, said string) {
		t.Helper()
		for i := range 1000 {
			text := fmt.Sprintf("%s %d", when, i)
			switch got, answer := m.offer(text); {
			case got == 250:
				taken = append(taken, text)
			case got != code || !strings.HasPrefix(answer, said):
				t.Fatalf("%s: the answer is %d %s, want %d %s", text, got, answer, code, said)
			default:
				return
			}
		}
		t.Fatalf("%s: all mails were taken", when)
	}
	m.deliver("first")
	taken = append(taken, "first")
	free := disk.fill()
	bring("full", 452, "4.3.1")
	sendStanza(t, alice, `<message type='chat' id='out' to='`+julietAtGateway+`'><body>Is anybody there?</body></message>`)
	await(t, alice, "the error for what cannot be written down", func(e *xmpptest.Element) bool {
		if text := body(e); e.Get("type") != "error" && text != "" {
			in.note(e, text)
		}
		return e.Get("type") == "error" && e.Get("id") == "out"
	})
	free()
	m.deliver("room")
	taken = append(taken, "room")
	in.until("room")
	if !strings.Contains(m.log.String(), "the disk of the database is full") {
		t.Error("the log does not say that the disk is full")
	}

	if !disk.breaks {
		in.check(taken)
		realtest.Missing(t, errors.New("no loop device, so no disk that breaks"))
	}
	disk.run("mount", "-o", "remount,abort", disk.path) // which is what the kernel does after an error of the disk
	bring("broken", 451, "4.3.2")
	m.awaitLog("the database cannot be written")
	m.Kill()
	disk.run("umount", disk.path)
	if out, err := exec.CommandContext(t.Context(), "e2fsck", "-fy", disk.image).CombinedOutput(); err != nil {
		t.Logf("e2fsck: %v: %s", err, out) // 1 says that it has mended something
	}
	disk.run("mount", "-o", "loop", disk.image, disk.path)
	m.start()
	m.deliver("mended")
	in.until("mended")
	in.check(taken)
}
