package pages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/socialbridge/activity"
)

// stage is a source with a romance.
type stage struct {
	base  string
	mu    sync.Mutex
	asked []string
	begun chan struct{} // where it is set, lookups say so and wait for the other one
	wait  chan struct{}
}

func (s *stage) romeo() activity.Actor {
	return activity.Actor{
		URI: s.base + "/u/romeo", Acct: "romeo@social.example", Nick: "romeo", Name: "Romeo Montague", Note: "In love, mostly.\nVerona, nights only.", Home: "https://romeo.example/", Place: "Verona",
		Page: s.base + "/u/romeo", Pictures: []activity.Picture{{URL: s.base + "/avatar/romeo/f00d.png", Type: "image/png", Width: 96, Height: 96}},
		Routes: activity.Routes{Feed: s.base + "/u/romeo.atom"},
	}
}

func (s *stage) juliet() activity.Actor {
	return activity.Actor{
		URI: "https://else.example/juliet", Acct: "juliet@else.example", Nick: "juliet", Name: "Juliet Capulet", Page: "https://else.example/@juliet", Note: "Of the other house.",
		Pictures: []activity.Picture{{URL: "https://else.example/avatar.png", Width: 96}},
	}
}

var day = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func (s *stage) post(n int) Entry {
	id := fmt.Sprintf("%s/n/post%012d", s.base, n)
	e := Entry{Note: activity.Note{
		ID: id, Author: s.romeo(), Page: id, Published: day.Add(-time.Duration(n) * time.Hour), Public: true,
		HTML: "<p>But, soft! what light through yonder window breaks? It is the east, and <em>Juliet</em> is the sun.</p><p>Arise, fair sun, and kill the <a href=\"https://moon.example/\" rel=\"nofollow noopener\">envious moon</a>.</p>",
		Tags: []string{"verona", "balcony"},
	}, Likes: 3, Repeats: 1, Answers: 2}
	switch n {
	case 2:
		e.Kind, e.Title, e.HTML = activity.KindArticle, "On the moon, and why one should not swear by it", "<p>It is inconstant.</p><blockquote>That monthly changes in her circled orb</blockquote><ul><li>new</li><li>full</li></ul><pre>phase = t mod 29.5</pre>"
		e.Files = []activity.File{{URL: s.base + "/media/moon.png", Type: "image/png", Title: "The moon over an orchard wall"}, {URL: "https://files.example/" + strings.Repeat("very-long-", 20) + ".pdf", Type: "application/pdf", Size: 3}}
		e.Likes, e.Repeats, e.Answers, e.Tags = 0, 0, 0, nil
	case 3:
		e.Author, e.HTML, e.Page, e.Tags = s.juliet(), "<p>O Romeo, Romeo! wherefore art thou Romeo?</p>", "https://else.example/1", nil
		romeo := s.romeo()
		e.By, e.At = &romeo, day
	case 4:
		e.ReplyTo, e.ReplyPage, e.HTML = "tag:else.example,2026:1", "https://else.example/1", `<p>@<a href="https://else.example/juliet" class="h-card u-url mention">juliet</a> I take thee at thy word.</p>`
		e.Files = []activity.File{{URL: s.base + "/media/moon.png", Type: "image/png"}}
		e.Tags = []string{"nsfw"}
	}
	return e
}

func (s *stage) Person(_ context.Context, name string, before int64) (*Person, error) {
	switch name {
	case "romeo":
		p := &Person{Actor: s.romeo(), XMPP: "romeo@xmpp.example", Followers: 12, Following: -1, Next: 40, Changed: day}
		for n := 1; n <= 4; n++ {
			p.Posts = append(p.Posts, s.post(n))
		}
		return p, nil
	case "empty":
		a := s.romeo()
		a.URI, a.Nick, a.Name, a.Note, a.Home, a.Place, a.Pictures, a.Acct = s.base+"/u/empty", "empty", "", "", "", "", nil, "empty@social.example"
		return &Person{Actor: a, Hidden: true, Followers: -1, Following: -1}, nil
	case "mallory":
		return s.mallory(), nil
	case "broken":
		return nil, errors.New("no database")
	case "gone":
		return nil, ErrGone
	}
	return nil, ErrNotFound
}

const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`

// mallory is hostile in whatever he may choose.
func (s *stage) mallory() *Person {
	a := activity.Actor{
		URI: s.base + "/u/mallory", Acct: "mallory@social.example", Nick: "mallory" + evil, Name: "\u202eevil\u202c" + evil + strings.Repeat("W", 3000), Note: evil + strings.Repeat("n\n", 500), Home: "javascript:alert(1)", Place: evil,
		Page: "javascript:alert(1)", Pictures: []activity.Picture{{URL: "https://evil.example/track.png"}, {URL: "//evil.example/x.png"}}, Routes: activity.Routes{Feed: s.base + "/u/mallory.atom"},
	}
	e := Entry{Note: activity.Note{ID: "x", Author: a, Page: "javascript:alert(1)", Title: evil, Published: day, ReplyTo: "x", ReplyPage: "data:text/html," + evil, HTML: "<p>" + strings.Repeat("spam &lt;b&gt; ", 10000) + "</p>"}}
	for i := range 3000 {
		e.Tags = append(e.Tags, fmt.Sprintf("tag%d%s", i, evil))
		e.Files = append(e.Files, activity.File{URL: "javascript:alert(1)", Type: evil, Title: evil})
	}
	return &Person{Actor: a, XMPP: "mallory" + evil + "@xmpp.example", Posts: []Entry{e, {Note: activity.Note{Author: activity.Actor{URI: "x"}, HTML: strings.Repeat("M", 2000)}}}}
}

func (s *stage) Thread(ctx context.Context, name string) (*Thread, error) {
	switch name {
	case "post000000000001":
		t := &Thread{Entry: s.post(1), Changed: day, More: 3}
		t.Before = []Entry{s.post(3)}
		t.Before[0].By = nil
		for i, words := range []string{"What man art thou that thus bescreen'd in night", "By whose direction found'st thou out this place?"} {
			t.Replies = append(t.Replies, Entry{Note: activity.Note{ID: fmt.Sprint(i), Author: s.juliet(), HTML: "<p>" + words + "</p>", Page: fmt.Sprintf("https://else.example/%d", i+2), Published: day.Add(time.Minute)}})
		}
		return t, nil
	case "post000000000002":
		return &Thread{Entry: s.post(2)}, nil
	case "post000000000003":
		return &Thread{Entry: s.post(3)}, nil
	case "evil":
		m := s.mallory()
		t := &Thread{Entry: m.Posts[0]}
		for range 500 {
			t.Replies = append(t.Replies, m.Posts[0])
		}
		return t, nil
	case "gone":
		return nil, ErrGone
	}
	return nil, ErrNotFound
}

func (s *stage) Tagged(_ context.Context, tag string) ([]Entry, error) {
	if tag == "verona" {
		return []Entry{s.post(1)}, nil
	}
	return nil, nil
}

func (s *stage) note(ctx context.Context, what string) error {
	s.mu.Lock()
	s.asked = append(s.asked, what)
	s.mu.Unlock()
	if s.begun == nil {
		return nil
	}
	s.begun <- struct{}{}
	select {
	case <-s.wait:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *stage) Find(ctx context.Context, who string) (*Found, error) {
	if err := s.note(ctx, who); err != nil {
		return nil, err
	}
	switch who {
	case "https://else.example/juliet":
		return &Found{Actor: s.juliet(), JID: `juliet\40else.example@social.xmpp.example`}, nil
	case "unconfirmed":
		return &Found{Actor: s.juliet()}, nil
	case "blocked":
		return nil, Refusal("Not now")
	}
	return nil, ErrNotFound
}

func (s *stage) FollowPage(ctx context.Context, address string) (string, error) {
	if err := s.note(ctx, address); err != nil {
		return "", err
	}
	switch address {
	case "juliet@else.example":
		return "https://else.example/main/ostatussub?profile={uri}&x=1", nil
	case "evil@else.example":
		return "javascript:alert('{uri}')", nil
	case "blocked@else.example":
		return "", Refusal("Not now")
	}
	return "", ErrNotFound
}

// drawn is a picture.
func drawn(w, h int) []byte {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, color.NRGBA{R: uint8(40 + 150*x/w), G: uint8(60 + 100*y/h), B: 180, A: 255})
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, img)
	return b.Bytes()
}

type content struct{ io.ReadSeeker }

func (content) Close() error { return nil }

func (s *stage) Avatar(_ context.Context, name, file string) (*File, error) {
	if name != "romeo" || file != "f00d.png" {
		return nil, ErrNotFound
	}
	return &File{Type: "image/png", Content: content{bytes.NewReader(drawn(96, 96))}}, nil
}

func (s *stage) Media(_ context.Context, file string) (*File, error) {
	switch file {
	case "moon.png":
		return &File{Type: "image/png", Content: content{bytes.NewReader(drawn(800, 450))}}, nil
	case "evil.html":
		return &File{Type: "text/html; charset=utf-8", Content: content{strings.NewReader("<script>alert(1)</script>")}}, nil
	case "evil.svg":
		return &File{Type: "image/svg+xml", Content: content{strings.NewReader("<svg onload='alert(1)'/>")}}, nil
	case `a"b`:
		return &File{Type: "?", Content: content{strings.NewReader("x")}}, nil
	case "gone":
		return nil, ErrGone
	}
	return nil, ErrNotFound
}

// newSite is a server with the pages.
func newSite(t testing.TB) (*stage, string) {
	t.Helper()
	s := &stage{}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.base = server.URL
	for _, p := range New(Options{Base: server.URL + "/", Gateway: "social.xmpp.example", Source: s, Log: slog.New(slog.DiscardHandler)}).Pages() {
		mux.Handle(p.Pattern, p.Handler)
	}
	return s, server.URL
}

// do makes a request, whose redirects it does not follow.
func do(t testing.TB, method, u, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, u, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(got)
}

func contains(t *testing.T, body string, all ...string) {
	t.Helper()
	for _, want := range all {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %q:\n%.6000s", want, body)
		}
	}
}

func lacks(t *testing.T, body string, all ...string) {
	t.Helper()
	for _, no := range all {
		if i := strings.Index(body, no); i >= 0 {
			t.Errorf("the page has %q: …%.200s", no, body[max(0, i-60):])
		}
	}
}

func TestProfile(t *testing.T) {
	t.Parallel()
	s, base := newSite(t)
	resp, body := do(t, "GET", base+"/u/romeo", "", "Accept-Language", "en")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" || resp.Header.Get("Content-Language") != "en" {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || strings.Contains(csp, "script") || !strings.Contains(csp, "img-src 'self'") {
		t.Errorf("policy: %s", csp)
	}
	contains(
		t, body, `<html lang="en">`, "<title>Romeo Montague (@romeo@social.example)</title>", `<h1 class="p-name" dir="auto">Romeo Montague</h1>`,
		`<link rel="alternate" type="application/atom+xml" href="`+base+`/u/romeo.atom">`, `<link rel="canonical" href="`+base+`/u/romeo">`,
		`<link rel="lrdd" type="application/jrd+json" href="`+base+`/.well-known/webfinger?resource=`+url.QueryEscape(s.base+"/u/romeo")+`">`,
		`class="u-url u-uid" rel="me" href="`+base+`/u/romeo"`, `<img class="face u-photo" src="/avatar/romeo/f00d.png" alt="" width="96" height="96">`, "Followers: 12",
		`<meta property="og:image" content="`+base+`/avatar/romeo/f00d.png">`, `<label for="address">`, `action="/u/romeo/follow"`, "write “follow romeo@social.example” to a gateway such as social.xmpp.example",
		`href="xmpp:romeo@xmpp.example?subscribe"`, `<em>Juliet</em> is the sun.`, `<span class="soft">application/pdf</span>`, `alt="The moon over an orchard wall"`, "Repeated by Romeo Montague",
		`<a class="u-in-reply-to" href="https://else.example/1">`, `<details><summary>Sensitive`, `href="/u/romeo?before=40"`, `<time class="dt-published" datetime="2026-11-26T11:00:00Z">2026-11-26 11:00 UTC</time>`,
	)
	lacks(t, body, "Following", "<script", `src="https://`, "noindex", "Newest posts")
	_, body = do(t, "GET", base+"/u/romeo?before=7", "", "Accept-Language", "fr-CA, en;q=0.5")
	contains(t, body, `<html lang="fr">`, "Publications plus anciennes", "Publications les plus récentes", "Abonnés : 12")
	_, body = do(t, "GET", base+"/u/empty", "")
	contains(t, body, "noindex", "There is nothing here yet.", "<h1", ">empty</h1>", `<span class="face" aria-hidden="true">E</span>`)
	lacks(t, body, "Followers")
}

func TestPost(t *testing.T) {
	t.Parallel()
	_, base := newSite(t)
	resp, body := do(t, "GET", base+"/n/post000000000001", "")
	if resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	contains(
		t, body, "<title>Romeo Montague: But, soft! what light through yonder window breaks? It is t…</title>", `<article class="h-entry whole">`, `<article class="u-comment h-cite">`,
		`<link rel="alternate" type="application/atom+xml" href="`+base+`/n/post000000000001.atom">`, "wherefore art thou", "bescreen'd", "and 3 more", `<h1>Post by Romeo Montague</h1>`, `href="/u/romeo">All posts of Romeo Montague`,
		`<bdi class="p-category">verona</bdi>`, "Likes: 3 · Repeated: 1 · Answers: 2", `content="But, soft!`,
	)
	_, body = do(t, "GET", base+"/n/post000000000002", "")
	contains(t, body, "<title>Romeo Montague: On the moon", "Nobody has answered yet.", `<h2 class="p-name" dir="auto">On the moon`)
	_, body = do(t, "GET", base+"/n/post000000000003", "")
	contains(t, body, "<h1>Post by Romeo Montague</h1>", "Repeated by")
	lacks(t, body, `rel="canonical"`)
}

func TestTag(t *testing.T) {
	t.Parallel()
	_, base := newSite(t)
	_, body := do(t, "GET", base+"/tag/Verona", "")
	contains(t, body, "<title>#verona</title>", "But, soft!")
	_, body = do(t, "GET", base+"/tag/"+url.PathEscape(evil), "")
	contains(t, body, "There is nothing here yet.")
	lacks(t, body, "<script")
}

// Pages that are not there say so by their status and in words, and are not kept.
func TestNoPage(t *testing.T) {
	t.Parallel()
	_, base := newSite(t)
	for path, want := range map[string]int{
		"/u/nobody": 404, "/u/romeo?before=x": 404, "/u/romeo?before=-1": 404, "/n/nothing": 404, "/u/gone": 410, "/n/gone": 410, "/u/broken": 503, "/avatar/romeo/other.png": 404, "/avatar/nobody/f00d.png": 404,
		"/media/gone": 410, "/media/none": 404, "/authorize?uri=nobody": 404, "/authorize?uri=unconfirmed": 404, "/authorize?uri=blocked": 422,
	} {
		resp, body := do(t, "GET", base+path, "")
		if resp.StatusCode != want || resp.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") || !strings.Contains(body, "<h1>") {
			t.Errorf("%s: %s %v", path, resp.Status, resp.Header)
		}
		lacks(t, body, "no database")
	}
}

// Whoever has a page is told that it is the same, until it is another one or in another language.
func TestSeenAlready(t *testing.T) {
	t.Parallel()
	_, base := newSite(t)
	resp, _ := do(t, "GET", base+"/u/romeo", "")
	etag, changed := resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
	if etag == "" || changed != "Thu, 26 Nov 2026 12:00:00 GMT" {
		t.Fatalf("%v", resp.Header)
	}
	for _, c := range []struct {
		want    int
		headers []string
	}{
		{304, []string{"If-None-Match", etag}},
		{304, []string{"If-Modified-Since", changed}},
		{200, []string{"If-None-Match", `"other"`}},
		{200, []string{"If-None-Match", etag, "Accept-Language", "fr"}},
		{200, []string{"If-Modified-Since", "Thu, 26 Nov 2026 11:59:59 GMT"}},
	} {
		if resp, body := do(t, "GET", base+"/u/romeo", "", c.headers...); resp.StatusCode != c.want || c.want == 304 && body != "" {
			t.Errorf("%v: %s", c.headers, resp.Status)
		}
	}
	if resp, body := do(t, "HEAD", base+"/u/romeo", ""); resp.StatusCode != 200 || body != "" || resp.Header.Get("ETag") != etag {
		t.Errorf("HEAD: %s", resp.Status)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	_, base := newSite(t)
	resp, body := do(t, "GET", base+"/avatar/romeo/f00d.png", "")
	h := resp.Header
	if resp.StatusCode != 200 || h.Get("Content-Type") != "image/png" || h.Get("Cache-Control") != forever || h.Get("X-Content-Type-Options") != "nosniff" || body != string(drawn(96, 96)) || h.Get("Content-Disposition") != "" {
		t.Errorf("%s %v", resp.Status, h)
	}
	if resp, _ := do(t, "GET", base+"/avatar/romeo/f00d.png", "", "If-None-Match", h.Get("ETag")); resp.StatusCode != 304 {
		t.Errorf("again: %s", resp.Status)
	}
	if resp, body := do(t, "GET", base+"/media/moon.png", "", "Range", "bytes=1-3"); resp.StatusCode != 206 || body != "PNG" {
		t.Errorf("a part: %s %q", resp.Status, body)
	}
	for _, file := range []string{"evil.html", "evil.svg", "a%22b"} {
		resp, _ := do(t, "GET", base+"/media/"+file, "")
		if h := resp.Header; h.Get("Content-Type") != "application/octet-stream" || h.Get("Content-Disposition") != "attachment" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || strings.Count(h.Get("ETag"), `"`) != 2 {
			t.Errorf("%s: %v", file, h)
		}
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	s, base := newSite(t)
	post := func(address string) (*http.Response, string) {
		return do(t, "POST", base+"/u/romeo/follow", url.Values{"address": {address}}.Encode())
	}
	resp, _ := post(" @juliet@else.example ")
	if want := "https://else.example/main/ostatussub?profile=" + url.QueryEscape(base+"/u/romeo") + "&x=1"; resp.StatusCode != 303 || resp.Header.Get("Location") != want {
		t.Errorf("%s to %s", resp.Status, resp.Header.Get("Location"))
	}
	for _, address := range []string{"", "nobody@else.example", "evil@else.example", `"><script>`, strings.Repeat("a", maxAsked+1)} {
		resp, body := post(address)
		if resp.StatusCode != 422 || resp.Header.Get("Location") != "" {
			t.Errorf("%.40q: %s", address, resp.Status)
		}
		contains(t, body, `role="alert">There is no server that can be asked.`, `aria-describedby="wrong"`)
		lacks(t, body, "<script")
	}
	if resp, body := post("blocked@else.example"); resp.StatusCode != 422 || !strings.Contains(body, `role="alert">Not now`) {
		t.Errorf("%s", resp.Status)
	}
	if resp, _ := do(t, "POST", base+"/u/nobody/follow", "address=a%40b.example"); resp.StatusCode != 404 {
		t.Errorf("%s", resp.Status)
	}
	for _, asked := range s.asked {
		if len(asked) > maxAsked || asked == "" {
			t.Errorf("others were asked for %.40q", asked)
		}
	}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	s, base := newSite(t)
	for _, param := range []string{"uri", "profile"} {
		resp, body := do(t, "GET", base+"/authorize?"+param+"="+url.QueryEscape("https://else.example/juliet"), "")
		if resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		contains(t, body, "<h1>Follow Juliet Capulet</h1>", `href="xmpp:juliet%5C40else.example@social.xmpp.example?subscribe"`, `juliet\40else.example@social.xmpp.example`, "write “follow juliet@else.example” to social.xmpp.example")
		lacks(t, body, `src="https://`)
	}
	_, body := do(t, "GET", base+"/authorize", "")
	contains(t, body, `<label for="uri">`, "Follow somebody")
	_, body = do(t, "GET", base+"/authorize?uri="+url.QueryEscape(evil), "")
	contains(t, body, "Nobody of that name was found.")
	lacks(t, body, "<script")
	asked := len(s.asked)
	do(t, "GET", base+"/authorize?uri="+strings.Repeat("a", maxAsked+1), "")
	if len(s.asked) != asked {
		t.Error("others were asked for something very long")
	}
}

// Visitors do not have other servers be asked as much as they like.
func TestManyLookups(t *testing.T) {
	t.Parallel()
	s, base := newSite(t)
	s.begun, s.wait = make(chan struct{}, maxLookups), make(chan struct{})
	done := make(chan int, maxLookups)
	for range maxLookups {
		go func() {
			resp, _ := do(t, "GET", base+"/authorize?uri="+url.QueryEscape("https://else.example/juliet"), "")
			done <- resp.StatusCode
		}()
	}
	for range maxLookups {
		<-s.begun
	}
	if resp, _ := do(t, "GET", base+"/authorize?uri=x", ""); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %s", resp.Status)
	}
	if resp, body := do(t, "POST", base+"/u/romeo/follow", "address=juliet%40else.example"); resp.StatusCode != 503 || !strings.Contains(body, "Too many ask") {
		t.Errorf("one more who follows: %s", resp.Status)
	}
	close(s.wait)
	for range maxLookups {
		if got := <-done; got != 200 {
			t.Errorf("one of those who were first: %d", got)
		}
	}
}

// Whatever somebody calls himself or his posts stays text, and a page stays one that can be read.
func TestHostile(t *testing.T) {
	t.Parallel()
	_, base := newSite(t)
	for _, path := range []string{"/u/mallory", "/n/evil"} {
		resp, body := do(t, "GET", base+path, "")
		if resp.StatusCode != 200 || len(body) > 4<<20 {
			t.Fatalf("%s: %s, %d bytes", path, resp.Status, len(body))
		}
		lacks(t, body, "<script", "<img src=x", `href="javascript:`, `href="data:`, "\u202e", "evil.example/", strings.Repeat("W", maxShownName+1)+"<")
		contains(t, body, "and 2968 more")
		if path == "/u/mallory" && (len(body) > 64<<10 || strings.Contains(body, strings.Repeat("n\n", maxShownLines))) {
			t.Errorf("%s: the page has %d bytes:\n%s", path, len(body), body)
		}
	}
	_, body := do(t, "GET", base+"/n/evil", "")
	if n := strings.Count(body, "u-comment"); n != maxReplies {
		t.Errorf("%d answers are shown", n)
	}
	contains(t, body, "and 300 more")
}

func TestWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "a  b\n c": "a b c", "\u202eabc\u2069\x00": "abc", "\ufffd": "", strings.Repeat("é", 10): "ééééééé…", "12345678": "12345678", "1234567 9": "1234567…",
	} {
		if got := line(in, 8); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"<p>a</p><p>b &amp; c<br/>d": "a b & c d", "a<b": "a", "<li>a</li><li>b</li>": "a b", "<": "", "a &lt;b&gt;": "a <b>",
	} {
		if got := excerpt(in, 100); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"https://a.example/?u={uri}": "https://a.example/?u=https%3A%2F%2Fb.example%2F", "https://a.example/": "", "//a.example/{uri}": "", "ftp://a.example/{uri}": "", "https://u:p@a.example/{uri}": "", "https://{uri}": "",
	} {
		if got := fill(in, "https://b.example/"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func BenchmarkProfile(b *testing.B) {
	s := &stage{base: "https://social.example"}
	site := New(Options{Base: s.base, Gateway: "social.xmpp.example", Source: s, Log: slog.New(slog.DiscardHandler)})
	r := httptest.NewRequest("GET", "/u/romeo", nil)
	r.SetPathValue("name", "romeo")
	b.ReportAllocs()
	for b.Loop() {
		site.serveProfile(httptest.NewRecorder(), r)
	}
}
