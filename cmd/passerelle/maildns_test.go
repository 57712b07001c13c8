package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"passerelle/config"
	"passerelle/internal/dnstest"
	"passerelle/store"
)

// TestMailDNS: what the command prints is what it then finds, and what is not there it says.
func TestMailDNS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dns := dnstest.Start(t, dnstest.Zone{})
	file := filepath.Join(dir, "passerelle.toml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
[store]
path = %q
[[mail]]
domain = "mail.example.org"
secret = "hunter2"
hostname = "mx.example.org"
listen = "127.0.0.1:2525"
direct = true
resolver = %q
[[mail.addresses]]
domain = "bücher.example"
users = "example.org"
`, filepath.Join(dir, "passerelle.db"), dns.Addr), 0o600); err != nil {
		t.Fatal(err)
	}
	mail := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, errs strings.Builder
		env := &environment{stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}
		if code := run(t.Context(), env, append([]string{"mail", "dns", "-config", file}, args...)); code != want {
			t.Fatalf("exit code %d, want %d:\n%s%s", code, want, &out, &errs)
		}
		return out.String(), errs.String()
	}
	if _, said := mail(exitFailed); !strings.Contains(said, "start passerelle once") {
		t.Errorf("without keys it says %q", said)
	}
	key, err := store.CreateKey(filepath.Join(dir, "passerelle.key"))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.LoadUnserved(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dkimKeys(cfg, &cfg.Mail[0], key, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if said, _ := mail(exitFailed); strings.Count(said, "\n  missing ") != 7 || strings.Contains(said, "right") {
		t.Errorf("of an empty DNS it says:\n%s", said)
	}
	zone, _ := mail(exitOK, "-zone")
	published := dnstest.Zone{"mx.example.org": {"A 192.0.2.1"}, "1.2.0.192.in-addr.arpa": {"PTR mx.example.org"}}
	for line := range strings.Lines(zone) {
		name, record, ok := strings.Cut(strings.TrimSpace(line), ". IN ")
		if !ok || strings.HasPrefix(line, ";") {
			continue
		}
		record = regexp.MustCompile(`" "|"`).ReplaceAllString(record, "")
		published[name] = append(published[name], record)
	}
	dns.Set(published)
	if said, _ := mail(exitOK); strings.Count(said, "\n  right ") != 7 || !strings.HasPrefix(said, "xn--bcher-kva.example\n") {
		t.Errorf("of its own records it says:\n%s\n%s", said, zone)
	}
	mail(exitOK, "-domain", "bücher.example")
	mail(exitUsage, "-domain", "example.org")
	mail(exitUsage, "x")
}
