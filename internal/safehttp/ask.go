package safehttp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// Request is a question to a server, or something that it is told.
type Request struct {
	Method string // GET or POST
	URL    string
	// Header must be one that the caller picked: all of it goes to the server.
	Header http.Header
	Body   []byte // of a POST
	Limit  Limit  // of the answer
	// HTTPS refuses http, whatever the client takes otherwise.
	HTTPS bool
}

// Answer is what a server said. Its Body is no longer than the limit where Status is one of success, and of any other cut there: a refusal is
// worth no more.
type Answer struct {
	Status int
	Header http.Header
	URL    string // where it was in the end
	Type   string // the media type as the server says it, without parameters
	Body   []byte
}

// Err is the answer as an error, nil where it is one of success.
func (a *Answer) Err() error {
	if success(a.Status) {
		return nil
	}
	return &Error{Reason: Refused, Status: a.Status, RetryAfter: retryAfter(a.Header.Get("Retry-After"))}
}

func success(status int) bool { return status >= 200 && status <= 299 }

// Ask makes a request and reads the whole answer, whatever its status; a redirect of a POST is an answer too, and is not followed. Its errors
// are of type *Error.
func (c *Client) Ask(ctx context.Context, r Request) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Limit.Time)
	defer cancel()
	if r.HTTPS {
		if u, err := url.Parse(r.URL); err == nil && u.Scheme != "https" {
			return nil, newError(BadURL, errNotHTTPS)
		}
	}
	var body io.Reader = http.NoBody
	if len(r.Body) > 0 {
		body = bytes.NewReader(r.Body)
	}
	resp, done, err := c.send(ctx, r.Method, r.URL, r.Header, body, int64(len(r.Body)))
	if err != nil {
		return nil, err
	}
	defer done()
	a, err := readAnswer(ctx, resp, r.Limit)
	if e := errors.Join(resp.Body.Close()); err == nil && e != nil {
		err = newError(Unreachable, nil)
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

func readAnswer(ctx context.Context, resp *http.Response, l Limit) (*Answer, error) {
	a := &Answer{Status: resp.StatusCode, Header: resp.Header, URL: resp.Request.URL.String(), Type: resp.Header.Get("Content-Type")}
	ok := success(a.Status)
	content := &Content{body: newSniffer(resp.Body), left: l.Bytes, ctx: ctx}
	if ok && resp.StatusCode != http.StatusNoContent {
		if err := content.check(resp, l); err != nil {
			return nil, err
		}
		a.Type = content.Type
	}
	var err error
	a.Body, err = io.ReadAll(content)
	if e, is := errors.AsType[*Error](err); is && e.Reason == TooLarge && !ok {
		err = nil
	}
	if err != nil {
		return nil, cmp.Or(asError(err))
	}
	return a, nil
}
