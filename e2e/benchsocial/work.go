package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"passerelle/socialbridge/salmon"
)

// subscribe has everybody ask to be told of what the author posts, and answer that he did.
func (b *bench) subscribe(ctx context.Context, s *site) (int, error) {
	done := s.peers.expect(&s.peers.verified, b.subscribers)
	err := each(ctx, b.subscribers, func(i int) error {
		form := url.Values{
			"hub.mode": {"subscribe"}, "hub.topic": {topic}, "hub.callback": {s.peers.callback(i)}, "hub.secret": {fmt.Sprintf("secret of %d", i)}, "hub.lease_seconds": {"864000"},
		}
		return s.post(ctx, "/hub", "application/x-www-form-urlencoded", []byte(form.Encode()))
	})
	if err != nil {
		return 0, err
	}
	return b.subscribers, wait(ctx, done)
}

// push has the author post something, and waits until everybody has it.
func (b *bench) push(ctx context.Context, s *site) (int, error) {
	done := s.peers.expect(&s.peers.got, b.subscribers)
	s.say(fmt.Sprintf("post The %d. thing that I have to say to you all.", s.said))
	return b.subscribers, wait(ctx, done)
}

// slap has people mention the author. What they say was signed before, but for the first of each, for which the gateway asks for his key.
func (b *bench) slap(ctx context.Context, s *site) (int, error) {
	bodies := make([][]byte, b.slaps+len(s.peers.keys))
	if err := each(ctx, len(bodies), func(i int) (err error) {
		bodies[i], err = s.peers.mention(i)
		return err
	}); err != nil {
		return 0, err
	}
	send := func(bodies [][]byte) error {
		return each(ctx, len(bodies), func(i int) error { return s.post(ctx, "/salmon/alice", "application/magic-envelope+xml", bodies[i]) })
	}
	known := len(s.peers.keys)
	if err := send(bodies[:known]); err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := send(bodies[known:]); err != nil {
		return 0, err
	}
	took := time.Since(begun)
	fmt.Printf("| – of these alone, without the signing by this program | %d | %.0f | |\n", b.slaps, float64(b.slaps)/took.Seconds())
	return b.slaps, nil
}

// mention is a slap in which somebody mentions the author.
func (p *peers) mention(i int) ([]byte, error) {
	who := i % len(p.keys)
	base, at := p.base(who), time.Now().UTC().Format(time.RFC3339)
	entry := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><entry xmlns="http://www.w3.org/2005/Atom" xmlns:activity="http://activitystrea.ms/spec/1.0/" `+
		`xmlns:ostatus="http://ostatus.org/schema/1.0"><activity:object-type>http://activitystrea.ms/schema/1.0/note</activity:object-type>`+
		`<activity:verb>http://activitystrea.ms/schema/1.0/post</activity:verb><id>%[1]s/n/%[2]d</id><title>note</title>`+
		`<content type="html">@&lt;a href="https://%[3]s/u/alice"&gt;alice&lt;/a&gt; this is number %[2]d of what I have to say to you, and it is as long as such things are</content>`+
		`<author>%[4]s</author><link rel="alternate" type="text/html" href="%[1]s/n/%[2]d"/><published>%[5]s</published><updated>%[5]s</updated>`+
		`<link rel="mentioned" ostatus:object-type="http://activitystrea.ms/schema/1.0/person" href="https://%[3]s/u/alice"/>`+
		`<link rel="mentioned" ostatus:object-type="http://activitystrea.ms/schema/1.0/collection" href="http://activityschema.org/collection/public"/></entry>`,
		base, i, host, person(base), at)
	return salmon.Seal([]byte(entry), func(signed []byte) ([]byte, error) {
		sum := sha256.Sum256(signed)
		return rsa.SignPKCS1v15(rand.Reader, p.keys[who], crypto.SHA256, sum[:])
	})
}

// fingers is how often discovery is asked for.
const fingers = 50_000

// finger asks who the author is.
func (b *bench) finger(ctx context.Context, s *site) (int, error) {
	return fingers, each(ctx, fingers, func(int) error {
		resp, err := s.get(ctx, "/.well-known/webfinger?resource=acct%3Aalice%40"+host)
		if err != nil {
			return err
		}
		return taken(resp)
	})
}

// post brings something to the gateway.
func (s *site) post(ctx context.Context, path, typ string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.web+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Host = host
	req.Header.Set("Content-Type", typ)
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	return taken(resp)
}

// taken is the error of an answer that is none of success.
func taken(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("it answers %s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	return nil
}

// each does something n times, over all connections, until it fails.
func each(ctx context.Context, n int, do func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

func wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
