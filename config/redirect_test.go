package config

import "testing"

func TestReadLoginServer(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]LoginServer{
		"example.org=127.0.0.1:5222":             {Domain: "example.org", Address: "127.0.0.1:5222"},
		"Example.org = starttls://xmpp.lan:5222": {Domain: "example.org", Address: "xmpp.lan:5222"},
		"example.org=tls://[2001:db8::1]:5223":   {Domain: "example.org", Address: "[2001:db8::1]:5223", Direct: true},
		"localhost=none://127.0.0.1:5222":        {Domain: "localhost", Address: "127.0.0.1:5222", Plain: true},
	} {
		if got, ok := readLoginServer(s); !ok || got != want {
			t.Errorf("%q: got %+v, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "example.org", "example.org=", "=127.0.0.1:5222", "example.org=127.0.0.1", "example.org=:5222", "example.org=a:0", "example.org=a:65536", "a b=c:1", "127.0.0.1=c:1", "a=ssl://c:1"} {
		if got, ok := readLoginServer(s); ok {
			t.Errorf("%q: got %+v", s, got)
		}
	}
}
