// Package safehttp is in charge of HTTP requests to addresses that strangers name: where they may lead, how long they may take and how
// much they may bring. Everything that the program asks of a URL which it did not get from its operator goes through here.
//
// It knows nothing of what is fetched for whom. It never follows a URL to an address that is not public, whatever the name resolves to at
// the moment of the connection, unless the operator permits that address.
//
// Documents: RFC 9110, RFC 6890 and the IANA's registries of special-purpose addresses.
package safehttp

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Limits that are the same for all requests.
const (
	maxRedirects   = 5
	maxHeaderBytes = 64 << 10
	connectTimeout = 10 * time.Second
	headerTimeout  = 30 * time.Second // from the request until the answer begins
	idleTimeout    = 30 * time.Second
	maxRetryAfter  = 24 * time.Hour
	maxSessions    = 1024     // of TLS, each of some kilobytes; where one is taken up nobody's certificate is looked at again
	drainBytes     = 64 << 10 // of a refusal that are read so that the connection can be used again
)

// Options are what a Client is made of.
type Options struct {
	Permit    []netip.Prefix // addresses that may be dialled although they are not public
	UserAgent string
	Resolver  *net.Resolver  // nil for the system's
	RootCAs   *x509.CertPool // nil for the system's
	// SameOrigin has redirects followed only where they lead to the scheme, host and port of the first URL: what is permitted because of its name
	// leads nowhere else.
	SameOrigin bool
	// Redirects are how many are followed; 0: 5.
	Redirects int
	// HTTPS refuses URLs without TLS, those of redirects too.
	HTTPS bool
	// PerHost is how many requests of one server there are at a time, who comes then waits; 0: any number. Keep is how many connections are kept
	// for later in all, and as many of one server as PerHost; 0: 16.
	PerHost, Keep int
	// Break has nobody wait for a server that did not answer three times in a row: for a while requests to it fail at once, then one of them
	// finds out whether it is back.
	Break bool
}

// Client makes requests. It is safe to use from any goroutine. Close ends the connections that it keeps.
type Client struct {
	permit     []netip.Prefix
	userAgent  string
	sameOrigin bool
	redirects  int
	https      bool
	hosts      hosts
	transport  *http.Transport
}

// New makes a client.
func New(o Options) *Client {
	c := &Client{
		permit: o.Permit, userAgent: o.UserAgent, sameOrigin: o.SameOrigin, redirects: cmp.Or(o.Redirects, maxRedirects), https: o.HTTPS,
		hosts: hosts{perHost: o.PerHost, breaks: o.Break, now: time.Now, known: make(map[string]*host)},
	}
	dialer := &net.Dialer{
		Timeout: connectTimeout, Resolver: o.Resolver,
		// It runs with the very address that is about to be connected to, after the name was resolved: an answer that differs from one
		// look-up to the next changes nothing.
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error { return c.checkAddress(address) },
	}
	c.transport = &http.Transport{
		Proxy:                  nil, // of the environment: a proxy resolves names by itself, behind our back
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(maxSessions)},
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConns:           cmp.Or(o.Keep, 16),
		MaxIdleConnsPerHost:    cmp.Or(o.PerHost, 2),
		IdleConnTimeout:        idleTimeout,
	}
	return c
}

// Close ends the connections that are kept for later requests.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// checkAddress refuses what may not be dialled.
func (c *Client) checkAddress(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return newError(Forbidden, nil)
	}
	if a := ap.Addr(); !Public(a) && !within(a.Unmap().WithZone(""), c.permit) {
		return newError(Forbidden, nil)
	}
	return nil
}

// do makes a request and refuses any answer but one of success. The whole of it, the body too, ends with ctx. Done must be called when the
// body was closed.
func (c *Client) do(ctx context.Context, method, rawURL string, header http.Header, body io.Reader, size int64) (resp *http.Response, done func(), err error) {
	resp, done, err = c.send(ctx, method, rawURL, header, body, size)
	if err != nil {
		return nil, nil, err
	}
	if !success(resp.StatusCode) {
		defer done()
		e := &Error{Reason: Refused, Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"))}
		// What it says is a stranger's; it is read only so that the connection is of use.
		_, _ = io.CopyN(io.Discard, resp.Body, drainBytes)
		_ = resp.Body.Close()
		return nil, nil, e
	}
	return resp, done, nil
}

var errNotHTTPS = errors.New("it is without TLS")

// send makes a request, and takes every answer.
func (c *Client) send(ctx context.Context, method, rawURL string, header http.Header, body io.Reader, size int64) (*http.Response, func(), error) {
	u, err := parseURL(rawURL)
	if err == nil && c.https && u.Scheme != "https" {
		err = errNotHTTPS
	}
	if err != nil {
		return nil, nil, newError(BadURL, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, nil, newError(BadURL, nil)
	}
	if header != nil {
		req.Header = header.Clone()
	}
	req.Header.Set("User-Agent", c.userAgent)
	req.ContentLength = size
	leave, failed := c.hosts.enter(ctx, u)
	if failed != nil {
		return nil, nil, failed
	}
	hc := &http.Client{Transport: c.transport, CheckRedirect: c.redirect}
	resp, err := hc.Do(req)
	if err != nil {
		failed = asError(err)
		if ctx.Err() != nil {
			failed = ended(ctx)
		}
		// What we refuse says nothing of the server, nor does who gives up.
		leave(failed.Reason != Unreachable && failed.Reason != Slow || errors.Is(ctx.Err(), context.Canceled))
		return nil, nil, failed
	}
	return resp, func() { leave(true) }, nil
}

// redirect says whether a redirect is followed.
func (c *Client) redirect(next *http.Request, via []*http.Request) error {
	first := via[0]
	if first.Method != http.MethodGet {
		return http.ErrUseLastResponse // the answer itself is refused, because it is none of success
	}
	if len(via) > c.redirects {
		return newError(Redirects, nil)
	}
	if c.sameOrigin && Origin(next.URL) != Origin(first.URL) {
		return newError(Redirects, errors.New("it leads to another server"))
	}
	if first.URL.Scheme == "https" && next.URL.Scheme != "https" {
		return newError(BadURL, errors.New("a redirect leads from https to http"))
	}
	if err := checkURL(next.URL); err != nil {
		return newError(BadURL, err)
	}
	next.Header.Del("Referer") // which net/http adds; the URL may be a secret
	return nil
}

// ended is the error of a request that ctx has ended.
func ended(ctx context.Context) *Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return newError(Slow, nil)
	}
	return newError(Unreachable, context.Cause(ctx))
}

// retryAfter reads a Retry-After (RFC 9110 §10.2.3), in either form.
func retryAfter(s string) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(s); err == nil {
		d = time.Until(t)
	}
	return min(max(d, 0), maxRetryAfter)
}

// Put stores size bytes under a URL (RFC 9110 §9.3.4). No redirect is followed. The header must be one that the caller picked: all of it
// goes to the server. The request ends with ctx, which must have a deadline.
func (c *Client) Put(ctx context.Context, rawURL string, header http.Header, body io.Reader, size int64) error {
	resp, done, err := c.do(ctx, http.MethodPut, rawURL, header, body, size)
	if err != nil {
		return err
	}
	defer done()
	_, _ = io.CopyN(io.Discard, resp.Body, drainBytes)
	_ = resp.Body.Close() // the status has said that it is stored
	return nil
}
