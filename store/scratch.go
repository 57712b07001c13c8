package store

import "slices"

// scratch is the memory of lines on their way into the archive, which is of one write after the other. It belongs to the committer.
type scratch struct {
	rows   []archiveRow
	sorted []*archiveRow
	args   []any

	groups map[archiveKey]int // of archives, counted from 0
	group  []int              // of each row
	next   []int              // where the next row of each group stands
}

// maxScratch is for how many lines memory is kept: who writes them as they are said writes no more at once.
const maxScratch = 1024

// byArchive gives rows archive by archive, those of each in their order.
func (s *scratch) byArchive(rows []archiveRow) []*archiveRow {
	if s.groups == nil {
		s.groups = make(map[archiveKey]int)
	}
	s.group, s.next = s.group[:0], s.next[:0]
	for i := range rows {
		group, known := s.groups[rows[i].archiveKey]
		if !known {
			group = len(s.next)
			s.groups[rows[i].archiveKey], s.next = group, append(s.next, 0)
		}
		s.group = append(s.group, group)
		s.next[group]++
	}
	begin := 0
	for group, count := range s.next {
		s.next[group], begin = begin, begin+count
	}
	s.sorted = slices.Grow(s.sorted[:0], len(rows))[:len(rows)]
	for i, group := range s.group {
		s.sorted[s.next[group]] = &rows[i]
		s.next[group]++
	}
	return s.sorted
}

// clear forgets what there was.
func (s *scratch) clear() {
	if max(cap(s.rows), cap(s.sorted), cap(s.args)/lineInsert.columns) > maxScratch {
		*s = scratch{}
		return
	}
	clear(s.rows)
	clear(s.sorted)
	clear(s.args)
	clear(s.groups)
}
