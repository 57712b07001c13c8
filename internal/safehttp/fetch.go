package safehttp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// Limit is what a Fetch may bring.
type Limit struct {
	Bytes int64         // of the content, decompressed
	Time  time.Duration // for all of it
	// Types are the media types that are taken, such as "image/png" or "image/*"; empty takes everything.
	Types []string
}

// Content is what was fetched. Read ends with an *Error of reason TooLarge, Slow or Unreachable where not all of it came. Close must be
// called; it belongs to one goroutine.
type Content struct {
	Type string // the media type as the server says it, without parameters; what the bytes begin with does not contradict it
	URL  string // where it was in the end

	body   *bufio.Reader
	closer io.Closer
	left   int64
	ctx    context.Context
	cancel context.CancelFunc
	done   func()
}

// sniffBytes is how much is looked at to tell what something is (http.DetectContentType).
const sniffBytes = 512

func newSniffer(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, sniffBytes) }

// Fetch gets what is under a URL. Its errors are of type *Error. IRC does for pictures of people; the links that people share
// stay links. Email does for the files that are attached by their URL (XEP-0066, XEP-0447), and the social web for pictures.
func (c *Client) Fetch(ctx context.Context, rawURL string, limit Limit) (*Content, error) {
	ctx, cancel := context.WithTimeout(ctx, limit.Time)
	resp, done, err := c.do(ctx, http.MethodGet, rawURL, nil, http.NoBody, 0)
	if err != nil {
		cancel()
		return nil, err
	}
	content := &Content{
		URL: resp.Request.URL.String(), body: newSniffer(resp.Body), closer: resp.Body,
		left: limit.Bytes, ctx: ctx, cancel: cancel, done: done,
	}
	if err := content.check(resp, limit); err != nil {
		_ = content.Close() // err says more
		return nil, err
	}
	return content, nil
}

// check refuses what is too large or of a type that was not asked for, before much of it is read.
func (c *Content) check(resp *http.Response, limit Limit) error {
	if !resp.Uncompressed && resp.ContentLength > limit.Bytes {
		return newError(TooLarge, nil)
	}
	if resp.Header.Get("Content-Encoding") != "" {
		// net/http has undone gzip, the only one that was asked for. What is left would hide what it is.
		return newError(WrongType, errors.New("it is compressed in a way that was not asked for"))
	}
	c.Type = "application/octet-stream" // RFC 9110 §8.3
	if declared := resp.Header.Get("Content-Type"); declared != "" {
		t, _, err := mime.ParseMediaType(declared)
		if err != nil {
			return newError(WrongType, errors.New("the header cannot be read"))
		}
		c.Type = t
	}
	begin, err := c.body.Peek(sniffBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return c.failed(err)
	}
	sniffed, _, _ := strings.Cut(http.DetectContentType(begin), ";")
	if !accepts(limit.Types, c.Type) || !consistent(limit.Types, c.Type, sniffed) {
		return newError(WrongType, nil)
	}
	return nil
}

// accepts reports whether a media type is one of a list.
func accepts(types []string, t string) bool {
	for _, want := range types {
		if prefix, ok := strings.CutSuffix(want, "*"); t == want || ok && strings.HasPrefix(t, prefix) {
			return true
		}
	}
	return len(types) == 0
}

// consistent reports whether what bytes look like agrees with what the server says they are. Looks say nothing of most formats; but what
// looks like something else than was asked for is that.
func consistent(types []string, declared, sniffed string) bool {
	switch sniffed {
	case "application/octet-stream":
		return true
	case "text/plain", "text/xml":
		kind, rest, _ := strings.Cut(declared, "/")
		media := kind == "image" || kind == "audio" || kind == "video"
		return !media || strings.HasSuffix(rest, "+xml")
	default:
		return accepts(types, sniffed)
	}
}

// Read implements io.Reader.
func (c *Content) Read(p []byte) (int, error) {
	if c.left <= 0 {
		// Exactly as much as is allowed is allowed.
		if _, err := c.body.Peek(1); errors.Is(err, io.EOF) {
			return 0, io.EOF
		} else if err != nil {
			return 0, c.failed(err)
		}
		return 0, newError(TooLarge, nil)
	}
	n, err := c.body.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = c.failed(err)
	}
	return n, err
}

func (c *Content) failed(err error) error {
	if c.ctx.Err() != nil {
		return ended(c.ctx)
	}
	return asError(err)
}

// Close ends the request.
func (c *Content) Close() error {
	c.cancel()
	err := c.closer.Close()
	c.done()
	return err
}
