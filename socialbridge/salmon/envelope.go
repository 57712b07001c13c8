package salmon

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MediaType is that of an envelope. GNU social matches it exactly, without parameters.
const MediaType = "application/magic-envelope+xml"

// Limits of what a stranger sends.
const (
	MaxBody  = 1 << 20   // bytes of an envelope
	MaxEntry = 256 << 10 // bytes of what is in it

	maxSignatures = 4
	maxNodes      = 64 // tags, comments and so on of an envelope
)

const (
	namespace = "http://salmon-protocol.org/ns/magic-env"
	atomType  = "application/atom+xml"
	encoding  = "base64url"
	algorithm = "RSA-SHA256"
)

// ErrTooLarge is what Parse says of an envelope that is over a limit.
var ErrTooLarge = errors.New("the envelope is too large")

// Envelope is an envelope as it was read. Nothing is proven by that: see Verify.
type Envelope struct {
	Entry []byte // what is in it: an Atom entry

	data       string // the same as it came, without white space: what was signed
	typ        string // as it came
	signatures [][]byte
}

// Parse reads an envelope (Magic Signatures §3.3).
func Parse(body []byte) (*Envelope, error) {
	if len(body) > MaxBody {
		return nil, ErrTooLarge
	}
	r := reader{fields: make(map[string]string, 4)}
	if err := r.read(body); err != nil {
		return nil, err
	}
	e := &Envelope{data: withoutSpace(r.fields["data"]), typ: r.typ}
	// Magic Signatures §3.1 has more of these; nobody uses them, and each of them is one more to be forged with.
	if got := withoutSpace(r.fields["encoding"]); got != encoding {
		return nil, fmt.Errorf("the encoding is %.32q and not %s", got, encoding)
	}
	if got := withoutSpace(r.fields["alg"]); got != algorithm {
		return nil, fmt.Errorf("the algorithm is %.32q and not %s", got, algorithm)
	}
	if mime, _, _ := strings.Cut(e.typ, ";"); strings.TrimSpace(mime) != atomType {
		return nil, fmt.Errorf("the data is %.64q and not %s", e.typ, atomType)
	}
	if base64.RawURLEncoding.DecodedLen(len(e.data)) > MaxEntry+2 {
		return nil, ErrTooLarge
	}
	var err error
	if e.Entry, err = decode(e.data); err != nil {
		return nil, fmt.Errorf("read data: %w", err)
	}
	if len(e.Entry) == 0 {
		return nil, errors.New("there is no data")
	}
	if len(e.Entry) > MaxEntry {
		return nil, ErrTooLarge
	}
	for _, s := range r.signatures {
		signature, err := decode(withoutSpace(s))
		if err != nil {
			return nil, fmt.Errorf("read signature: %w", err)
		}
		e.signatures = append(e.signatures, signature)
	}
	if len(e.signatures) == 0 {
		return nil, errors.New("there is no signature")
	}
	return e, nil
}

// reader collects the elements of an envelope.
type reader struct {
	fields     map[string]string
	typ        string
	signatures []string
}

func (r *reader) read(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	var open []string
	var text strings.Builder
	for range maxNodes {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read envelope: %w", err)
		}
		switch token := token.(type) {
		case xml.Directive: // a DTD may name entities and other servers
			return errors.New("the envelope has a document type")
		case xml.StartElement:
			if token.Name.Space != namespace || len(open) == 0 && token.Name.Local != "env" || len(open) > 1 {
				return fmt.Errorf("the envelope has an element %.32q where none belongs", token.Name.Local)
			}
			open = append(open, token.Name.Local)
			text.Reset()
			for _, a := range token.Attr {
				if token.Name.Local == "data" && a.Name.Local == "type" && a.Name.Space == "" {
					r.typ = a.Value
				}
			}
		case xml.CharData:
			if len(open) == 2 {
				text.Write(token)
			}
		case xml.EndElement:
			if len(open) == 2 {
				if err := r.take(open[1], text.String()); err != nil {
					return err
				}
			}
			open = open[:len(open)-1]
		}
	}
	return ErrTooLarge
}

func (r *reader) take(name, value string) error {
	if name == "sig" {
		if len(r.signatures) == maxSignatures {
			return ErrTooLarge
		}
		r.signatures = append(r.signatures, value)
		return nil
	}
	if _, twice := r.fields[name]; twice {
		return fmt.Errorf("the envelope has two elements %.32q", name)
	}
	r.fields[name] = value
	return nil
}

// withoutSpace is s without white space, which may stand anywhere in what is signed and is no part of it (Magic Signatures §3.1).
func withoutSpace(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, part := range strings.Fields(s) {
		b.WriteString(part)
	}
	return b.String()
}

// toURL are the letters of plain base64, which some peers write, in that for URLs.
var toURL = strings.NewReplacer("+", "-", "/", "_")

// decode reads base64url with or without padding.
func decode(s string) ([]byte, error) {
	s = strings.TrimRight(s, "=")
	if strings.ContainsAny(s, "+/") {
		s = toURL.Replace(s)
	}
	return base64.RawURLEncoding.DecodeString(s)
}

// Seal makes an envelope of an Atom entry. Sign makes a signature (RSASSA-PKCS1-v1_5 with SHA-256) of what it is handed.
func Seal(entry []byte, sign func(signed []byte) ([]byte, error)) ([]byte, error) {
	if len(entry) > MaxEntry {
		return nil, ErrTooLarge
	}
	data := base64.URLEncoding.EncodeToString(entry)
	signature, err := sign(signedText(base64.URLEncoding, data, atomType))
	if err != nil {
		return nil, fmt.Errorf("sign entry: %w", err)
	}
	var b bytes.Buffer
	b.Grow(len(data) + 1024)
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<me:env xmlns:me="` + namespace + `"><me:data type="` + atomType + `">`)
	b.WriteString(data)
	b.WriteString(`</me:data><me:encoding>` + encoding + `</me:encoding><me:alg>` + algorithm + `</me:alg><me:sig>`)
	b.WriteString(base64.URLEncoding.EncodeToString(signature))
	b.WriteString("</me:sig></me:env>\n")
	return b.Bytes(), nil
}

// signedText is what is signed (Magic Signatures §3.2). The document leaves open whether what it encodes is padded; GNU social pads it, and takes
// nothing else.
func signedText(e *base64.Encoding, data, typ string) []byte {
	text := make([]byte, 0, len(data)+128)
	text = append(text, data...)
	for _, s := range []string{typ, encoding, algorithm} {
		text = append(text, '.')
		text = e.AppendEncode(text, []byte(s))
	}
	return text
}
