package ircbridge

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// memorySettings keeps settings for the time of a test.
type memorySettings struct {
	mu     sync.Mutex
	values map[string]map[string]string
	saves  int
	hung   chan struct{} // where it is there, Save waits until it is closed
}

func (m *memorySettings) Load(_ context.Context, user transports.Address, scope string) (map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.values[user.String()+" "+scope]), nil
}

func (m *memorySettings) Save(_ context.Context, user transports.Address, scope, mark string, values map[string]string) (bool, error) {
	if m.hung != nil {
		<-m.hung
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saves++
	key := user.String() + " " + scope
	if mark != "" && m.values[key][mark] == "" {
		return false, nil
	}
	if m.values == nil {
		m.values = make(map[string]map[string]string)
	}
	if m.values[key] == nil {
		m.values[key] = make(map[string]string)
	}
	for name, value := range values {
		if value == "" {
			delete(m.values[key], name)
		} else {
			m.values[key][name] = value
		}
	}
	return true, nil
}

func (m *memorySettings) LoadWith(
	_ context.Context, user transports.Address, scope string, names ...string,
) (set map[string]string, named map[string]map[string]string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := map[string]map[string]string{}
	for _, name := range names {
		values[name] = map[string]string{}
		for key, set := range m.values {
			if scope, ok := strings.CutPrefix(key, user.String()+" "); ok && set[name] != "" {
				values[name][scope] = set[name]
			}
		}
	}
	return maps.Clone(m.values[user.String()+" "+scope]), values, nil
}

// set is what alice has set on the network from now on.
func (m *memorySettings) set(values map[string]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values = map[string]map[string]string{alice.String() + " " + Scope(testNet): maps.Clone(values)}
}

func TestCheckSettings(t *testing.T) {
	t.Parallel()
	tr := newTransport(t, Options{Open: true, Settings: &memorySettings{}})
	on := transports.Target{Kind: transports.TargetNetwork, Network: testNet}
	conf, _ := ircd.NewTLS(t)
	certificate := pemOf(t, conf)
	good := map[string]string{
		SettingNick: "Al", SettingUsername: "al", SettingRealname: "Alice A.", SettingPassword: "pw", SettingAccount: "a=b",
		SettingAccountPassword: strings.Repeat("x", maxAccountPassword), SettingCertificate: strings.TrimSpace(certificate), SettingSASL: saslPlain,
	}
	if faults := tr.CheckSettings("", on, good); len(faults) > 0 {
		t.Errorf("got %v for what is right", faults)
	}
	for _, bad := range []struct{ name, value, field string }{
		{SettingAccount, "two words", "account"},
		{SettingAccountPassword, "a\x00b", "sasl_password"},
		{SettingAccountPassword, strings.Repeat("x", maxAccountPassword+1), "sasl_password"},
		{SettingSASL, "kerberos", "sasl"},
		{SettingCertificate, "-----BEGIN", "certificate"},
		{SettingCertificate, certificate[:strings.Index(certificate, "-----BEGIN PRIVATE")], "certificate"},
		{SettingCertificate, strings.Repeat(certificate, 50), "certificate"},
		{SettingNick, "two words", "nick"},
		{SettingNick, "9lives", "nick"},
		{SettingUsername, "a b", "username"},
		{SettingUsername, "a@b", "username"},
		{SettingRealname, "a\r\nQUIT", "realname"},
		{SettingPassword, strings.Repeat("x", 201), "pass"},
	} {
		faults := tr.CheckSettings("", on, map[string]string{bad.name: bad.value})
		if len(faults) != 1 || faults[0].Field != bad.field || faults[0].Text == "" {
			t.Errorf("%s = %.40q: got %v", bad.name, bad.value, faults)
		}
		if AcceptsSetting(bad.name, bad.value) {
			t.Errorf("%s = %.40q is taken over", bad.name, bad.value)
		}
	}
}
