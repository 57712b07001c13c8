package pages

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shown are the pages, of everybody and everything.
var shown = map[string]string{
	"profile": "/u/romeo", "older": "/u/romeo?before=7", "empty": "/u/empty", "mallory": "/u/mallory", "post": "/n/post000000000001", "article": "/n/post000000000002", "repeated": "/n/post000000000003",
	"evil": "/n/evil", "found": "/authorize?uri=" + url.QueryEscape("https://else.example/juliet"), "asked": "/authorize", "tag": "/tag/verona", "none": "/authorize?uri=nobody", "gone": "/u/gone",
}

// program is the path of one that is not ours. Without it a test is skipped, or fails where everything has to be there.
func program(t *testing.T, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs " + name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("REQUIRE_SERVERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

// tidied is what HTML Tidy says of a page. It does not know these attributes, which HTML has got since.
func tidied(t *testing.T, tidy, body string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tidy, "-q", "-e", "--show-info", "yes", "--custom-tags", "no")
	cmd.Stdin = strings.NewReader(body)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	var faults []string
	for l := range strings.Lines(string(out)) {
		if !strings.Contains(l, `proprietary attribute "inputmode"`) && !strings.Contains(l, `proprietary attribute "autocapitalize"`) && !strings.Contains(l, `proprietary attribute "loading"`) {
			faults = append(faults, l)
		}
	}
	return strings.Join(faults, "")
}

func TestValidHTML(t *testing.T) {
	t.Parallel()
	tidy := program(t, "tidy")
	_, base := newSite(t)
	for name, path := range shown {
		_, body := do(t, "GET", base+path, "")
		if faults := tidied(t, tidy, body); faults != "" {
			t.Errorf("%s:\n%s", name, faults)
		}
	}
	_, body := do(t, "GET", base+"/u/romeo", "")
	for _, r := range [][2]string{{`alt=""`, ""}, {"</section>", ""}, {`id="posts"`, `id="follow"`}, {"<title>", "<titel>"}} {
		bad := strings.Replace(body, r[0], r[1], 1)
		if bad == body || tidied(t, tidy, bad) == "" {
			t.Errorf("%q instead of %q is valid", r[1], r[0])
		}
	}
}

// complaints is what the console of a browser says that opens a page, which is as wide as a phone. With SCREENSHOTS set to a folder, there are
// pictures of the pages in it, as on a phone and on a desk.
func complaints(t *testing.T, chromium, name, u string) string {
	t.Helper()
	var all strings.Builder
	folder, widths := os.Getenv("SCREENSHOTS"), []int{400}
	if folder != "" {
		widths = append(widths, 1100)
	}
	for _, width := range widths {
		args := []string{
			"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr", "--user-data-dir=" + t.TempDir(), fmt.Sprintf("--window-size=%d,1400", width),
			"--screenshot=" + filepath.Join(t.TempDir(), "page.png"),
		}
		if folder != "" {
			args[len(args)-1] = "--screenshot=" + filepath.Join(folder, fmt.Sprintf("%s-%d.png", name, width))
		}
		out, err := exec.CommandContext(t.Context(), chromium, append(args, u)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		for l := range strings.Lines(string(out)) {
			if strings.Contains(l, "CONSOLE") {
				all.WriteString(l)
			}
		}
	}
	return all.String()
}

// A browser shows the pages without a complaint: nothing on them is against their policy, and nothing is missing.
func TestBrowser(t *testing.T) {
	chromium := program(t, "chromium")
	_, base := newSite(t)
	for _, name := range []string{"profile", "mallory", "post"} {
		if said := complaints(t, chromium, name, base+shown[name]); said != "" {
			t.Errorf("%s: %s", name, said)
		}
	}
	// It does complain of others.
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, body := do(t, "GET", base+"/u/romeo", "")
		w.Header().Set("Content-Security-Policy", resp.Header.Get("Content-Security-Policy"))
		_, _ = w.Write([]byte(strings.Replace(body, "</main>", "<script>alert(1)</script></main>", 1)))
	}))
	defer bad.Close()
	if complaints(t, chromium, "bad", bad.URL) == "" {
		t.Error("a script is run")
	}
}
