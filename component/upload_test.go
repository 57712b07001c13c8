package component

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/component/stanza"
	"passerelle/internal/files"
	"passerelle/internal/xmpptest"
	"passerelle/transports"
)

// script is an upload service that answers as a test says, and the web server behind it.
type script struct {
	info  string   // content of its disco#info; empty for a service without a limit
	slots []string // its answers in turn, the last of which stays; PUT and GET in them are URLs of the web server
	puts  []int    // what the web server answers in turn, the last of which stays

	http *httptest.Server

	mu      sync.Mutex
	asked   []*xmpptest.Element
	headers []http.Header
	stored  []string
}

const scriptedSlot = `<iq type='result'><slot xmlns='urn:xmpp:http:upload:0'><put url='PUT'/><get url='GET'/></slot></iq>`

func (s *script) start(t *testing.T) *script {
	t.Helper()
	if s.info == "" {
		s.info = `<feature var='urn:xmpp:http:upload:0'/>`
	}
	s.http = httptest.NewServer(s)
	t.Cleanup(s.http.Close)
	return s
}

// take is the first of a list, which then is gone unless it is the last.
func take[T any](list *[]T) T {
	v := (*list)[0]
	if len(*list) > 1 {
		*list = (*list)[1:]
	}
	return v
}

func (s *script) answer(iq *xmpptest.Element) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if iq.Child(nsDiscoInfo, "query") != nil {
		return "<iq type='result'><query xmlns='" + nsDiscoInfo + "'>" + s.info + "</query></iq>"
	}
	s.asked = append(s.asked, iq)
	return strings.NewReplacer("PUT", s.http.URL+"/put", "GET", s.http.URL+"/get").Replace(take(&s.slots))
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client gave up
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headers, s.stored = append(s.headers, r.Header), append(s.stored, string(body))
	w.WriteHeader(take(&s.puts))
}

// newUploadWorld is a world whose server has an upload service.
func newUploadWorld(t *testing.T, service xmpptest.Service, change func(*Options)) *world {
	t.Helper()
	services := make(map[string]xmpptest.Service)
	if service != nil {
		services["upload.localhost"] = service
	}
	return newServicesWorld(t, services, change)
}

// newServicesWorld is a world whose server answers for some domains.
func newServicesWorld(t *testing.T, services map[string]xmpptest.Service, change func(*Options)) *world {
	t.Helper()
	w := &world{t: t, transport: newScripted(), log: newLogBuffer()}
	w.transport.features = transports.Features{LineBytes: 400}
	w.xmpp = xmpptest.New(t, xmpptest.Options{Components: map[string]string{testDomain: "s3cret"}, Services: services})
	w.start(w.options(func(o *Options) {
		o.OwnDomains, o.Upload.FirstWait = []string{"localhost"}, time.Millisecond
		if change != nil {
			change(o)
		}
	}))
	return w.connected()
}

// ownFiles is a place for files of the gateway itself.
func ownFiles(t *testing.T, quota int64) *files.Keeper {
	t.Helper()
	return ownFilesIn(t, t.TempDir(), quota)
}

func ownFilesIn(t *testing.T, dir string, quota int64) *files.Keeper {
	t.Helper()
	k, err := files.New(t.Context(), files.Options{
		Dir: filepath.Join(dir, "files"), URL: "https://gateway.example", Limits: files.Limits{Keep: time.Hour, MaxSize: quota, UserQuota: quota, Quota: quota},
		Store: openStore(t, filepath.Join(dir, "db")), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *world) upload(text string) (string, error) {
	w.t.Helper()
	return w.gateway.Upload(w.t.Context(), transports.Address{Local: "alice", Domain: "localhost", Resource: "phone"},
		transports.File{Name: "a.txt", Type: "text/plain", Size: int64(len(text))}, strings.NewReader(text))
}

func TestUpload(t *testing.T) {
	t.Parallel()
	s := (&script{
		slots: []string{`<iq type='result'><slot xmlns='urn:xmpp:http:upload:0'><put url='PUT'>
			<header name='Authorization'>Basic
 abc</header><header name='cookie'>a=b</header><header name='Host'>evil.example</header><header name='X-Forwarded-For'>1</header>
			</put><get url='GET'/></slot></iq>`},
		puts: []int{201},
	}).start(t)
	w := newUploadWorld(t, s.answer, nil)
	for range 2 { // the second time the service is known
		link, err := w.upload("hello")
		if err != nil || link != s.http.URL+"/get" {
			t.Fatalf("Upload = %q, %v", link, err)
		}
	}
	if got := s.stored; !slices.Equal(got, []string{"hello", "hello"}) {
		t.Errorf("stored = %q", got)
	}
	h := s.headers[0]
	if h.Get("Authorization") != "Basic abc" || h.Get("Cookie") != "a=b" || h.Get("X-Forwarded-For") != "" || h.Get("Content-Type") != "text/plain" {
		t.Errorf("headers = %v", h)
	}
	request := s.asked[0].Child(nsUpload, "request")
	if s.asked[0].Get("from") != testDomain || request.Get("filename") != "a.txt" || request.Get("size") != "5" || request.Get("content-type") != "text/plain" {
		t.Errorf("request = %v", s.asked[0])
	}
}

// Every refusal is said in words; what may pass is tried again with a slot of its own.
func TestUploadRefused(t *testing.T) {
	t.Parallel()
	refusal := func(typ, content string) string {
		return `<iq type='error'><error type='` + typ + `'>` + content + `</error></iq>`
	}
	condition := func(name string) string { return `<` + name + ` xmlns='` + conditions + `'/>` }
	for name, test := range map[string]struct {
		s     *script
		kind  transports.Kind
		text  string
		tries int
	}{
		"forbidden": {&script{slots: []string{refusal("auth", condition("forbidden"))}}, transports.Denied, "its operator can allow it", 1},
		"too large": {&script{slots: []string{refusal("modify", condition("not-acceptable")+
			`<file-too-large xmlns='`+nsUpload+`'><max-file-size>2048</max-file-size></file-too-large>`)}}, transports.TooLarge, "larger than 2 KiB", 1},
		"too large, as it says beforehand": {&script{info: `<feature var='` + nsUpload + `'/><x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'>
			<value>` + nsUpload + `</value></field><field var='max-file-size'><value>4</value></field></x>`}, transports.TooLarge, "larger than 4 B", 0},
		"quota": {
			&script{slots: []string{refusal("wait", condition("resource-constraint")+`<retry xmlns='`+nsUpload+`' stamp='2030-01-02T03:04:05Z'/>`)}},
			transports.Full, "until 2030-01-02 03:04 UTC", 1,
		},
		"quota without a time": {&script{slots: []string{refusal("wait", condition("resource-constraint"))}}, transports.Full, "for now", 1},
		"busy":                 {&script{slots: []string{refusal("wait", condition("internal-server-error"))}}, transports.Offline, "at the moment", 3},
		"busy once":            {&script{slots: []string{refusal("wait", condition("internal-server-error")), scriptedSlot}, puts: []int{201}}, 0, "", 2},
		"no slot":              {&script{slots: []string{`<iq type='result'/>`}}, transports.Unsupported, "cannot be used", 1},
		"no link": {
			&script{slots: []string{strings.Replace(scriptedSlot, "'GET'", "'javascript:alert(1)'", 1)}},
			transports.Unsupported, "cannot be used", 1,
		},
		"a link of two lines": {
			&script{slots: []string{strings.Replace(scriptedSlot, "'GET'", "'https://a.b/ QUIT'", 1)}},
			transports.Unsupported, "cannot be used", 1,
		},
		"refused by the web server":     {&script{slots: []string{scriptedSlot}, puts: []int{403}}, transports.Denied, "did not take", 1},
		"the web server is ill":         {&script{slots: []string{scriptedSlot}, puts: []int{503}}, transports.Offline, "did not take", 3},
		"the web server was ill":        {&script{slots: []string{scriptedSlot}, puts: []int{500, 502, 201}}, 0, "", 3},
		"a redirect":                    {&script{slots: []string{scriptedSlot}, puts: []int{307}}, transports.Denied, "did not take", 1},
		"a port of another protocol":    {&script{slots: []string{strings.Replace(scriptedSlot, "'PUT'", "'http://127.0.0.1:25/'", 1)}}, transports.Denied, "did not take", 1},
		"no service":                    {nil, transports.Unsupported, "no place for uploads", 0},
		"a service of something else":   {&script{info: `<feature var='x'/>`}, transports.Unsupported, "no place for uploads", 0},
		"a service that is not its own": {&script{info: `<identity category='store' type='file'/>`}, transports.Unsupported, "no place for uploads", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var service xmpptest.Service
			if test.s != nil {
				service = test.s.start(t).answer
			}
			w := newUploadWorld(t, service, nil)
			link, err := w.upload("hello")
			if test.s != nil && len(test.s.asked) != test.tries {
				t.Errorf("%d slots were asked for, want %d", len(test.s.asked), test.tries)
			}
			if test.text == "" {
				if err != nil || link == "" {
					t.Errorf("Upload = %q, %v", link, err)
				}
				return
			}
			if e := transports.AsError(err); e == nil || e.Kind != test.kind || !strings.Contains(e.Text, test.text) {
				t.Errorf("Upload = %q, %v; want kind %d, %q", link, err, test.kind, test.text)
			}
		})
	}
}

// A server of strangers names the URL that is written to. It must be no way into the operator's network.
func TestUploadIntoNetwork(t *testing.T) {
	t.Parallel()
	for name, own := range map[string][]string{
		"a stranger's domain": {"example.org"}, "nobody's": nil, "a service elsewhere": {"host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&script{slots: []string{scriptedSlot, strings.NewReplacer("PUT", "https://127.0.0.1:8443/", "GET", "https://a.b/").Replace(scriptedSlot)}, puts: []int{201}}).start(t)
			w := newUploadWorld(t, s.answer, func(o *Options) { o.OwnDomains = own })
			if link, err := w.upload("hello"); !strings.Contains(fmt.Sprint(err), "without encryption") {
				t.Errorf("over plain HTTP: %q, %v", link, err)
			}
			if link, err := w.upload("hello"); !strings.Contains(fmt.Sprint(err), "the address is not public") {
				t.Errorf("to the loopback interface: %q, %v", link, err)
			}
			if len(s.stored) > 0 {
				t.Errorf("stored = %q", s.stored)
			}
		})
	}
}

// Where the server has no place, the gateway has; where neither has, both say why.
func TestUploadToGateway(t *testing.T) {
	t.Parallel()
	w := newUploadWorld(t, nil, func(o *Options) { o.Upload.Files = ownFiles(t, 10) })
	if link, err := w.upload("hello"); err != nil || !strings.HasPrefix(link, "https://gateway.example/files/") || !strings.HasSuffix(link, "/a.txt") {
		t.Errorf("Upload = %q, %v", link, err)
	}
	link, err := w.upload("hello world")
	if e := transports.AsError(err); e == nil || e.Text != "Your XMPP server has no place for uploads. The gateway keeps no files larger than 10 B." {
		t.Errorf("Upload = %q, %v", link, err)
	}
}

// What waits for a server ends with the gateway.
func TestUploadAtStop(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 8)
	w := newUploadWorld(t, func(iq *xmpptest.Element) string {
		asked <- struct{}{}
		return "" // silence
	}, nil)
	failed := make(chan error, 1)
	go func() {
		_, err := w.gateway.Upload(context.Background(), transports.Address{Local: "alice", Domain: "localhost"}, transports.File{Size: 1}, strings.NewReader("x"))
		failed <- err
	}()
	<-asked
	w.stop()
	select {
	case err := <-failed:
		if err == nil {
			t.Error("it was uploaded")
		}
	case <-time.After(testWait):
		t.Error("the upload does not end")
	}
}

// A server that does not answer is not waited for by each message.
func TestUploadToSilentServer(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 8)
	w := newUploadWorld(t, func(*xmpptest.Element) string {
		asked <- struct{}{}
		return ""
	}, nil)
	for range 2 {
		if _, err := w.upload("hello"); err == nil {
			t.Error("it was uploaded")
		}
	}
	if n := len(asked); n != 1 {
		t.Errorf("the service was asked %d times", n)
	}
}

func TestUploadServicesAreForgotten(t *testing.T) {
	t.Parallel()
	u := newUploads(UploadOptions{}, nil)
	defer u.close()
	for i := range maxKnown + 10 {
		u.remember(fmt.Sprint(i), nil, knowFor)
	}
	if len(u.known) > maxKnown {
		t.Errorf("%d domains are known", len(u.known))
	}
	if _, ok := u.find(fmt.Sprint(maxKnown + 9)); !ok {
		t.Error("the newest is not among them")
	}
	u.known["old"] = knownServices{until: time.Now().Add(-time.Second)}
	if _, ok := u.find("old"); ok {
		t.Error("what is over is found")
	}
}

// Whatever a service answers, what is made of it can be connected to and shown.
func FuzzUploadAnswer(f *testing.F) {
	f.Add(`<iq><slot xmlns='urn:xmpp:http:upload:0'><put url='https://a.b/'><header name='Cookie'>x</header></put><get url='https://a.b/c'/></slot></iq>`)
	f.Add(`<iq type='error'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><retry xmlns='urn:xmpp:http:upload:0' stamp='2030-01-02T03:04:05Z'/></error></iq>`)
	f.Add(`<iq><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:http:upload:0'/><x xmlns='jabber:x:data'><field var='FORM_TYPE'><value>urn:xmpp:http:upload:0</value></field><field var='max-file-size'><value>99999999999999999999</value></field></x></query></iq>`)
	f.Add(`<iq><query xmlns='http://jabber.org/protocol/disco#items'><item jid='a.b'/><item jid='@'/></query></iq>`)
	f.Fuzz(func(t *testing.T, text string) {
		st, err := stanza.Parse([]byte(text), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			return
		}
		defer st.Release()
		if s := readSlot(st.Root.Child(nsUpload, "slot")); s != nil {
			if strings.ContainsAny(s.get, "\r\n ") {
				t.Errorf("link = %q", s.get)
			}
			for name, values := range s.header {
				if !slices.Contains(slotHeaders[:], name) || strings.ContainsAny(values[0], "\r\n\x00") {
					t.Errorf("header %q: %q", name, values)
				}
			}
		}
		if s := readUploadService(transports.Address{}, st.Root); s != nil && s.maxSize < 0 {
			t.Errorf("limit = %d", s.maxSize)
		}
		if items := readItems(st.Root); len(items) > maxServices {
			t.Errorf("%d items", len(items))
		}
		_ = slotRefused(readIQError(st.Root)).Error()
	})
}

// Users of another server do not upload to the operator's own one, whatever theirs says is its service.
func TestUploadOfStranger(t *testing.T) {
	t.Parallel()
	s := (&script{slots: []string{scriptedSlot}, puts: []int{201}}).start(t)
	w := newServicesWorld(t, map[string]xmpptest.Service{"upload.localhost": s.answer, "evil.example": func(*xmpptest.Element) string {
		return `<iq type='result'><query xmlns='` + nsDiscoItems + `'><item jid='upload.localhost'/></query></iq>`
	}}, nil)
	link, err := w.gateway.Upload(t.Context(), transports.Address{Local: "mallory", Domain: "evil.example"},
		transports.File{Name: "a.txt", Size: 1}, strings.NewReader("x"))
	if e := transports.AsError(err); e == nil || e.Kind != transports.Unsupported || !strings.Contains(e.Text, "no place for uploads") {
		t.Errorf("link = %q, error = %v", link, err)
	}
	if len(s.asked) > 0 {
		t.Errorf("the operator's server was asked for %s", s.asked[0])
	}
}

// However slow the servers of strangers are, the operator's own users do not wait for them.
func TestUploadsOfStrangersRunApart(t *testing.T) {
	t.Parallel()
	s := (&script{slots: []string{scriptedSlot}, puts: []int{201}}).start(t)
	w := newUploadWorld(t, s.answer, nil)
	for range maxUploads {
		w.gateway.uploads.lane("evil.example") <- struct{}{}
	}
	if _, err := w.upload("hello"); err != nil {
		t.Error(err)
	}
}

// A disk that takes no files is the operator's business: it is in the log as an error.
func TestUploadToBrokenDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newUploadWorld(t, nil, func(o *Options) { o.Upload.Files = ownFilesIn(t, dir, 100) })
	if err := os.RemoveAll(filepath.Join(dir, "files")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.upload("hello"); err == nil {
		t.Error("it was uploaded")
	}
	w.logged("level=ERROR msg=\"a file could not be kept")
}
