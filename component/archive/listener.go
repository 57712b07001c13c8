package archive

import "slices"

// listener is a session in a channel.
type listener struct {
	entered int64   // number of the first line after it entered
	cursor  int64   // what it hears next in the order of the channel is this line or a later one
	heard   []int64 // what it heard of the lines that are remembered, in ascending order
}

// hear notes that the session heard a line. A line without a place among the others leaves the cursor where it is.
func (l *listener) hear(n int64, loose bool) {
	if i, found := slices.BinarySearch(l.heard, n); !found {
		l.heard = slices.Insert(l.heard, i, n)
	}
	if !loose {
		l.cursor = max(l.cursor, n+1)
	}
}

func (l *listener) hasHeard(n int64) bool {
	_, found := slices.BinarySearch(l.heard, n)
	return found
}

// forget drops what is not remembered any more.
func (l *listener) forget(first int64) {
	i, _ := slices.BinarySearch(l.heard, first)
	l.heard = slices.Delete(l.heard, 0, i)
	l.cursor = max(l.cursor, first)
}
