package ircbridge

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"

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
	for _, bad := range []map[string]string{
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
