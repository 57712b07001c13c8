package operator

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"passerelle/transports"
)

// gateway runs two commands.
type gateway string

func (g gateway) Domain() string { return string(g) }

func (g gateway) Operations() []transports.Command {
	return []transports.Command{
		{Name: "users", Title: "Users", Admin: true},
		{Name: "configure", Title: "Configure", For: []transports.TargetKind{transports.TargetNetwork, transports.TargetRoom}},
	}
}

func (g gateway) Export(_ context.Context, user transports.Address, _ string, w io.Writer, progress func(done, all int64)) error {
	if user.Local == "nobody" {
		return transports.NewError(transports.NotFound, "Nothing is kept.", nil)
	}
	progress(1, 2)
	_, err := w.Write(bytes.Repeat([]byte(string(g)), maxFrame))
	if user.Local == "broken" {
		err = context.DeadlineExceeded
	}
	return err
}

func (g gateway) Operate(_ context.Context, op transports.Operation) (transports.Outcome, error) {
	switch op.Command {
	case "users":
		t := &transports.Table{Columns: []transports.Column{{Name: "user", Label: "User"}}}
		for _, jid := range []string{"a@b", "c@d", "e@f"} {
			t.Rows = append(t.Rows, transports.Row{Key: jid, Cells: []string{jid}})
		}
		return transports.Outcome{Table: t.Cut(transports.Page{After: op.After, Max: op.Max})}, nil
	case "configure":
		return transports.Outcome{Form: &transports.Form{Title: "Configure", Fields: []transports.Field{
			{Name: "pw", Type: transports.FieldSecret, Values: []string{"present"}, Fault: "This is needed."},
		}}}, nil
	case "fail":
		return transports.Outcome{}, context.DeadlineExceeded
	}
	return transports.Outcome{Said: "for " + op.User.String() + " at " + string(g)}, nil
}

// serve opens a socket for the gateways.
func serve(t *testing.T, gateways ...Gateway) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: NewHandler(gateways, slog.New(slog.DiscardHandler))}}
	s.Start()
	t.Cleanup(s.Close)
	c := NewClient(path)
	t.Cleanup(c.Close)
	return c
}

func TestRun(t *testing.T) {
	t.Parallel()
	one, two := serve(t, gateway("irc.a")), serve(t, gateway("irc.a"), gateway("irc.b"))
	for name, test := range map[string]struct {
		c    *Client
		q    Request
		want string
	}{
		"the only gateway":   {one, Request{Command: "say", User: "A@b/c"}, "for a@b/c at irc.a"},
		"one of two":         {two, Request{Command: "say", User: "a@b", Domain: "IRC.b"}, "for a@b at irc.b"},
		"which of two":       {two, Request{Command: "say"}, "say which one: irc.a, irc.b"},
		"none of two":        {two, Request{Command: "say", Domain: "irc.c"}, "There is no gateway irc.c but irc.a, irc.b."},
		"no user":            {one, Request{Command: "say", User: "server.example"}, "is not the address of a user"},
		"no address":         {one, Request{Command: "say", User: "a@"}, "is not the address of a user"},
		"an unclassified":    {one, Request{Command: "fail"}, "Something went wrong in the gateway"},
		"a form with faults": {one, Request{Command: "configure"}, "This is needed."},
	} {
		a, err := test.c.Run(t.Context(), test.q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := a.Said
		if a.Error != nil {
			got = a.Error.Text
		}
		if a.Form != nil {
			got = a.Form.Fields[0].Fault
			if len(a.Form.Fields[0].Values) > 0 {
				t.Errorf("%s: a secret is shown", name)
			}
		}
		if !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	var jids []string
	for q := (Request{Command: "users", Max: 2}); ; {
		a, err := one.Run(t.Context(), q)
		if err != nil || a.Table == nil {
			t.Fatalf("%+v, %v", a, err)
		}
		for _, r := range a.Table.Rows {
			jids = append(jids, r[0])
		}
		if q.After = a.Table.After; q.After == "" {
			break
		}
	}
	if want := []string{"a@b", "c@d", "e@f"}; !slices.Equal(jids, want) {
		t.Errorf("users are %q", jids)
	}
	list, err := two.List(t.Context())
	if err != nil || len(list) != 4 || !slices.Equal(list[1].For, []string{"network", "room"}) || !slices.Equal(list[0].For, []string{"domain"}) {
		t.Errorf("got %+v, %v", list, err)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	c := NewClient(filepath.Join(t.TempDir(), "nobody.sock"))
	if _, err := c.List(t.Context()); err == nil || !strings.Contains(err.Error(), "passerelle is not running") {
		t.Errorf("got %v", err)
	}
	// What a later version may ask for is refused in words.
	s := httptest.NewServer(NewHandler([]Gateway{gateway("irc.a")}, slog.New(slog.DiscardHandler)))
	defer s.Close()
	resp, err := http.Post(s.URL+Path, "application/json", strings.NewReader(`{"command": "say", "colour": "red"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("got %s, %v", resp.Status, err)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	two := serve(t, gateway("irc.a"), gateway("irc.b"))
	export := func(q Request) (string, []int64, error) {
		var b strings.Builder
		var told []int64
		err := two.Export(t.Context(), q, &b, func(done, all int64) { told = append(told, done, all) })
		return b.String(), told, err
	}
	got, told, err := export(Request{User: "alice@example.org", Domain: "irc.b"})
	if err != nil || got != strings.Repeat("irc.b", maxFrame) || !slices.Equal(told, []int64{1, 2}) {
		t.Errorf("got %d bytes, %v, %v", len(got), told, err)
	}
	for q, want := range map[*Request]string{
		{User: "alice@example.org"}:                   "say which one: irc.a, irc.b",
		{User: "example.org", Domain: "irc.a"}:        "is not the address of a user",
		{User: "nobody@example.org", Domain: "irc.a"}: "Nothing is kept.",
		{User: "broken@example.org", Domain: "irc.a"}: "Something went wrong in the gateway",
	} {
		_, _, err := export(*q)
		if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Text, want) {
			t.Errorf("%+v: got %v, want %q", q, err, want)
		}
	}
}
