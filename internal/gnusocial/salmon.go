package gnusocial

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// tail is what GNU social signs behind the data, padded.
const tail = ".YXBwbGljYXRpb24vYXRvbSt4bWw=.YmFzZTY0dXJs.UlNBLVNIQTI1Ng=="

// Envelope makes a magic envelope of an entry as somebody.
func (u *User) Envelope(entry string) []byte {
	data := base64.URLEncoding.EncodeToString([]byte(entry))
	sum := sha256.Sum256([]byte(data + tail))
	sig, err := rsa.SignPKCS1v15(rand.Reader, u.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // the package is for tests
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<me:env xmlns:me="http://salmon-protocol.org/ns/magic-env"><me:data type="application/atom+xml">%s</me:data><me:encoding>base64url</me:encoding><me:alg>RSA-SHA256</me:alg><me:sig>%s</me:sig></me:env>
`, data, base64.URLEncoding.EncodeToString(sig))
}

// SlapRaw tells somebody something as the user, and returns the status and text of the answer.
func (u *User) SlapRaw(ctx context.Context, to, entry string) (int, string, error) {
	a, err := u.site.post(ctx, to, "application/magic-envelope+xml", "", u.Envelope(entry))
	if err != nil {
		return 0, "", err
	}
	return a.status, string(a.body), nil
}

// slap tells somebody something. GNU social does so once.
func (u *User) slap(ctx context.Context, to, entry string) error {
	status, text, err := u.SlapRaw(ctx, to, u.Alone(entry))
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("a slap to %s: status %d, %s", to, status, strings.TrimSpace(text))
	}
	return err
}

// Alone is an entry as a document of its own, with its author.
func (u *User) Alone(entry string) string {
	return fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<entry %s>\n%s%s</entry>\n", namespaces, entry, u.authorXML())
}

// fault is a status and what is said with it.
type fault struct {
	status int
	text   string
}

func (f *fault) Error() string { return f.text }

// salmon takes what somebody tells a user.
func (s *Site) salmon(w http.ResponseWriter, r *http.Request) {
	err := s.takeSlap(r)
	if f := (*fault)(nil); errors.As(err, &f) {
		http.Error(w, f.text, f.status)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (s *Site) takeSlap(r *http.Request) error {
	u := s.user(r.PathValue("id"), r.PathValue("kind") == "group")
	if u == nil {
		return &fault{404, "No such user."}
	}
	if t := r.Header.Get("Content-Type"); t != "application/magic-envelope+xml" {
		return &fault{400, "Salmon requires \"application/magic-envelope+xml\", this is " + t}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return err
	}
	var env struct {
		XMLName xml.Name `xml:"http://salmon-protocol.org/ns/magic-env env"`
		Data    struct {
			Type string `xml:"type,attr"`
			Text string `xml:",chardata"`
		} `xml:"http://salmon-protocol.org/ns/magic-env data"`
		Encoding string `xml:"http://salmon-protocol.org/ns/magic-env encoding"`
		Alg      string `xml:"http://salmon-protocol.org/ns/magic-env alg"`
		Sig      string `xml:"http://salmon-protocol.org/ns/magic-env sig"`
	}
	if err := xml.Unmarshal(body, &env); err != nil || env.Data.Type != "application/atom+xml" || env.Encoding != "base64url" || env.Alg != "RSA-SHA256" {
		return &fault{400, "Could not load MagicEnvelope from DOM"}
	}
	text, err := base64.URLEncoding.DecodeString(env.Data.Text)
	if err != nil {
		return &fault{400, "the data is not padded base64url"}
	}
	e, err := parseEntry(text)
	if err != nil {
		return &fault{400, "the data is no entry"}
	}
	key, err := s.key(r.Context(), e.Author.URI)
	if err != nil {
		return &fault{400, err.Error()}
	}
	sig, err := base64.URLEncoding.DecodeString(env.Sig)
	sum := sha256.Sum256([]byte(env.Data.Text + tail))
	if err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) != nil {
		return &fault{403, "Salmon signature verification failed."}
	}
	return s.accept(u, e)
}

// accept checks what GNU social checks of what is told: that it has to do with whom it is told.
func (s *Site) accept(u *User, e *Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := false
	for _, n := range s.notices {
		mine = mine || n.author == u && n.ID == e.Parent.Ref && e.Parent.Ref != ""
	}
	if !mine && !e.mentions(u.URI()) && e.Object.ID != u.URI() {
		return &fault{400, "The owner of this salmon endpoint was not in the context of the carried slap."}
	}
	switch {
	case e.Does("delete"):
		return &fault{400, "This action is not supported by Salmon."}
	case e.Does("unfavorite"):
		return &fault{500, "Argument #1 ($object) must be of type ActivityObject"}
	}
	id := e.ID + e.Published
	if s.seen[id] {
		return &fault{500, "Notice with URI=" + e.ID + " already exists"}
	}
	s.seen[id] = true
	u.slaps = append(u.slaps, *e)
	s.tell()
	return nil
}
