package gnusocial

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const agent = "GNU social/1.20.10-release (The Invicta Crusade)"

// answer is what a server said.
type answer struct {
	status      int
	contentType string
	body        []byte
}

func (s *Site) get(ctx context.Context, u, accept string) (*answer, error) {
	header := ""
	if accept != "" {
		header = "Accept: " + accept + "\r\n"
	}
	a, err := s.request(ctx, "GET", u, header, nil)
	if err == nil && a.status/100 != 2 {
		err = fmt.Errorf("GET %s: status %d", u, a.status)
	}
	return a, err
}

func (s *Site) post(ctx context.Context, u, contentType, header string, body []byte) (*answer, error) {
	return s.request(ctx, "POST", u, fmt.Sprintf("Content-Length: %d\r\nContent-Type: %s\r\n%s", len(body), contentType, header), body)
}

// request speaks HTTP/1.0. In TLS it offers that alone, and a server that knows no ALPN "http/1.0" ends the connection.
func (s *Site) request(ctx context.Context, method, raw, header string, body []byte) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	host := u.Host
	if u.Port() == "" {
		host += map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	}
	dial := s.opt.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	c, err := dial(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if end, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(end); err != nil {
			return nil, err
		}
	}
	if u.Scheme == "https" {
		tc := tls.Client(c, &tls.Config{ServerName: u.Hostname(), RootCAs: s.opt.Roots, NextProtos: []string{"http/1.0"}, MinVersion: tls.VersionTLS12})
		if err := tc.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		c = tc
	}
	request := method + " " + u.RequestURI() + " HTTP/1.0\r\nHost: " + u.Host + "\r\n" + header + "User-Agent: " + agent + "\r\n\r\n"
	if _, err := c.Write(append([]byte(request), body...)); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if len(resp.TransferEncoding) > 0 {
		return nil, fmt.Errorf("%s was answered in %s, which HTTP/1.0 does not have", raw, strings.Join(resp.TransferEncoding, ", "))
	}
	got, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return nil, err
	}
	t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return &answer{resp.StatusCode, t, got}, nil
}
