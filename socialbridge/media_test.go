package socialbridge

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"passerelle/internal/safehttp"
	"passerelle/socialbridge/activity"
	"passerelle/transports"
)

// A picture beside a post is shown by its page: fetched once, made anew, and gone with the post. What is no picture is a link.
func TestMedia(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	var wide bytes.Buffer
	if err := png.Encode(&wide, image.NewNRGBA(image.Rect(0, 0, 2*mediaSide, 4))); err != nil {
		t.Fatal(err)
	}
	uploads := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/moon.png":
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write(wide.Bytes())
		case "/evil.png":
			w.Header().Set("Content-Type", "image/png")
			_, _ = io.WriteString(w, "\x89PNG\r\n\x1a\n<script>")
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(uploads.Close)
	client := safehttp.New(safehttp.Options{UserAgent: "test", Permit: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(client.Close)
	r := rigWith(t, func(o *Options) { o.Pictures = client })
	r.joined(romeo)
	get := r.site()
	files := []transports.Attachment{}
	for _, f := range []transports.File{{Name: "moon.png", Type: "image/png"}, {Name: "evil.png"}, {Name: "none.jpg"}, {Name: "moon.pdf", Type: "application/pdf"}} {
		files = append(files, transports.Attachment{File: f, URL: uploads.URL + "/" + f.Name, Description: "the moon"})
	}
	if err := r.s.Published(t.Context(), romeo, transports.Entry{Item: "1", Body: "look", Files: files, Published: r.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	n := r.sent(activity.Post).Activity.Note
	if n.Files[0].URL != uploads.URL+"/moon.png" {
		t.Errorf("others are told of %+v", n.Files)
	}
	name := strings.TrimPrefix(n.ID, "https://social.example/n/")
	_, body, _ := get("GET", "/n/"+name, "")
	for _, want := range []string{`<img class="u-photo" src="/media/` + name + `-0" alt="the moon"`, `<a class="u-attachment" rel="nofollow noopener" href="` + uploads.URL + `/moon.pdf">`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s:\n%s", want, body)
		}
	}
	if strings.Contains(body, uploads.URL+"/moon.png") {
		t.Error("the page leads browsers to where the picture is")
	}
	for range 3 {
		code, body, h := get("GET", "/media/"+name+"-0", "")
		c, _, err := image.DecodeConfig(strings.NewReader(body))
		if code != 200 || h.Get("Content-Type") != "image/png" || err != nil || c.Width != mediaSide {
			t.Fatalf("%d %v: %d × %d, %v", code, h, c.Width, c.Height, err)
		}
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("it was fetched %d times", got)
	}
	for range 2 {
		for _, i := range []int{1, 2} { // what cannot be had is not asked for each time
			if code, _, _ := get("GET", fmt.Sprint("/media/", name, "-", i), ""); code != http.StatusNotFound {
				t.Errorf("picture %d: %d", i, code)
			}
		}
	}
	if got := asked.Load(); got != 3 {
		t.Errorf("others were asked %d times", got)
	}
	r.clock.Advance(mediaAgain)
	get("GET", "/media/"+name+"-1", "")
	if got := asked.Load(); got != 4 {
		t.Errorf("later others were asked %d times", got)
	}
	for _, path := range []string{name, name + "-3", name + "-4", name + "--1", name + "-00", name + "-x", "nothing-0", "../u/romeo-0"} {
		if code, _, _ := get("GET", "/media/"+path, ""); code == 200 {
			t.Errorf("%s: %d", path, code)
		}
	}
	r.must(romeo, "delete-post "+n.ID)
	if code, _, _ := get("GET", "/media/"+name+"-0", ""); code != http.StatusGone {
		t.Errorf("after it was taken back: %d", code)
	}
}

// Pictures make room for others, those first that nobody has looked at for longest, and few are fetched at a time.
func TestShelf(t *testing.T) {
	t.Parallel()
	var s shelf
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	put := func(name string, size int) {
		t.Helper()
		if e, begin := s.take(name, now); e != nil || !begin {
			t.Fatalf("%s: %v, %t", name, e, begin)
		}
		s.done(name, &shelved{image: make([]byte, size), used: now})
		now = now.Add(time.Second)
	}
	put("a", maxShelf/3)
	put("b", maxShelf/3)
	if e, _ := s.take("a", now); e == nil {
		t.Fatal("a is forgotten")
	}
	put("c", maxShelf/2)
	for name, want := range map[string]bool{"a": true, "b": false, "c": true} {
		if _, ok := s.byName[name]; ok != want {
			t.Errorf("%s is remembered: %t", name, ok)
		}
	}
	if s.size > maxShelf || s.size < maxShelf/2 {
		t.Errorf("%d bytes are remembered", s.size)
	}
	put("a large one", 2*maxShelf)
	if s.size != 0 || len(s.byName) != 0 {
		t.Errorf("%d bytes are remembered of what is larger than all", s.size)
	}
	for range maxMediaWait {
		if _, begin := s.take("d", now); !begin {
			t.Fatal("it may not be fetched")
		}
	}
	if e, begin := s.take("d", now); e != nil || begin {
		t.Error("there is no bound")
	}
	s.done("d", nil)
	if _, begin := s.take("d", now); !begin {
		t.Error("who has left still waits")
	}
}
