package files

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"passerelle/transports"
)

// A long message of 4 KiB: on the disk with its row, and as somebody gets it over loopback.
func BenchmarkKeep(b *testing.B) {
	k, text := open(b, plenty), bytes.Repeat([]byte("x"), 4<<10)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := k.Keep(b.Context(), alice, transports.File{Name: "message.txt", Type: "text/plain", Size: int64(len(text))}, bytes.NewReader(text)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkServe(b *testing.B) {
	k := open(b, plenty)
	mux := http.NewServeMux()
	mux.Handle(Pattern, k)
	server := httptest.NewServer(mux)
	defer server.Close()
	link := server.URL + keep(b, k, transports.File{Name: "message.txt", Type: "text/plain"}, string(bytes.Repeat([]byte("x"), 4<<10)))
	client := server.Client()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := client.Get(link)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	})
}
