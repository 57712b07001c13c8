package mailbridge

import (
	"sync"
	"time"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// Bounds of what is counted in memory.
const (
	maxCounted = 100_000          // users, or pairs with something said; see limits.of
	maxEqual   = 10               // equal mails of somebody to a user within equalTime: programs answer each other
	equalTime  = 10 * time.Minute // see maxEqual
	// How many people may write to a user for the first time in a day who takes mail of all, and how large that may be: as so many of the largest mails
	// that are taken. He sees it all, and it is kept for a month.
	maxStrange     = 500
	maxStrangeSize = 10
)

// limits counts what users send and what comes in circles. Safe to use from any goroutine.
type limits struct {
	now func() time.Time

	mu      sync.Mutex
	sent    map[string]*minute // by user
	equal   map[string]*minute // by pair and what is said
	strange map[string]*minute // by user
}

// minute counts since a time.
type minute struct {
	since       time.Time
	mails, news int
	size        int64 // bytes
}

func newLimits(now func() time.Time) *limits {
	return &limits{now: now, sent: make(map[string]*minute), equal: make(map[string]*minute), strange: make(map[string]*minute)}
}

// of is the count of a key since at most span. Where there are too many, those go that count nothing any more, or too little to matter: who says
// something new each time makes nobody forget what somebody says again and again.
func (l *limits) of(in map[string]*minute, key string, span time.Duration) *minute {
	if len(in) >= maxCounted {
		for least := 2; len(in) > maxCounted/2; least *= 2 { // half of them, so that it is not done for each mail
			for k, m := range in {
				if m.mails < least || l.now().Sub(m.since) >= span {
					delete(in, k)
				}
			}
		}
	}
	m := in[key]
	if m == nil || l.now().Sub(m.since) >= span {
		m = &minute{since: l.now()}
		in[key] = m
	}
	return m
}

// send counts a mail of a user to some people who are new to him, unless that is more than the rules let him.
func (l *limits) send(lang, user string, r *Rules, news int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.of(l.sent, user, time.Minute)
	switch {
	case r.PerMinute > 0 && m.mails >= r.PerMinute:
		return transports.NewError(transports.Busy, text.Say(lang, "You have written many mails in a minute, and there is a limit. Try again in a minute."), nil)
	case r.NewPerMinute > 0 && news > 0 && m.news+news > r.NewPerMinute && m.news > 0, r.NewPerMinute > 0 && news > maxNew(r):
		return transports.NewError(transports.Busy,
			text.Say(lang, "You have written to many people to whom you had not written before, and there is a limit. Try again in a minute."), nil)
	}
	m.mails++
	m.news += news
	return nil
}

// maxNew is how many new people one mail may have: a first mail to a group is no spam.
func maxNew(r *Rules) int { return max(2*r.NewPerMinute, 10) }

// daily says whether a user has sent more in a day than he may.
func (t *Transport) daily(tx *store.Tx, lang string, id store.UserID, r *Rules) error {
	if r.PerDay <= 0 {
		return nil
	}
	n, err := tx.CountMailOut(id, t.opt.Now().Add(-24*time.Hour))
	if err == nil && n >= r.PerDay {
		err = transports.NewError(transports.Busy, text.Say(lang, "You have written %d mails in a day, and no more are sent. Try again tomorrow.", n), nil)
	}
	return err
}

// circles counts an equal mail, and reports whether there were too many of them.
func (l *limits) circles(user, contact, said string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.of(l.equal, digest(user, contact, said), equalTime)
	m.mails++
	return m.mails > maxEqual
}

// stranger counts the first mail of somebody to a user who takes them all, and reports whether there were too many today.
func (l *limits) stranger(user string, size, largest int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.of(l.strange, user, 24*time.Hour)
	if m.mails >= maxStrange || m.mails > 0 && m.size+size > maxStrangeSize*largest {
		return true
	}
	m.mails++
	m.size += size
	return false
}
