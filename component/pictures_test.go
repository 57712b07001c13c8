package component

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // as XEP-0153 has it
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"image"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"passerelle/internal/safehttp"
	"passerelle/transports"
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
	mux.HandleFunc("/wide.png", serve("image/png", drawn(t, maxPictureSide+1)))
	mux.HandleFunc("/page.png", serve("text/html", []byte("<html>")))
	mux.HandleFunc("/lie.png", serve("image/png", []byte("<html><script>x</script>")))
	mux.HandleFunc("/cut.png", serve("image/png", drawn(t, 32)[:20]))
	mux.HandleFunc("/icon.svg", serve("image/svg+xml", []byte("<svg xmlns='http://www.w3.org/2000/svg'/>")))
	mux.HandleFunc("/endless.png", serve("image/png", append(drawn(t, 32), make([]byte, maxPicture)...)))
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
	p := newPictures(o, slog.New(slog.DiscardHandler))
	strict := newPictures(safehttp.Options{RootCAs: o.RootCAs}, slog.New(slog.DiscardHandler))
	for _, of := range []string{"/wide.png", "/page.png", "/lie.png", "/cut.png", "/icon.svg", "/endless.png", "/nothing.png"} {
		p.want(url+of, func() { t.Errorf("%s was taken", of) })
	}
	strict.want(url+"/small.png", func() { t.Error("a private address was asked") })
	p.want("file:///etc/passwd", func() { t.Error("a file was read") })
	p.work.Wait()
	strict.close()
	if p.get(url+"/wide.png") != nil || p.get("") != nil || p.get("nothing") != nil {
		t.Error("there is a picture")
	}
	p.close()
}

// A picture is fetched once for everybody, and what is fetched has bounds.
func TestPicturesAreBounded(t *testing.T) {
	t.Parallel()
	url, o, asked := gallery(t)
	p := newPictures(o, slog.New(slog.DiscardHandler))
	defer p.close()
	var told atomic.Int64
	for range 100 {
		p.want(url+"/small.png", func() { told.Add(1) })
	}
	p.work.Wait()
	if p.get(url+"/small.png") == nil || asked.Load() != 1 || told.Load() < 1 {
		t.Errorf("asked %d times, told %d", asked.Load(), told.Load())
	}
	for i := range 3 * maxPictures {
		p.want(fmt.Sprintf("%s/small.png?%d", url, i), func() {})
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

// Who has a picture is shown with it, and what he says of himself is in his card; a room's and a network's too.
func TestDescribed(t *testing.T) {
	t.Parallel()
	url, o, _ := gallery(t)
	w := newWorld(t, func(opt *Options) { opt.Upload.HTTP = o }).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	data := drawn(t, 32)
	sum := sha1.Sum(data) //nolint:gosec // as above
	hash, text := hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(data)
	bob := transports.Target{Kind: transports.TargetContact, Network: "irc.example", ID: "bob"}
	say := func(of transports.Target, what transports.Detail, value string) {
		t.Helper()
		s.emit(t, transports.Described{Of: of, What: what, Value: value})
	}
	say(bob, transports.DetailName, "Robert")
	say(bob, transports.DetailHomepage, "https://bob.example/")
	say(bob, transports.DetailPronouns, "he/him")
	say(bob, transports.DetailPicture, url+"/small.png")
	alice.expect(`<presence from='#go%irc.example@irc.localhost/bob'><x xmlns='vcard-temp:x:update'><photo>` + hash + `</photo></x></presence>`)
	card := `<vCard xmlns='vcard-temp'><FN>Robert</FN><NICKNAME>bob</NICKNAME><DESC>*he/him</DESC><URL>https://bob.example/</URL>
		<PHOTO><TYPE>image/png</TYPE><BINVAL>` + text + `</BINVAL></PHOTO></vCard>`
	for _, to := range []string{"#go%irc.example@irc.localhost/bob", "bob%irc.example@irc.localhost"} {
		alice.ask(`<iq type='get' id='v' to='`+to+`'><vCard xmlns='vcard-temp'/></iq>`, `<iq type='result' id='v'>`+card+`</iq>`)
	}
	alice.ask(`<iq type='get' id='m' to='bob%irc.example@irc.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub></iq>`,
		`<iq type='result' id='m'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items><item id='`+hash+`'><metadata xmlns='urn:xmpp:avatar:metadata'><info id='`+hash+`' height='32' width='32'/></metadata></item></items></pubsub></iq>`)
	// It is his under another nick, and gone with him.
	s.emit(t, transports.Renamed{Old: "bob", New: "Bobby"})
	alice.expect(`<presence from='#go%irc.example@irc.localhost/bob' type='unavailable'/>`)
	alice.expect(`<presence from='#go%irc.example@irc.localhost/Bobby'><x xmlns='vcard-temp:x:update'><photo>` + hash + `</photo></x></presence>`)
	bobby := transports.Target{Kind: transports.TargetContact, Network: "irc.example", ID: "bobby"}
	say(bobby, transports.DetailPicture, "")
	alice.expect(`<presence from='#go%irc.example@irc.localhost/Bobby'><x xmlns='http://jabber.org/protocol/muc#user'/></presence>`)
	s.emit(t, transports.Parted{Nick: "Bobby", How: transports.PartQuit})
	alice.expect(`<presence from='#go%irc.example@irc.localhost/Bobby' type='unavailable'/>`)
	// Of the room, and of the network where the operator has none.
	say(transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#go"}, transports.DetailPicture, url+"/small.png?room")
	alice.expect(`<message from='#go%irc.example@irc.localhost' type='groupchat'><x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/></x></message>`)
	alice.ask(`<iq type='get' id='i' to='#go%irc.example@irc.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
		`<iq type='result' id='i'><query xmlns='http://jabber.org/protocol/disco#info'><x xmlns='jabber:x:data'><field var='muc#roominfo_avatarhash'><value>`+hash+`</value></field></x></query></iq>`)
	network := transports.Target{Kind: transports.TargetNetwork, Network: "irc.example"}
	say(network, transports.DetailName, "The Example")
	alice.alive()
	alice.ask(`<iq type='get' id='n' to='irc.example@irc.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
		`<iq type='result' id='n'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='*' name='The Example'/></query></iq>`)
	// More people than a session keeps.
	for i := range 2 * maxDetailed {
		of := bob
		of.ID = fmt.Sprint("nick", i)
		say(of, transports.DetailStatus, strings.Repeat("x", 10))
	}
	alice.alive()
	done := make(chan int)
	w.gateway.onUser(transports.Address{Local: "alice", Domain: "localhost"}, func(u *user) { done <- len(u.networks.of("irc.example").details) })
	if n := <-done; n > maxDetailed+2 {
		t.Errorf("it is kept of %d people", n)
	}
}
