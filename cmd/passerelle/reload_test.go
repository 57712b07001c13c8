package main

import (
	"crypto/x509"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"passerelle/config"
	"passerelle/ircbridge"
)

// What a reload says to have changed does change something: each setting of a gateway that takes no restart is handed to the gateway or to
// its transport.
func TestEverySettingIsReloaded(t *testing.T) {
	t.Parallel()
	made := func(c *config.IRC) any {
		return []any{ircOptions(c, ircbridge.Identity{}), rulesOf(&config.Config{}, c)}
	}
	fresh := func() *config.IRC {
		return &config.IRC{AlwaysOn: "never", Networks: []config.Network{{Name: "irc.a.example", TLS: true}}}
	}
	before := made(fresh())
	check := func(of func(*config.IRC) reflect.Value) {
		t.Helper()
		table := of(fresh()).Type()
		read := make(map[string]bool) // settings of which what was read counts
		for _, f := range reflect.VisibleFields(table) {
			read[f.Tag.Get("of")] = true
		}
		for _, f := range reflect.VisibleFields(table) {
			name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
			if f.Anonymous || f.Name == "Networks" || f.Tag.Get("restart") != "" || name != "-" && (read[name] || strings.HasPrefix(name, "secret_")) {
				continue
			}
			c := fresh()
			change(t, of(c).FieldByIndex(f.Index), f)
			if reflect.DeepEqual(before, made(c)) {
				t.Errorf("a change of %s of %s changes nothing", f.Name, table)
			}
		}
	}
	check(func(c *config.IRC) reflect.Value { return reflect.ValueOf(c).Elem() })
	check(func(c *config.IRC) reflect.Value { return reflect.ValueOf(&c.Networks[0]).Elem() })
}

// change gives a setting another value.
func change(t *testing.T, v reflect.Value, f reflect.StructField) {
	t.Helper()
	var value any
	switch v.Interface().(type) {
	case string:
		value = "changed"
		if words := strings.Fields(f.Tag.Get("enum")); len(words) > 0 {
			value = words[len(words)-1]
		}
	case bool:
		value = !v.Bool()
	case int:
		value = 77
	case float64:
		value = 7.7
	case []string:
		value = []string{"changed"}
	case []int:
		value = []int{77}
	case netip.Prefix:
		value = netip.MustParsePrefix("2001:db8::/64")
	case []netip.Prefix:
		value = []netip.Prefix{netip.MustParsePrefix("2001:db8::/64")}
	case []config.PortRange:
		value = []config.PortRange{{First: 1, Last: 2}}
	case config.Image:
		value = config.Image{Data: []byte("x")}
	case config.Secret:
		value = config.NewSecret("x")
	case *x509.CertPool:
		value = x509.NewCertPool()
	default:
		t.Fatalf("%s: a test for settings of type %s is missing", f.Name, f.Type)
	}
	v.Set(reflect.ValueOf(value))
}
