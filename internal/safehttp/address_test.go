package safehttp

import (
	"net/netip"
	"strings"
	"testing"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"8.8.8.8": true, "100.63.255.255": true, "100.128.0.0": true, "172.15.0.1": true, "172.32.0.1": true, "192.167.1.1": true,
		"2a00:1450::1": true, "2606:4700::1111": true, "64:ff9b::8.8.8.8": true, "::ffff:8.8.8.8": true,

		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "100.64.0.1": false, "127.0.0.1": false, "127.255.255.255": false,
		"169.254.169.254": false, "172.16.0.1": false, "172.31.255.255": false, "192.0.0.8": false, "192.168.1.1": false, "198.19.0.1": false,
		"224.0.0.1": false, "239.1.1.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::127.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:0:127.0.0.1": false,
		"fe80::1": false, "fec0::1": false, "fc00::1": false, "fd12::1": false, "ff02::1": false, "100::1": false,
		"64:ff9b::127.0.0.1": false, "64:ff9b::10.1.1.1": false, "64:ff9b:1::8.8.8.8": false,
		"2002:7f00:1::": false, "2002:808:808::": false, "2001::1": false, "2001:db8::1": false, "3fff::1": false, "fe80::1%eth0": false,
		"2a00:1450::1%eth0": false, "5f00::1": false,
	} {
		if got := Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("Public(%s) = %v", address, got)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"https://files.example/a?b#c": "", "http://192.0.2.1:8080": "", "https://upload.example:5281/x/y.png": "", "https://[2001:db8::1]/": "",
		"":                                     "scheme",
		"files.example/a":                      "scheme",
		"//files.example/a":                    "scheme",
		"file:///etc/passwd":                   "scheme",
		"gopher://a.b/":                        "scheme",
		"aesgcm://a.b/c#00":                    "scheme",
		"http:a.b":                             "no host",
		"https:///a":                           "no host",
		"https://:443/":                        "no host",
		"https://user@a.b/":                    "user name",
		"https://user:pw@a.b/":                 "user name",
		"https://a.b:22/":                      "port 22",
		"https://a.b:6667/":                    "port 6667",
		"https://a.b:65536/":                   "port 65536",
		"https://a.b:x/":                       "no URL",
		"https://a b/":                         "no URL",
		"http://[fe80::1%25eth0]/":             "no host of everybody's",
		"https://a.b/\x00":                     "no URL",
		"https://" + strings.Repeat("a", 5000): "too long",
	} {
		_, err := parseURL(s)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("parseURL(%.60q) = %v, want %q", s, err, want)
		}
	}
}

// What is taken has a scheme and a host to connect to and no credentials, and is taken again as it is written.
func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"https://files.example/a", "http://[::1]:80/", "http://user@a/", "http://a%zz/", "HTTP://A:080/", "http://0x7f.1/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseURL(s)
		if err != nil {
			return
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
			t.Errorf("%q was taken as %#v", s, u)
		}
		if len(u.String()) <= maxURL {
			if _, err := parseURL(u.String()); err != nil {
				t.Errorf("%q was taken, and %q was not: %v", s, u, err)
			}
		}
	})
}

// A public address is none by which the machine or its neighbours are reached, in any notation.
func FuzzPublic(f *testing.F) {
	for _, s := range []string{"8.8.8.8", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:a00:1::"} {
		a := netip.MustParseAddr(s).As16()
		f.Add(a[:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		got := Public(a)
		plain := a.Unmap()
		if got && (plain.IsPrivate() || plain.IsLoopback() || plain.IsLinkLocalUnicast() || plain.IsMulticast() || plain.IsUnspecified() || !plain.IsGlobalUnicast()) {
			t.Errorf("%v is public", a)
		}
		if plain.Is4() {
			mapped := netip.AddrFrom16(plain.As16())
			b := netip.MustParseAddr("64:ff9b::").As16()
			v4 := plain.As4()
			copy(b[12:], v4[:])
			if Public(mapped) != got || Public(netip.AddrFrom16(b)) != got {
				t.Errorf("%v is public: %v, but not so when it is embedded", plain, got)
			}
		}
	})
}
