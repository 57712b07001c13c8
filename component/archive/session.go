package archive

import "slices"

// Session is a session of a user, for the one channel that it enters. The zero value is in none. It belongs to the channel's goroutine.
type Session struct {
	place   int     // in Channel.sessions, from 1; 0 while it is out
	entered int64   // number of the first line after it entered
	cursor  int64   // what it hears next in the order of the channel is this line or a later one
	heard   []int64 // what it heard of the lines that are remembered, in ascending order
}

// hear notes that the session heard a line. A line without a place among the others leaves the cursor where it is.
func (s *Session) hear(n int64, loose bool) {
	if i, found := slices.BinarySearch(s.heard, n); !found {
		s.heard = slices.Insert(s.heard, i, n)
	}
	if !loose {
		s.cursor = max(s.cursor, n+1)
	}
}

func (s *Session) hasHeard(n int64) bool {
	_, found := slices.BinarySearch(s.heard, n)
	return found
}

// forget drops what is not remembered any more.
func (s *Session) forget(first int64) {
	i, _ := slices.BinarySearch(s.heard, first)
	s.heard = slices.Delete(s.heard, 0, i)
	s.cursor = max(s.cursor, first)
}
