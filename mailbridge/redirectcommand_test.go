package mailbridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"passerelle/transports"
)

func TestWays(t *testing.T) {
	t.Parallel()
	r, f := followedRig(t, nil)
	next := func() string {
		t.Helper()
		e, ok := r.next().(transports.Remark)
		if !ok {
			t.Fatalf("got %+v", e)
		}
		return e.Text
	}
	r.mustSay("add rooms yes do unread 5") // takes more to be followed, and no word
	r.jobsDone(kindFollow)
	r.mustSay("by alias")
	if said := next(); !strings.Contains(said, "only what is written to your address here") {
		t.Errorf("by alias: %s", said)
	}
	r.mustSay("by best")
	if said := next(); !strings.Contains(said, "a module on your server") {
		t.Errorf("by the best: %s", said)
	}
	if _, err := r.command("by login"); transports.AsError(err).Kind != transports.BadRequest {
		t.Errorf("by login without a password: %v", err)
	}
	call := transports.Call{User: romeo, Lang: "en", Values: transports.Values{fieldPassword: {"balcony"}}}
	if _, err := r.mail.runRedirectLogin(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	if said := next(); !strings.Contains(said, "logs in to your account") || f.password != "balcony" {
		t.Errorf("by login with %q: %s", f.password, said)
	}
	if _, kept, err := r.db.Secret(t.Context(), r.mail.userID(romeo), scope, redirectPassword); kept || err != nil {
		t.Errorf("the password is kept twice: %v", err)
	}
	// What is lost is replaced by the next best, and he is told why.
	f.mu.Lock()
	f.refuse[transports.WayModule] = transports.NewError(transports.Denied, "The module is not there any more.", nil)
	f.mu.Unlock()
	r.mail.WayLost(t.Context(), romeo, transports.WayLogin, fmt.Errorf("the password was changed"))
	if said := next(); !strings.Contains(said, "only what is written to your address here") {
		t.Errorf("when all are lost: %s", said)
	}
	if did, want := f.did(), "module 2, module 3, alias 2, module 3, login 3, alias 2"; did != want {
		t.Errorf("followed was %q, want %q", did, want)
	}
}

func TestRedirectByForm(t *testing.T) {
	t.Parallel()
	r := redirectRig(t, nil)
	call := transports.Call{User: romeo, Lang: "en"}
	names := func() (all []string) {
		t.Helper()
		form, err := r.mail.redirectForm(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range form.Fields {
			all = append(all, f.Name)
		}
		return all
	}
	run := func(values transports.Values) (string, error) {
		call := call
		call.Values = values
		return r.mail.runRedirect(t.Context(), call)
	}
	if got := names(); !slices.Equal(got, []string{fieldTo}) {
		t.Errorf("it asks for %q", got)
	}
	if _, err := run(transports.Values{fieldTo: {"me@example.net"}}); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Contains(got, fieldCode) {
		t.Errorf("it asks for %q", got)
	}
	code := codeInMail.FindStringSubmatch(string(r.sent().Body))[1]
	if said, err := run(transports.Values{
		fieldTo: {"me@example.net"}, fieldCode: {code}, fieldRules: {"from *@work.example do never", "do always"}, fieldZone: {"Europe/Paris"}, fieldWay: {"best"},
		fieldPresence: {"false"}, fieldAlias: {"romeo"}, fieldOff: {"false"},
	}); err != nil || !strings.Contains(said, "from now on") {
		t.Fatalf("got %q, %v", said, err)
	}
	r.next()
	if user, ok, err := r.mail.AliasOf(t.Context(), "romeo"); user != romeo || !ok || err != nil {
		t.Errorf("his alias is that of %v, %v, %v", user, ok, err)
	}
	if got := r.mustSay("rules"); got != "1. from *@work.example do never\n2. do always\nAll else: offline; nothing that is said in rooms." {
		t.Errorf("his rules are\n%s", got)
	}
	faults, err := run(transports.Values{fieldRules: {"nonsense"}, fieldZone: {"Mars/Base"}, fieldWay: {"pigeon"}, fieldAlias: {"help"}})
	if e := transports.AsError(err); e.Kind != transports.BadRequest || faults != "" {
		t.Errorf("what is wrong is taken: %v", err)
	}
	if got := r.mustSay("remove 1"); !strings.HasPrefix(got, "1. do always") {
		t.Errorf("his rules are\n%s", got)
	}
	if said, err := run(transports.Values{fieldOff: {"true"}}); err != nil || !strings.Contains(said, "no more") {
		t.Errorf("got %q, %v", said, err)
	}
}

func TestOperatorSeesAndEndsRedirects(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	r.copied(copyOf("1", "one"))
	call := transports.Call{Lang: "en", Values: transports.Values{}}
	table, err := r.mail.listRedirects(t.Context(), call, transports.Page{Max: 1})
	if err != nil || table.More || len(table.Rows) != 1 || !slices.Equal(table.Rows[0].Cells, []string{"romeo@xmpp.example", "me@example.net", "on", "module"}) {
		t.Errorf("got %+v, %v", table, err)
	}
	call.Values = transports.Values{fieldUser: {"romeo@xmpp.example"}}
	if said, err := r.mail.runRedirectUser(t.Context(), call); err != nil || said != "romeo@xmpp.example → me@example.net: on, by module; 1 messages of 1 conversations wait." {
		t.Errorf("got %q, %v", said, err)
	}
	call.Values[fieldOff] = []string{"true"}
	if _, err := r.mail.runRedirectUser(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	if e, ok := r.next().(transports.Remark); !ok || !strings.Contains(e.Text, "The operator of this gateway has ended it") {
		t.Errorf("he is told %+v", e)
	}
	if _, err := r.mail.runRedirectUser(t.Context(), call); transports.AsError(err).Kind != transports.NotFound {
		t.Errorf("a second time: %v", err)
	}
}
