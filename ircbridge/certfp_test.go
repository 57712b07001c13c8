package ircbridge

import (
	"context"
	"crypto/x509"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/transports"
)

// netWithServices is InspIRCd with Atheme, and a transport whose users reach it by TLS. Liddell's account is there, with the password sesame.
type netWithServices struct {
	server   *realservers.Inspircd
	services *realservers.Atheme
	owner    *ircd.Peer // liddell, logged in
	set      *memorySettings
	tr       *Transport
}

func withServices(t *testing.T, o realservers.InspircdOptions, so realservers.AthemeOptions) *netWithServices {
	t.Helper()
	o.Services, o.TLS = true, true
	server := realtest.Inspircd(t, o)
	so.Server = server
	services := realtest.Atheme(t, so)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(server.Authority))
	n := &netWithServices{server: server, services: services, owner: onNetwork(t, server.Addr, "liddell"), set: &memorySettings{}}
	n.owner.Send(t, "PRIVMSG NickServ :REGISTER sesame liddell@example.org")
	n.owner.Expect(t, "NOTICE liddell :")
	n.tr = newTransport(t, Options{Networks: []Network{{ID: testNet, Addresses: []string{server.TLSAddr}, RootCAs: roots}}, Settings: n.set})
	return n
}

// onNetwork is somebody on a real network.
func onNetwork(t *testing.T, addr, nick string) *ircd.Peer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the test may have closed it
	p := ircd.NewPeer(conn)
	p.Send(t, "NICK "+nick, "USER "+nick+" 0 * :"+nick)
	p.Expect(t, " 422 ") // no message of the day
	return p
}

// run runs a command for alice, and gives what she is told in the end.
func run(t *testing.T, tr *Transport, name string, values map[string]string) string {
	t.Helper()
	said := make(chan string, 1)
	call := transports.Call{
		User: alice, On: transports.Target{Kind: transports.TargetNetwork, Network: testNet}, Values: transports.Values{},
		Tell: func(s string) { said <- s },
	}
	for field, value := range values {
		call.Values[field] = []string{value}
	}
	commands := tr.Commands()
	i := slices.IndexFunc(commands, func(c transports.Command) bool { return c.Name == name })
	now, err := commands[i].Run(context.Background(), call)
	if err != nil {
		return err.Error()
	}
	if !strings.Contains(now, "You get a message") {
		return now
	}
	select {
	case s := <-said:
		return s
	case <-time.After(60 * time.Second):
		t.Fatalf("%s came to no end", name)
		return ""
	}
}

// has is what alice has set.
func (n *netWithServices) has(t *testing.T) map[string]string {
	t.Helper()
	set, err := n.set.Load(context.Background(), alice, Scope(testNet))
	if err != nil {
		t.Fatal(err)
	}
	return maps.Clone(set)
}

func wantSaid(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("got %q, want %q in it", got, part)
		}
	}
}

// prints are the fingerprints that liddell's account has.
func (n *netWithServices) prints(t *testing.T) []string {
	t.Helper()
	n.owner.Send(t, "PRIVMSG NickServ :CERT LIST")
	n.owner.Expect(t, "Fingerprint list for")
	var all []string
	for {
		line := n.owner.Expect(t, "NOTICE liddell")
		_, print, listed := strings.Cut(line, ":- ")
		if !listed {
			return all
		}
		all = append(all, print)
	}
}

// account is that which somebody on the network is logged in to.
func (n *netWithServices) account(t *testing.T, nick string) string {
	t.Helper()
	n.owner.Send(t, "WHOIS "+nick)
	account := ""
	for {
		line := n.owner.Expect(t, " liddell "+nick+" ")
		f := strings.Fields(line)
		switch f[1] {
		case "330":
			account = f[4]
		case "318":
			return account
		}
	}
}

// A certificate takes the place of a password by one command, is replaced by the next, and is removed again. At each step what is set is a
// login that works.
func TestCertificateAtRealServices(t *testing.T) {
	t.Parallel()
	n := withServices(t, realservers.InspircdOptions{}, realservers.AthemeOptions{})
	said := run(t, n.tr, "certfp", map[string]string{"action": "new", "account": "liddell", "password": "open"})
	wantSaid(t, said, "your login there is as it was", "refuses the password of account liddell")
	if set := n.has(t); set[SettingAccountPassword] != "" || set[SettingCertificate] != "" || set[SettingNewCertificate] == "" {
		t.Errorf("after a wrong password %v are set", slices.Sorted(maps.Keys(set)))
	}

	said = run(t, n.tr, "certfp", map[string]string{"action": "new", "account": "liddell", "password": "sesame"})
	wantSaid(t, said, "let you in as account liddell with a certificate alone", "The fingerprint of your certificate")
	first := n.has(t)
	if got := slices.Sorted(maps.Keys(first)); !slices.Equal(got, []string{SettingAccount, SettingCertificate, SettingPrint}) {
		t.Errorf("%v are set", got)
	}
	if got := n.prints(t); !slices.Equal(got, []string{first[SettingPrint]}) {
		t.Errorf("the account has %q, want %q", got, first[SettingPrint])
	}
	s, h := open(t, n.tr, alice)
	enter(t, s, h, "#test", "alice")
	if got := n.account(t, "alice"); got != "liddell" {
		t.Errorf("logged in to %q", got)
	}

	said = run(t, n.tr, "certfp", map[string]string{"action": "new"})
	wantSaid(t, said, "with a certificate alone")
	second := n.has(t)
	if second[SettingCertificate] == first[SettingCertificate] || second[SettingPrint] == first[SettingPrint] {
		t.Error("the certificate was not replaced")
	}
	if got := n.prints(t); !slices.Equal(got, []string{second[SettingPrint]}) {
		t.Errorf("the account has %q, want %q", got, second[SettingPrint])
	}

	leaf, err := leafOf(second[SettingCertificate])
	if err != nil {
		t.Fatal(err)
	}
	wantSaid(t, run(t, n.tr, "certfp", map[string]string{"action": "show"}), writeFingerprint(leaf))
	second[SettingAccountPassword] = "open"
	n.set.set(second)
	wantSaid(t, run(t, n.tr, "certfp", map[string]string{"action": "off"}), "are as they were", "refuses the password")
	if set := n.has(t); !maps.Equal(set, second) {
		t.Errorf("a wrong password changed what is set: %v", slices.Sorted(maps.Keys(set)))
	}
	wantSaid(t, run(t, n.tr, "login", map[string]string{"account": "liddell", "password": "sesame"}), "let you in as account liddell")
	wantSaid(t, run(t, n.tr, "certfp", map[string]string{"action": "off"}), "is removed", "password of account liddell")
	if set, want := n.has(t), map[string]string{SettingAccount: "liddell", SettingAccountPassword: "sesame"}; !maps.Equal(set, want) {
		t.Errorf("%v are set", slices.Sorted(maps.Keys(set)))
	}
	if got := n.prints(t); len(got) > 0 {
		t.Errorf("the account still has %q", got)
	}
}

// A fingerprint that is somebody else's is not taken, and not tried again.
func TestCertificateOfSomebodyElse(t *testing.T) {
	t.Parallel()
	n := withServices(t, realservers.InspircdOptions{}, realservers.AthemeOptions{})
	pem, leaf := madeCertificate(t)
	n.set.set(map[string]string{SettingAccount: "dinah", SettingAccountPassword: "milk", SettingNewCertificate: pem})
	n.owner.Send(t, "PRIVMSG NickServ :CERT ADD "+prints[0](leaf))
	n.owner.Expect(t, "Added fingerprint")
	dinah := onNetwork(t, n.server.Addr, "dinah")
	dinah.Send(t, "PRIVMSG NickServ :REGISTER milk dinah@example.org")
	dinah.Expect(t, "is now registered")
	wantSaid(t, run(t, n.tr, "certfp", map[string]string{"action": "new"}), "as it was", "already on another user's fingerprint list")
	if set, want := n.has(t), map[string]string{SettingAccount: "dinah", SettingAccountPassword: "milk"}; !maps.Equal(set, want) {
		t.Errorf("%v are set", slices.Sorted(maps.Keys(set)))
	}
	wantSaid(t, run(t, n.tr, "certfp", map[string]string{"action": "new"}), "with a certificate alone")
}

// TestPrints finds fingerprints in the words of services.
func TestPrints(t *testing.T) {
	t.Parallel()
	_, leaf := madeCertificate(t)
	_, next := madeCertificate(t)
	for i, of := range prints {
		print := of(leaf)
		for _, words := range []string{"Added fingerprint " + print + " to your fingerprint list.", strings.ToUpper(print), "has client certificate fingerprint " + print} {
			if got := findPrint(words, leaf); got != print {
				t.Errorf("%d: found %q in %q", i, got, words)
			}
		}
		if got := findPrint(print, next); got != "" {
			t.Errorf("%d: found %q of another certificate", i, got)
		}
		if got := printLike(next, leaf, print); got != of(next) {
			t.Errorf("%d: the new one is %q", i, got)
		}
	}
	if got := findPrint(writeFingerprint(leaf), leaf); got != prints[0](leaf) {
		t.Errorf("found %q with colons", got)
	}
	if got := printLike(next, leaf, "abc"); got != "" {
		t.Errorf("the new one is %q", got)
	}
}

func FuzzPrint(f *testing.F) {
	_, leaf := madeCertificate(f)
	f.Add("Added fingerprint " + prints[0](leaf) + " to your list")
	f.Add("SPKI:SHA2-256:0000")
	f.Fuzz(func(t *testing.T, words string) {
		if got := findPrint(words, leaf); got != "" && printLike(leaf, leaf, got) == "" {
			t.Errorf("found %q in %q", got, words)
		}
	})
}

// madeCertificate is a new certificate, and its leaf.
func madeCertificate(t testing.TB) (pem string, leaf *x509.Certificate) {
	t.Helper()
	pem, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	if leaf, err = leafOf(pem); err != nil {
		t.Fatal(err)
	}
	return pem, leaf
}
