package socialbridge

import (
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"

	"passerelle/internal/postaltest"
	"passerelle/socialbridge/activity"
	"passerelle/store"
)

// BenchmarkReceive is a mention by somebody whom the user follows, with the item and the letter that come of it, committed; many of them at a time, as they come.
func BenchmarkReceive(b *testing.B) {
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(b.Context(), store.Options{Path: filepath.Join(b.TempDir(), "db"), Key: make([]byte, 32), Log: log})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	s, err := New(Options{Domain: "social.xmpp.example", URL: &url.URL{Scheme: "https", Host: "social.example"}, Store: db, Log: log, Rules: Rules{Users: "xmpp.example"}})
	if err != nil {
		b.Fatal(err)
	}
	x := &xmppSide{XMPP: postaltest.NewXMPP(), watched: make(chan string, 1)}
	go func() {
		for range x.Delivered {
		}
	}()
	defer close(x.Delivered)
	s.Serve(x)
	a, _, err := s.join(b.Context(), "en", romeo)
	if err != nil {
		b.Fatal(err)
	}
	by := actorAt("alice", "gs1.test")
	if err := followAlice(db, s); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := fmt.Sprintf("tag:gs1.test,2026-11-26:noticeId=%d", n.Add(1))
			in := &activity.Activity{ID: id, Verb: activity.Post, Actor: activity.Actor{URI: by.URI, Nick: by.Nick, Name: by.Name}, Public: true, Note: &activity.Note{
				ID: id, Author: activity.Actor{URI: by.URI}, HTML: `@<a href="https://social.example/u/romeo">romeo</a> hello <b>there</b>, how are you?`, Public: true, Mentions: []activity.Mention{{URI: a.URI}},
			}}
			if err := s.Receive(b.Context(), Received{Activity: in, For: a}); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
}
