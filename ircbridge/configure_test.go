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
}

func (m *memorySettings) Load(_ context.Context, user transports.Address, scope string) (map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.values[user.String()+" "+scope]), nil
}

func (m *memorySettings) Save(_ context.Context, user transports.Address, scope string, values map[string]string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = make(map[string]map[string]string)
	}
	m.values[user.String()+" "+scope] = maps.Clone(values)
	return nil
}

func TestConfigure(t *testing.T) {
	t.Parallel()
	settings := &memorySettings{}
	tr := newTransport(t, Options{Open: true, Settings: settings})
	c := tr.Commands()[0]
	on := transports.Target{Kind: transports.TargetNetwork, Network: testNet}
	ctx := context.Background()
	run := func(values map[string]string) error {
		t.Helper()
		call := transports.Call{User: alice.WithResource("phone"), On: on, Values: transports.Values{}}
		for name, value := range values {
			call.Values[name] = []string{value}
		}
		_, err := c.Run(ctx, call)
		return err
	}
	if err := run(map[string]string{SettingNick: "Al", SettingRealname: " Alice A. ", SettingPassword: "pw"}); err != nil {
		t.Fatal(err)
	}
	if err := run(map[string]string{SettingNick: "", SettingPassword: ""}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{SettingRealname: "Alice A.", SettingPassword: "pw"}
	if got := settings.values[alice.String()+" network:"+testNet]; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	form, err := c.Next(ctx, transports.Call{User: alice, On: on})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range form.Fields {
		if strings.Contains(f.Value(), "pw") {
			t.Errorf("field %s shows the password", f.Name)
		}
	}
	if err := run(map[string]string{"forget-password": "true"}); err != nil {
		t.Fatal(err)
	}
	if got := settings.values[alice.String()+" network:"+testNet]; got[SettingPassword] != "" {
		t.Errorf("the password is still there: %v", got)
	}
	conf, _ := ircd.NewTLS(t)
	certificate := pemOf(t, conf)
	account := map[string]string{SettingAccount: "a=b", SettingAccountPassword: strings.Repeat("x", maxAccountPassword), SettingCertificate: certificate, SettingSASL: saslPlain}
	if err := run(account); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what is secret stays when the form is sent back as it is shown
		account[SettingRealname] = "Alice A."
		account[SettingCertificate] = strings.TrimSpace(certificate)
		if got := settings.values[alice.String()+" network:"+testNet]; !maps.Equal(got, account) {
			t.Errorf("got %v, want %v", got, account)
		}
		if form, err = c.Next(ctx, transports.Call{User: alice, On: on}); err != nil {
			t.Fatal(err)
		}
		shown := map[string]string{}
		for _, f := range form.Fields {
			if shown[f.Name] = f.Value(); f.Type.Secret() && f.Value() != "" {
				t.Errorf("field %s shows a secret", f.Name)
			}
		}
		if err := run(shown); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(map[string]string{"forget-account-password": "true", "forget-certificate": "1", SettingSASL: saslAuto, SettingAccount: ""}); err != nil {
		t.Fatal(err)
	}
	if got := settings.values[alice.String()+" network:"+testNet]; !maps.Equal(got, map[string]string{SettingRealname: "Alice A."}) {
		t.Errorf("got %v after everything was forgotten", got)
	}
	for _, bad := range []map[string]string{
		{SettingAccount: "two words"},
		{SettingAccountPassword: "a\x00b"},
		{SettingAccountPassword: strings.Repeat("x", maxAccountPassword+1)},
		{SettingSASL: "kerberos"},
		{SettingCertificate: "-----BEGIN"},
		{SettingCertificate: certificate[:strings.Index(certificate, "-----BEGIN PRIVATE")]},
		{SettingCertificate: strings.Repeat(certificate, 50)},
		{SettingNick: "two words"},
		{SettingNick: "9lives"},
		{SettingUsername: "a b"},
		{SettingUsername: "a@b"},
		{SettingRealname: "a\r\nQUIT"},
		{SettingPassword: strings.Repeat("x", 201)},
	} {
		wantKind(t, run(bad), transports.BadRequest)
	}
}
