package atom

import "testing"

// BenchmarkParseEntry is what reading one message of a peer costs.
func BenchmarkParseEntry(b *testing.B) {
	body := captured(b, "salmon-post-reply")
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := ParseEntry(body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseFeed is what reading a push of a peer costs.
func BenchmarkParseFeed(b *testing.B) {
	body := captured(b, "push-post")
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := ParseFeed(body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWriteFeed is what it costs to write a feed of 20 posts, which is one page.
func BenchmarkWriteFeed(b *testing.B) {
	f := everything()
	f.Entries = nil
	for i := range 20 {
		f.Entries = append(f.Entries, posted(note(i)))
	}
	var body []byte
	b.ReportAllocs()
	for b.Loop() {
		body = AppendFeed(body[:0], f)
	}
	b.SetBytes(int64(len(body)))
}
