package socialbridge

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/pages"
)

// site serves the pages of a rig.
func (r *rig) site() func(method, path, form string) (int, string, http.Header) {
	mux := http.NewServeMux()
	for _, p := range pages.New(pages.Options{Base: r.s.base, Gateway: r.s.opt.Domain, Source: r.s.Site(), Log: r.s.log}).Pages() {
		mux.Handle(p.Pattern, p.Handler)
	}
	return func(method, path, form string) (int, string, http.Header) {
		r.t.Helper()
		req := httptest.NewRequestWithContext(r.t.Context(), method, path, strings.NewReader(form))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, req)
		body, err := io.ReadAll(w.Body)
		if err != nil {
			r.t.Fatal(err)
		}
		return w.Code, string(body), w.Header()
	}
}

// What somebody publishes is on his profile and on a page of its own, with what it answers, what answers it, and how many like it. What he has
// taken back is gone, and whom he has blocked is not shown there.
func TestPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	get := r.site()
	r.must(romeo, "post But soft #Verona")
	post := r.sent(activity.Post).Activity.Note
	path := strings.TrimPrefix(post.ID, "https://social.example")
	for n, by := range []string{"alice@gs1.test", "mallory@evil.test"} {
		if _, err := r.s.Keep(t.Context(), r.wire.actors[by]); err != nil { // a wire does, who has proven who it is
			t.Fatal(err)
		}
		r.mustReceive(r.note(r.wire.actors[by], n, "answer of <b>"+by+"</b>", func(a *activity.Note) {
			a.Kind, a.ReplyTo, a.ReplyPage, a.Mentions = activity.KindComment, post.ID, post.ID, []activity.Mention{{URI: "https://social.example/u/romeo"}}
		}), &romeo)
	}
	r.mustReceive(r.act(r.wire.actors["bob@gs2.test"], activity.Favorite, post.ID), &romeo)
	code, body, _ := get("GET", path, "")
	for _, want := range []string{"Post by romeo", "But soft", "answer of <b>alice@gs1.test</b>", "answer of <b>mallory@evil.test</b>", "Likes: 1", "Answers: 2"} {
		if code != 200 || !strings.Contains(body, want) {
			t.Errorf("%d: the page of the post has no %q:\n%s", code, want, body)
		}
	}
	r.must(romeo, "block mallory@evil.test")
	if _, body, _ = get("GET", path, ""); strings.Contains(body, "mallory") || !strings.Contains(body, "alice@gs1.test") {
		t.Errorf("after mallory was blocked:\n%s", body)
	}
	for _, p := range []string{"/u/romeo", "/tag/verona"} {
		if code, body, _ := get("GET", p, ""); code != 200 || !strings.Contains(body, "But soft") || !strings.Contains(body, "@romeo@social.example") {
			t.Errorf("%s: %d\n%s", p, code, body)
		}
	}
	r.must(romeo, "delete-post "+post.ID)
	if code, _, _ := get("GET", path, ""); code != http.StatusGone {
		t.Errorf("what was taken back: %d", code)
	}
	if _, body, _ := get("GET", "/tag/verona", ""); strings.Contains(body, "But soft") {
		t.Error("what was taken back has its tag")
	}
	for _, p := range []string{"/u/juliet", "/n/nothing", "/avatar/romeo/f00d.png", "/media/x.png", "/u/romeo?before=x"} {
		if code, _, _ := get("GET", p, ""); code != http.StatusNotFound {
			t.Errorf("%s: %d", p, code)
		}
	}
}

// Who wants to follow from elsewhere is sent to his server, and who wants to follow somebody from here to his client.
func TestPagesToFollow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	get := r.site()
	r.wire.actors["alice@gs1.test"].Routes.Subscribe = "https://gs1.test/main/ostatussub?profile={uri}"
	code, _, h := get("POST", "/u/romeo/follow", "address=alice%40gs1.test")
	if code != http.StatusSeeOther || h.Get("Location") != "https://gs1.test/main/ostatussub?profile=https%3A%2F%2Fsocial.example%2Fu%2Fromeo" {
		t.Errorf("%d to %s", code, h.Get("Location"))
	}
	if code, _, _ := get("POST", "/u/romeo/follow", "address=bob%40gs2.test"); code != http.StatusUnprocessableEntity {
		t.Errorf("whose server has no such page: %d", code)
	}
	code, body, _ := get("GET", "/authorize?uri=https%3A%2F%2Fgs1.test%2Fuser%2Falice", "")
	if code != 200 || !strings.Contains(body, `href="xmpp:alice%5C40gs1.test@social.xmpp.example?subscribe"`) {
		t.Errorf("%d\n%s", code, body)
	}
	if code, _, _ := get("GET", "/authorize?uri=nobody%40gs1.test", ""); code != http.StatusNotFound {
		t.Errorf("nobody: %d", code)
	}
}
