package component

import (
	"log/slog"
	"time"
)

// keptShare is how much of what waits and of what is kept is a user's, under keepQueue.mu. Of the former he has twice as much as is left at most:
// whoever says as much as he can, or has a network say it, takes no more than two thirds, and however many do so leave something to the others.
type keptShare struct {
	items, bytes int
	day          quota
	of           slog.Attr // his name in the log
}

// minShares is of how many users it is known without a look at who needs none any more.
const minShares = 1024

// archiveShare is the user's share of the archive. It is his for the day, however often he comes and goes.
func (u *user) archiveShare() *keptShare {
	if u.share == nil {
		u.share = u.g.archive.queue.shareOf(u)
	}
	return u.share
}

func (q *keepQueue) shareOf(u *user) *keptShare {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s := q.shares[u.jid]; s != nil {
		return s
	}
	if len(q.shares) >= q.sweepAt {
		for jid, s := range q.shares {
			// Who has said little begins anew when he comes the next time.
			if s.items == 0 && (s.day.used < q.daily()/1024 || now().UnixNano()-s.day.from > int64(shareTime)) {
				delete(q.shares, jid)
			}
		}
		q.sweepAt = max(minShares, 2*len(q.shares))
	}
	s := &keptShare{of: u.logID()}
	q.shares[u.jid] = s
	return s
}

// shareTime is for how long a user's share of what is kept is.
const shareTime = 24 * time.Hour

func (s *keptShare) add(items, bytes int) {
	if s != nil {
		s.items, s.bytes = s.items+items, s.bytes+bytes
	}
}

func (s *keptShare) fits(items, bytes int) bool {
	return s == nil || s.items <= 2*items && s.bytes <= 2*bytes
}

// mayKeep counts bytes that are to be kept, and reports whether that is not too much for a day; the caller holds mu.
func (q *keepQueue) mayKeep(s *keptShare, size int) bool {
	most := q.daily()
	if s == nil || size == 0 || most == 0 || s.day.take(size, most, shareTime) {
		return true
	}
	if s.day.used-size <= most {
		q.log.Warn("a user's networks say more than is kept in a day", s.of, "bytes", most)
	}
	return false
}
