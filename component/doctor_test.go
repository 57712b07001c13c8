package component

import (
	"path/filepath"
	"strings"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/transports"
)

// diagnosed is what the command doctor says, a row a line.
func (w *world) diagnosed() string {
	w.t.Helper()
	out, err := w.gateway.Operate(w.t.Context(), transports.Operation{Command: "doctor", Max: 100})
	if err != nil || out.Table == nil {
		w.t.Fatalf("doctor: %+v, %v", out, err)
	}
	var lines []string
	for _, r := range out.Table.Rows {
		lines = append(lines, strings.Join(r.Cells, " | "))
	}
	return strings.Join(lines, "\n")
}

// wantDiagnosis wants these parts in what the command doctor says, one after the other.
func (w *world) wantDiagnosis(parts ...string) {
	w.t.Helper()
	said := w.diagnosed()
	rest := said
	for _, p := range parts {
		_, after, ok := strings.Cut(rest, p)
		if !ok {
			w.t.Errorf("want %q in:\n%s", p, said)
			continue
		}
		rest = after
	}
}

// TestDoctorWithoutServer: what is wrong with the link is said, with what the log advises.
func TestDoctorWithoutServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Secret = "another" })
	w.logged("refused the secret")
	w.wantDiagnosis("wrong | there is no connection to the XMPP server ", "make the secret here equal to component_secret of Component \"irc.localhost\"")
}

// TestDoctorProsody: what the server lets the gateway, what is lost without, and the lines that mend it.
func TestDoctorProsody(t *testing.T) {
	t.Parallel()
	p := realtest.Prosody(t, realservers.ProsodyOptions{Uploads: 1 << 20, Components: []realservers.Component{
		{Domain: testDomain, Secret: "s3cret"}, {Domain: "trusted.localhost", Secret: "s3cret", Privileged: true},
	}})
	at := func(domain, users string) *world {
		w := newWorld(t, func(o *Options) {
			o.Server, o.Domain, o.OwnDomains = p.ComponentAddr, domain, []string{users}
			o.Store = openStore(t, filepath.Join(t.TempDir(), "p.db"))
		})
		w.logged("connected to the XMPP server")
		return w
	}
	at(testDomain, "localhost").wantDiagnosis("ok | connected to the XMPP server", "ok | the users are those of localhost: Prosody 0.",
		"note | localhost does not let the gateway everything (XEP-0356). Without contact lists: ", "bookmarks: ", "messages: ",
		`privileged_entities = { ["irc.localhost"] = { roster = "both", message = "outgoing", iq = { ["http://jabber.org/protocol/pubsub"] = "both" } } }`,
		"ok | files for users go to ")
	w := at("trusted.localhost", "localhost")
	for !w.gateway.grants.known("localhost") { // it comes behind the handshake
		if err := w.gateway.ping(t.Context(), w.gateway.domain, w.gateway.domain, testWait); err != nil {
			t.Fatal(err)
		}
	}
	w.wantDiagnosis("ok | localhost lets the gateway do for its users what it needs")
	at(testDomain, "elsewhere.invalid").wantDiagnosis("wrong | the XMPP server knows no domain elsewhere.invalid", "own_domains in the table [files]")
}

// TestDoctorEjabberd: an old one is not to be set up with privileges that do harm there.
func TestDoctorEjabberd(t *testing.T) {
	t.Parallel()
	e := realtest.Ejabberd(t, realservers.EjabberdOptions{Components: []realservers.Component{{Domain: testDomain, Secret: "s3cret"}}})
	w := newWorld(t, func(o *Options) { o.Server, o.OwnDomains = e.ComponentAddr, []string{"localhost"} })
	w.logged("connected to the XMPP server")
	w.wantDiagnosis("ok | the users are those of localhost: ejabberd 23.", "note | localhost does not let the gateway everything",
		"leave it at that with ejabberd 23.", "note | localhost has no upload service", "listen and public_url in the table [web]")
}

func TestAtLeast(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"23.01": false, "23.1-1": false, "24.12": false, "25.03": true, "25.3": true, "25.02": false, "26.01-2~deb": true, "": true, "trunk": true,
	} {
		if got := atLeast(version, 25, 3); got != want {
			t.Errorf("%q: got %t, want %t", version, got, want)
		}
	}
}
