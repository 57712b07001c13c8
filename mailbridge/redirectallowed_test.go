package mailbridge

import (
	"slices"
	"strings"
	"testing"

	"passerelle/transports"
)

// TestOperatorTurnsRedirectsOff: nothing is learnt of anybody's messages any more, and everything is as before once it is on again.
func TestOperatorTurnsRedirectsOff(t *testing.T) {
	t.Parallel()
	r, f := followedRig(t, nil)
	on := *r.mail.rules.Load()
	off := on
	off.Redirect = nil
	alone := *on.Redirect
	alone.Ways = []transports.Way{transports.WayAlias}
	byAlias := on
	byAlias.Redirect = &alone
	var want []string
	for _, step := range []struct {
		name  string
		rules Rules
		did   string
		told  string
	}{
		{"as it was", on, "", ""},
		{"off", off, "nothing", "Your messages are mailed no more: The operator of this gateway has not turned redirects on."},
		{"off still", off, "", ""},
		{"on again", on, "module 2", "They are learnt of so: a module"},
		{"by the alias alone", byAlias, "alias 2", "They are learnt of so: only what is written to your address"},
		{"still", byAlias, "", ""},
	} {
		r.mail.Reload(step.rules)
		if err := r.mail.keepToRules(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.jobsDone(kindFollow)
		if step.did != "" {
			want = append(want, step.did)
		}
		if got := strings.Split(f.did(), ", ")[1:]; !slices.Equal(got, want) {
			t.Fatalf("%s: followed was %q, want %q", step.name, got, want)
		}
		if step.told != "" {
			if e, ok := r.next().(transports.Remark); !ok || !strings.Contains(e.Text, step.told) {
				t.Errorf("%s: he is told %+v", step.name, e)
			}
		}
		if step.name == "off" {
			r.copied(copyOf("1", "nobody"))
			if n := r.waiting(); n != 0 {
				t.Errorf("%d messages wait", n)
			}
		}
	}
	if len(r.xmpp.Delivered) > 0 {
		t.Errorf("he is told %+v", r.next())
	}
}
