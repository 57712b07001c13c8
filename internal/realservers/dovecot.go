package realservers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"passerelle/internal/realservers/freeport"
)

// DovecotOptions say how Dovecot is set up.
type DovecotOptions struct {
	Users map[string]string // passwords by address
	Log   io.Writer         // what it writes, if not nil; used by another goroutine
}

// Dovecot keeps the mailboxes of people. Its methods are safe to call from any goroutine.
type Dovecot struct {
	life

	LMTP string // where it takes mail for them
	IMAP string // where they read it, without TLS

	users map[string]string
}

// StartDovecot starts a server and returns once it listens. ctx bounds the start, not the server's life: Stop ends it. The error is
// exec.ErrNotFound if Dovecot is not installed. Only root can start it.
func StartDovecot(ctx context.Context, o DovecotOptions) (*Dovecot, error) {
	command, err := program("dovecot")
	if err != nil {
		return nil, fmt.Errorf("start dovecot: %w", err)
	}
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("start dovecot: only root can: %w", exec.ErrNotFound)
	}
	d := &Dovecot{users: o.Users}
	d.life = life{name: "dovecot", log: o.Log, listen: []*string{&d.LMTP, &d.IMAP}, prepare: func() (launch, error) { return d.launch(command) }}
	if err := d.begin(ctx, ""); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Dovecot) launch(command string) (launch, error) {
	if err := os.Chmod(d.dir, 0o755); err != nil { // its programs run as several users
		return launch{}, err
	}
	var passwords strings.Builder
	for _, name := range slices.Sorted(maps.Keys(d.users)) {
		fmt.Fprintf(&passwords, "%s:{PLAIN}%s::::::\n", name, d.users[name])
	}
	for name, text := range map[string]string{
		"passwd": passwords.String(), "dovecot.conf": fmt.Sprintf(dovecotConfig, d.dir, freeport.Port(d.IMAP), freeport.Port(d.LMTP)),
	} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644); err != nil {
			return launch{}, err
		}
	}
	for _, name := range []string{"run", "state", "mail"} {
		if err := os.MkdirAll(filepath.Join(d.dir, name), 0o755); err != nil {
			return launch{}, err
		}
	}
	owner, err := user.Lookup(nobody)
	if err != nil {
		return launch{}, err
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err == nil {
		err = os.Chown(filepath.Join(d.dir, "mail"), uid, -1)
	}
	if err != nil {
		return launch{}, err
	}
	return launch{
		cmd:   exec.Command(command, "-F", "-c", filepath.Join(d.dir, "dovecot.conf")),
		ready: []string{"starting up"}, busy: "address already in use", addrs: []string{d.LMTP, d.IMAP},
	}, nil
}

// Inbox reads all mails of a user, the oldest first, as he would (RFC 9051).
func (d *Dovecot) Inbox(ctx context.Context, name string) ([]string, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", d.IMAP)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := fmt.Fprintf(conn, "1 LOGIN %q %q\r\n2 SELECT INBOX\r\n3 FETCH 1:* BODY.PEEK[]\r\n4 LOGOUT\r\n", name, d.users[name]); err != nil {
		return nil, err
	}
	var mails []string
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("read the mailbox of %s: %w", name, err)
		}
		line = strings.TrimRight(line, "\r\n")
		switch tag, rest, _ := strings.Cut(line, " "); {
		case tag == "4":
			return mails, nil
		case (tag == "1" || tag == "2") && !strings.HasPrefix(rest, "OK"):
			return nil, fmt.Errorf("read the mailbox of %s: %s", name, rest)
		case tag == "*" && strings.HasSuffix(rest, "}"): // a literal
			n, err := strconv.Atoi(rest[strings.LastIndexByte(rest, '{')+1 : len(rest)-1])
			if err != nil {
				return nil, fmt.Errorf("read the mailbox of %s: %w", name, err)
			}
			mail := make([]byte, n)
			if _, err := io.ReadFull(r, mail); err != nil {
				return nil, fmt.Errorf("read the mailbox of %s: %w", name, err)
			}
			mails = append(mails, string(mail))
		}
	}
}

// dovecotConfig takes the folder and the ports of IMAP and LMTP.
const dovecotConfig = `# written by a test
base_dir = %[1]s/run
state_dir = %[1]s/state
instance_name = test
log_path = /dev/stderr
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
first_valid_uid = 65534
first_valid_gid = 65534
mail_location = maildir:%[1]s/mail/%%u
mail_fsync = always
postmaster_address = postmaster@test.example
protocol lmtp {
  auth_username_format = %%u
}
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%%u %[1]s/passwd
}
userdb {
  driver = passwd-file
  args = username_format=%%u %[1]s/passwd
  override_fields = uid=65534 gid=65534 home=%[1]s/mail/%%u
}
namespace inbox {
  inbox = yes
  separator = /
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    port = %[2]s
  }
  inet_listener imaps {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = %[3]s
  }
}
`
