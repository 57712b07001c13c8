package judge

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"
)

// Bounds of what is kept of the DNS.
const (
	keepTexts = time.Minute // what a domain changes counts after that; the resolver does not tell how long a record may be kept
	maxTexts  = 1000        // names
	maxText   = 4 << 10     // bytes of a name's records
)

// cached keeps the texts of names for a while: mails of a domain come one after the other. Safe to use from any goroutine.
type cached struct {
	Resolver

	mu    sync.Mutex
	texts map[string]texts
}

// texts are those of a name, or that it has none.
type texts struct {
	all   []string
	err   error
	until time.Time
}

func newCached(r Resolver) *cached { return &cached{Resolver: r, texts: make(map[string]texts)} }

// LookupTXT implements Resolver. Nobody changes what it returns.
func (c *cached) LookupTXT(ctx context.Context, name string) ([]string, error) {
	key := strings.ToLower(name)
	now := time.Now()
	c.mu.Lock()
	known, ok := c.texts[key]
	c.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.all, known.err
	}
	all, err := c.Resolver.LookupTXT(ctx, name)
	if e, ok := errors.AsType[*net.DNSError](err); err != nil && !(ok && e.IsNotFound) {
		return all, err // it may answer the next time
	}
	size := len(key)
	for _, text := range all {
		size += len(text)
	}
	if size > maxText {
		return all, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for old := range c.texts { // any goes: it is a cache
		if len(c.texts) < maxTexts {
			break
		}
		delete(c.texts, old)
	}
	c.texts[key] = texts{all, err, now.Add(keepTexts)}
	return all, err
}
