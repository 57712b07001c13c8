package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver of the gateway's database

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/freeport"
)

const (
	readyTime  = time.Minute           // from the start of the gateway until it has joined the XMPP server
	pollTime   = 20 * time.Millisecond // between two questions whether something is so yet
	maxKeptLog = 256 << 10             // bytes of the gateway's log that a failure can show
)

// build is where the program is, as it is delivered.
func build(t testing.TB) string {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// built builds it for the first who asks: linking it takes longer than most tests.
var built = sync.OnceValues(func() (string, error) {
	program := filepath.Join(buildDir(), "passerelle")
	if err := os.Mkdir(buildDir(), 0o700); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", program, "../cmd/passerelle")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the gateway: %w\n%s", err, out)
	}
	return program, nil
})

// buildDir is that of this process. TestMain removes it.
func buildDir() string { return filepath.Join(os.TempDir(), fmt.Sprintf("e2e-build-%d", os.Getpid())) }

// gateway is the built program between two servers.
type gateway struct {
	program string
	dir     string
	log     logBuffer
	process *realservers.Process // nil before the first start
}

// onPostgres has the gateway keep its data in a PostgreSQL database.
func (g *gateway) onPostgres(t testing.TB, url string) {
	t.Helper()
	g.configure(t, "[store]", "url_file = "+g.secret(t, "postgresql.url", url))
}

// secret writes a file for the configuration, and returns its name in quotes.
func (g *gateway) secret(t testing.TB, name, text string) string {
	t.Helper()
	file := filepath.Join(g.dir, name)
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return strconv.Quote(file)
}

// configure has a line in a table of the configuration.
func (g *gateway) configure(t testing.TB, table, line string) {
	t.Helper()
	if err := g.set(table, line); err != nil {
		t.Fatal(err)
	}
}

// set puts a line into a table of the configuration, in place of the one that has its key.
func (g *gateway) set(table, line string) error {
	config, err := os.ReadFile(g.config())
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(config), table+"\n")
	if !found {
		return fmt.Errorf("there is no %s in the configuration", table)
	}
	inside, after, more := strings.Cut(rest, "\n[")
	if more {
		after = "\n[" + after
	}
	key, _, _ := strings.Cut(line, "=")
	lines := slices.DeleteFunc(strings.Split(inside, "\n"), func(l string) bool {
		k, _, _ := strings.Cut(l, "=")
		return strings.TrimSpace(k) == strings.TrimSpace(key) && k != l
	})
	return os.WriteFile(g.config(), []byte(before+table+"\n"+line+"\n"+strings.Join(lines, "\n")+after), 0o600)
}

// reloaded finds in the log what became of a configuration that was read again.
var reloaded = regexp.MustCompile(`the configuration was read again|the configuration cannot be used`)

// reload has the gateway read its configuration again, and waits until it has.
func (g *gateway) reload(ctx context.Context) error {
	count := func() int { return len(reloaded.FindAllString(g.log.String(), -1)) }
	before := count()
	if err := syscall.Kill(g.process.Pid(), syscall.SIGHUP); err != nil {
		return err
	}
	return poll(ctx, func() error {
		if count() == before {
			return errors.New("the gateway has not read its configuration again")
		}
		return nil
	})
}

// bareGateway is a gateway without a configuration. Its end is the test's; where that has failed its log is shown under a name.
func bareGateway(t testing.TB, program, name string) *gateway {
	t.Helper()
	// Not t.TempDir, whose names are too long for a socket.
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{program: program, dir: dir}
	t.Cleanup(func() {
		if g.process != nil {
			g.process.Kill()
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the log of the gateway %s:\n%s", name, g.log.String())
		}
	})
	return g
}

// newGateway writes the configuration of a gateway to IRC.
func newGateway(t testing.TB, program string, s *servers) *gateway {
	t.Helper()
	g := bareGateway(t, program, "to IRC")
	network := fmt.Sprintf("addresses = [%q]\ntls = false", s.ircAddr)
	if s.ircTLS != nil {
		file := filepath.Join(g.dir, "authority.pem")
		if err := os.WriteFile(file, []byte(s.ircTLS.authority), 0o600); err != nil {
			t.Fatal(err)
		}
		network = fmt.Sprintf("addresses = [%q]\nca_file = %q", s.ircTLS.addr, file)
	}
	picture, err := filepath.Abs("../component/avatar/own.png")
	if err != nil {
		t.Fatal(err)
	}
	network += fmt.Sprintf("\navatar_file = %q", picture)
	g.write(t, fmt.Sprintf(`
[[irc]]
domain = %q
secret = %q
server = %q
admins = ["carol@localhost"]
deny_users = ["mallory@localhost"]
contact = ["xmpp:carol@localhost"]
burst = 0
connects_per_second = 0

[[irc.network]]
name = %q
%s

[store]
path = %q

[admin]
listen = %q

[web]
listen = %q
public_url = "http://%s"

[identd]

[log]
level = "debug"
identities = true
`, gatewayDomain, gatewaySecret, s.componentAddr, networkName, network, g.database(), "unix:"+g.socket(), "unix:"+g.webSocket(), front(t, g.webSocket())))
	return g
}

// write writes the configuration.
func (g *gateway) write(t testing.TB, config string) {
	t.Helper()
	if err := os.WriteFile(g.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ownGateway is a gateway that a test starts itself, for users of an XMPP server.
type ownGateway struct {
	*gateway
	t testing.TB
	s *servers
}

func (g *ownGateway) start() {
	g.t.Helper()
	if err := g.Restart(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
}

// client logs a user in, until the end of the test.
func (g *ownGateway) client(name string) xmppClient {
	g.t.Helper()
	c, err := g.s.login(g.t.Context(), name, "desk")
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (g *gateway) config() string    { return filepath.Join(g.dir, "passerelle.toml") }
func (g *gateway) database() string  { return filepath.Join(g.dir, "passerelle.db") }
func (g *gateway) socket() string    { return filepath.Join(g.dir, "admin.sock") }
func (g *gateway) webSocket() string { return filepath.Join(g.dir, "web.sock") }

// front stands before the gateway's public listener, as an operator's web server does, and gives its own address. The port is held for
// as long as the test runs: one that is only chosen for the gateway is somebody else's by the time it starts, now and then.
func front(t testing.TB, socket string) string {
	t.Helper()
	l, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	transport := dialSocket(socket)
	server := &http.Server{ReadHeaderTimeout: readyTime, Handler: &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "gateway"
			r.Out.Host = r.In.Host
		},
	}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-served); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		transport.CloseIdleConnections()
	})
	return l.Addr().String()
}

// dialSocket makes requests go to a socket, whatever their URLs say.
func dialSocket(path string) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
}

// Kill ends the gateway as a crash would.
func (g *gateway) Kill() { g.process.Kill() }

// Restart starts the gateway, after ending it in order if it runs, and waits until it is ready.
func (g *gateway) Restart(ctx context.Context) error {
	if g.process != nil {
		g.process.Stop()
	}
	var err error
	g.process, err = realservers.Spawn(exec.Command(g.program, "serve", "-config", g.config()), &g.log)
	if err != nil {
		return err
	}
	return g.awaitReady(ctx)
}

// awaitReady waits until the gateway says that it is ready.
func (g *gateway) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTime, errors.New("the gateway is not ready"))
	defer cancel()
	transport := dialSocket(g.socket())
	defer transport.CloseIdleConnections()
	return poll(ctx, func() error {
		select {
		case <-g.process.Done():
			return fmt.Errorf("%w: the gateway ended", errFinal)
		default:
			return ready(ctx, &http.Client{Transport: transport})
		}
	})
}

// remembers fails unless the gateway's database has that many clients in rooms. Nothing else shows when a join is on the disk,
// since no traffic waits for that.
func (g *gateway) remembers(ctx context.Context, want string) error {
	db, err := sql.Open("sqlite", "file:"+g.database()+"?mode=ro")
	if err != nil {
		return err
	}
	var got string
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM occupancies").Scan(&got)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the gateway remembers %s clients in rooms, not %s", got, want)
	}
	return nil
}

// ages makes what is in the database older by some days: messages, and when users were seen. The gateway must not run.
func (g *gateway) ages(ctx context.Context, days string) error {
	db, err := sql.Open("sqlite", g.database())
	if err != nil {
		return err
	}
	for _, column := range [][2]string{
		{"archive_lines", "time"}, {"archives", "last_time"}, {"users", "last_seen"}, {"idle", "acted"}, {"idle", "warned"},
	} {
		if _, err := db.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET %s = %[2]s - $1 * 86400000", column[0], column[1]), days); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	return db.Close()
}

// ready asks the gateway whether it has joined the XMPP server.
func ready(ctx context.Context, c *http.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://gateway/readyz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(body)))
	}
	return nil
}

// errFinal says that asking again is of no use.
var errFinal = errors.New("for good")

// poll asks until there is no error, or it is final, or ctx ends.
func poll(ctx context.Context, ask func() error) error {
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil || errors.Is(err, errFinal) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// logBuffer keeps the end of what is written. It is safe to use from any goroutine.
type logBuffer struct {
	mu   sync.Mutex
	kept []byte
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = append(b.kept, p...)
	if extra := len(b.kept) - maxKeptLog; extra > 0 {
		b.kept = append(b.kept[:0], b.kept[extra:]...)
	}
	return len(p), nil
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.kept)
}
