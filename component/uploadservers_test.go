package component

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/transports"
)

// What the upload services of real servers say to a component that they let in, and to one that they do not.
func TestUploadToServers(t *testing.T) {
	t.Parallel()
	components := []realservers.Component{{Domain: testDomain, Secret: "s3cret"}}
	const limit = 10 << 10
	for name, start := range map[string]func(t *testing.T, usersOnly bool) string{
		"prosody": func(t *testing.T, usersOnly bool) string {
			return realtest.Prosody(t, realservers.ProsodyOptions{Components: components, Uploads: limit, UsersOnly: usersOnly}).ComponentAddr
		},
		"ejabberd": func(t *testing.T, usersOnly bool) string {
			return realtest.Ejabberd(t, realservers.EjabberdOptions{Components: components, Uploads: limit, UsersOnly: usersOnly}).ComponentAddr
		},
	} {
		join := func(t *testing.T, usersOnly bool) *world {
			w := newWorld(t, func(o *Options) {
				o.Server, o.OwnDomains = start(t, usersOnly), []string{"localhost"}
			})
			w.logged("connected to the XMPP server")
			return w
		}
		refused := func(t *testing.T, w *world, text string, kind transports.Kind, want string) {
			t.Helper()
			link, err := w.upload(text)
			if e := transports.AsError(err); e == nil || e.Kind != kind || !strings.Contains(e.Text, want) {
				t.Errorf("Upload = %q, %v; want kind %d, %q", link, err, kind, want)
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := join(t, false)
			link, err := w.upload("hello")
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.Get(link)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusOK || string(body) != "hello" {
				t.Errorf("%s: %s %q, %v", link, resp.Status, body, err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
			refused(t, w, strings.Repeat("x", limit+1), transports.TooLarge, "larger than 10 KiB")
			// The server says so too, to who asks in spite of what it says beforehand.
			_, err = w.gateway.requestSlot(t.Context(), transports.Address{Domain: "upload.localhost"}, transports.File{Name: "a", Size: limit + 1})
			if e := transports.AsError(err); e == nil || e.Kind != transports.TooLarge {
				t.Errorf("a slot for too much: %v", err)
			}
		})
		t.Run(name+" for users", func(t *testing.T) {
			t.Parallel()
			refused(t, join(t, true), "hello", transports.Denied, "its operator can allow it")
		})
	}
}
