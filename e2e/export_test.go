package e2e

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Where the gateway has no web pages that are safe, a user's export goes to the upload service of his own server, and he gets the link. The
// operator has it in a file that only he may read.
func TestExportWithoutPages(t *testing.T) {
	onEachServer(t, exportWithoutPages)
}

func exportWithoutPages(t *testing.T, program string, s *servers) {
	g := newGateway(t, program, s)
	config, err := os.ReadFile(g.config())
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(config), `public_url = "http://127.0.0.1:`, `public_url = "http://gateway.example:`, 1) // read by everybody on the way
	if err := os.WriteFile(g.config(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := g.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	defer cancel()
	alice, err := s.login(ctx, "alice", "home")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = alice.Close() }()
	hear := func(part string) string {
		t.Helper()
		for {
			e, err := alice.Receive(ctx)
			if err != nil {
				t.Fatalf("no message with %q: %v", part, err)
			}
			if said := e.String(); strings.Contains(said, part) {
				return said
			}
		}
	}
	send := func(stanza string) {
		t.Helper()
		if err := alice.Send(ctx, stanza); err != nil {
			t.Fatal(err)
		}
	}
	room := "#go%" + networkName + "@" + gatewayDomain
	send("<presence to='" + room + "/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	hear("<subject")
	send("<message type='groupchat' to='" + room + "' id='m1'><body>to be exported</body></message>")
	hear("to be exported")
	send("<message type='chat' to='help@" + gatewayDomain + "'><body>export</body></message>")
	found := bodyLink.FindStringSubmatch(hear("Everything that is kept about you: "))
	if found == nil {
		t.Fatal("there is no link")
	}
	response, err := http.Get(found[1])
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	wantExport := func(data []byte) {
		t.Helper()
		if said, err := unpack(data); err != nil || !strings.Contains(string(said), "<alice> to be exported") {
			t.Errorf("%v:\n%s", err, said)
		}
	}
	wantExport(data)

	file := filepath.Join(t.TempDir(), "alice.zip")
	if out, err := exec.CommandContext(ctx, program, "user", "export", "alice@localhost", "-o", file, "-config", g.config()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if data, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	wantExport(data)
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); err != nil || len(left) != 1 {
		t.Errorf("beside it are %q, %v", left, err)
	}
}
