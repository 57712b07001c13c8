package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"passerelle/internal/xmpptest"
)

var (
	// link finds what people of IRC can open, without the bracket that stands behind it.
	link = regexp.MustCompile(`https?://[^ )]+`)
	// bodyLink finds it in a stanza.
	bodyLink = regexp.MustCompile(`<body>[^<]*?(https?://[^ <]+)`)
)

// runWeb opens the link that somebody got last, or the same one again, or presses the button there, or compares what was there.
func (r *runner) runWeb(ctx context.Context, s step) error {
	method := http.MethodGet
	switch s.verb {
	case "<":
		text, err := expand(s.arg, r.vars, func(v string) string { return v })
		if err != nil {
			return err
		}
		if !xmpptest.MatchText(text, strings.TrimSpace(r.fetched), r.vars) {
			return fmt.Errorf("it is\n%s", r.fetched)
		}
		return nil
	case "follow":
		var err error
		if r.link, err = r.lastLink(s.arg); err != nil {
			return err
		}
	case "press":
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, r.link, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if err == nil && response.Header.Get("Content-Type") == "application/zip" {
		body, err = unpack(body)
	}
	r.fetched = fmt.Sprintf("%d %s", response.StatusCode, body)
	return errors.Join(err, response.Body.Close())
}

// lastLink is the last link that somebody got.
func (r *runner) lastLink(name string) (string, error) {
	if a := r.xmpp[name]; a != nil {
		for _, stanza := range slices.Backward(a.came) {
			if found := bodyLink.FindStringSubmatch(stanza); found != nil {
				return found[1], nil
			}
		}
		return "", nil
	}
	a := r.irc[name]
	if a == nil {
		return "", fmt.Errorf("%s is not connected", name)
	}
	for _, line := range slices.Backward(a.came) {
		if found := link.FindString(line); found != "" {
			return found, nil
		}
	}
	return "", nil
}

// unpack is what the files of a ZIP archive say, each behind its name.
func unpack(data []byte) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	for _, f := range z.File {
		content, err := f.Open()
		if err != nil {
			return nil, err
		}
		all.WriteString("\n" + f.Name + ":\n")
		_, err = io.Copy(&all, content)
		if err := errors.Join(err, content.Close()); err != nil {
			return nil, err
		}
	}
	return all.Bytes(), nil
}
