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
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
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

// gallery serves a picture of somebody.
func gallery(t testing.TB) (url string, o safehttp.Options) {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(drawn(t, 32)) // who reads it says what is wrong
	}))
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.URL, safehttp.Options{Permit: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, RootCAs: roots}
}

// Who has a picture is shown with it, and what he says of himself is in his card; a room's and a network's too.
func TestDescribed(t *testing.T) {
	t.Parallel()
	url, o := gallery(t)
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

// TestNetworkTellsItsName has a network say what it is called, as almost all do: there is a session for each user, so it must cost none a table.
func TestNetworkTellsItsName(t *testing.T) {
	t.Parallel()
	var n network
	itself := transports.Target{Kind: transports.TargetNetwork, Network: "irc.example"}
	bob := transports.Target{Kind: transports.TargetContact, Network: "irc.example", ID: "Bob"}
	n.described(transports.Described{Of: itself, What: transports.DetailName, Value: "Example"})
	if got := n.detail(itself, transports.DetailName); got != "Example" || n.details != nil {
		t.Errorf("the network is called %q, with a table of %d", got, len(n.details))
	}
	if got := n.detail(bob, transports.DetailName); got != "" {
		t.Errorf("Bob is called %q", got)
	}
	n.described(transports.Described{Of: bob, What: transports.DetailName, Value: "Robert"})
	n.described(transports.Described{Of: itself, What: transports.DetailName})
	if got := n.detail(bob, transports.DetailName) + n.detail(itself, transports.DetailName); got != "Robert" {
		t.Errorf("they are called %q", got)
	}
	bob.ID = "bob"
	if n.described(transports.Described{Of: bob, What: transports.DetailName}); len(n.details) != 0 {
		t.Errorf("of nobody there is %v", n.details)
	}
}
