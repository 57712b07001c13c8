package avatar

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"image"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"

	"passerelle/internal/safehttp"
)

// drawn is a picture of that many pixels on each side.
func drawn(t testing.TB, side int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// gallery serves pictures, and counts how often it was asked.
func gallery(t testing.TB) (url string, o safehttp.Options, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	serve := func(typ string, data []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.Header().Set("Content-Type", typ)
			_, _ = w.Write(data) // the client may have had enough
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/small.png", serve("image/png", drawn(t, 32)))
	mux.HandleFunc("/wide.png", serve("image/png", drawn(t, maxSide+1)))
	mux.HandleFunc("/page.png", serve("text/html", []byte("<html>")))
	mux.HandleFunc("/lie.png", serve("image/png", []byte("<html><script>x</script>")))
	mux.HandleFunc("/cut.png", serve("image/png", drawn(t, 32)[:20]))
	mux.HandleFunc("/icon.svg", serve("image/svg+xml", []byte("<svg xmlns='http://www.w3.org/2000/svg'/>")))
	mux.HandleFunc("/none.png", serve("text/plain", nil))
	mux.HandleFunc("/endless.png", serve("image/png", append(drawn(t, 32), make([]byte, maxBytes)...)))
	s := httptest.NewUnstartedServer(mux)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // some clients hang up
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.URL, safehttp.Options{Permit: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, RootCAs: roots}, asked
}

// What is no picture that clients can show, or leads where it must not, is none.
func TestPicturesThatAreNone(t *testing.T) {
	t.Parallel()
	url, o, _ := gallery(t)
	p := NewFetcher(o, slog.New(slog.DiscardHandler))
	strict := NewFetcher(safehttp.Options{RootCAs: o.RootCAs}, slog.New(slog.DiscardHandler))
	for _, of := range []string{"/wide.png", "/page.png", "/lie.png", "/cut.png", "/icon.svg", "/endless.png", "/nothing.png"} {
		p.Want(url+of, new(Viewer), func() { t.Errorf("%s was taken", of) })
	}
	strict.Want(url+"/small.png", new(Viewer), func() { t.Error("a private address was asked") })
	p.Want("file:///etc/passwd", new(Viewer), func() { t.Error("a file was read") })
	p.work.Wait()
	strict.Close()
	if p.Get(url+"/wide.png") != nil || p.Get("") != nil || p.Get("nothing") != nil {
		t.Error("there is a picture")
	}
	p.Close()
}

// A picture is fetched once for everybody, and what is fetched has bounds.
func TestPicturesAreBounded(t *testing.T) {
	t.Parallel()
	url, o, asked := gallery(t)
	p := NewFetcher(o, slog.New(slog.DiscardHandler))
	defer p.Close()
	var told atomic.Int64
	for range 100 {
		p.Want(url+"/small.png", new(Viewer), func() { told.Add(1) })
	}
	p.work.Wait()
	if p.Get(url+"/small.png") == nil || asked.Load() != 1 || told.Load() < 1 {
		t.Errorf("asked %d times, told %d", asked.Load(), told.Load())
	}
	for i := range 3 * maxPictures {
		p.Want(fmt.Sprintf("%s/small.png?%d", url, i), new(Viewer), func() {})
		p.mu.Lock()
		n := p.toFetch()
		p.mu.Unlock()
		if n > maxToFetch {
			t.Fatalf("%d are to be fetched", n)
		}
		if i%maxToFetch == 0 {
			p.work.Wait()
		}
	}
	p.work.Wait()
	if n := len(p.byURL); n > maxPictures || p.size > maxPictureBytes || p.size < 0 {
		t.Errorf("%d pictures of %d bytes", n, p.size)
	}
}

// Servers that take all the time that there is hold up the pictures of those whose networks name them, and of nobody else; and no network has the
// gateway ask without end.
func TestSlowPictures(t *testing.T) {
	t.Parallel()
	url, o, asked := gallery(t)
	p := NewFetcher(o, slog.New(slog.DiscardHandler))
	defer p.Close()
	over := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(over)
	for range 3 {
		mallory := new(Viewer)
		for i := range 2 * maxToFetchOf {
			p.Want(fmt.Sprintf("%s/%p/%d", slow.URL, mallory, i), mallory, func() { t.Error("there is nothing") })
		}
	}
	told, alice := make(chan bool), new(Viewer)
	p.Want(url+"/small.png", alice, func() { told <- true })
	<-told
	const left = 10
	p.mu.Lock()
	alice.fetched = maxFetchesOf - left
	p.mu.Unlock()
	before := asked.Load()
	for i := range 3 * left {
		p.Want(fmt.Sprintf("%s/none.png?%d", url, i), alice, func() {})
		for {
			p.mu.Lock()
			n := alice.fetching
			p.mu.Unlock()
			if n == 0 {
				break
			}
			runtime.Gosched()
		}
	}
	if n := asked.Load() - before; n != left {
		t.Errorf("somebody's server was asked %d times more, want %d", n, left)
	}
}
