package onetime

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"passerelle/store"
	"passerelle/transports"
)

// A link to an export offers it as often as it is opened and hands it out once; where not all of it was handed out, it works again.
func TestDownload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token := strings.Repeat("b", tokenLength-1) + "A"
	s.linkTo(token, store.Link{UserID: store.UserID{Domain: "irc.localhost", JID: "alice@example.org"}, Command: transports.ExportCommand})
	offered := func() {
		t.Helper()
		resp, body := s.do(http.MethodGet, token, nil, "Accept-Language", "fr")
		if resp.StatusCode != http.StatusOK || !strings.Contains(body, "Ceci est pour alice@example.org.") || !strings.Contains(body, "<button>Télécharger</button>") || strings.Contains(body, "<input") {
			t.Errorf("%s: %s", resp.Status, body)
		}
	}
	for range 3 { // previews
		offered()
	}
	if resp, _ := s.do(http.MethodPost, token, nil, "Sec-Fetch-Site", "cross-site"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %s", resp.Status)
	}
	// Nothing was handed out yet: it is said why.
	s.g.export = func(context.Context, io.Writer) error { return transports.NewError(transports.Busy, "Try again.", nil) }
	if resp, body := s.do(http.MethodPost, token, nil); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "Try again.") {
		t.Errorf("%s: %s", resp.Status, body)
	}
	offered()
	// A part was: nobody takes it for the whole.
	s.g.export = func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, strings.Repeat("half of it", 10_000))
		return errors.Join(err, io.ErrUnexpectedEOF)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+token, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(r); err == nil {
		if _, err = io.Copy(io.Discard, resp.Body); err == nil {
			t.Error("the half is taken for the whole")
		}
		_ = resp.Body.Close()
	}
	offered()
	s.g.export = nil
	resp, body := s.do(http.MethodPost, token, nil, "Accept-Language", "fr")
	if resp.StatusCode != http.StatusOK || body != "PK alice@example.org fr" || resp.Header.Get("Content-Type") != "application/zip" ||
		!strings.HasPrefix(resp.Header.Get("Content-Disposition"), `attachment; filename=alice@example.org-20`) && !strings.HasPrefix(resp.Header.Get("Content-Disposition"), `attachment; filename="alice@example.org-20`) {
		t.Errorf("%s %v: %s", resp.Status, resp.Header, body)
	}
	if len(s.g.filled) != 1 || s.g.filled[0] != "alice@example.org fr Tout ce qui est gardé de vous a été remis." {
		t.Errorf("she is told %q", s.g.filled)
	}
	if resp, _ := s.do(http.MethodPost, token, nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("once more: %s", resp.Status)
	}
}
