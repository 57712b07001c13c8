package socialbridge

import (
	"sync"
	"time"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// What strangers may send a user in an hour, and how many users that is counted of.
const (
	strangersTime = time.Hour
	maxStrangers  = 60 // letters
	maxOfHost     = 20 // of them of one server
	maxCounted    = 20_000
)

// strangers counts the letters that users get from those whom they do not follow.
type strangers struct {
	mu  sync.Mutex
	all map[string]*hour // by user
}

// hour is what a user got of strangers since a time.
type hour struct {
	begin time.Time
	n     int
	hosts map[string]int // at most maxStrangers
	told  bool
}

// may reports whether a user gets another letter of a stranger. It is told once an hour that he does not, and since when that one lasts.
func (s *strangers) may(user, host string, now time.Time) (may, tell bool, begin time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.all[user]
	if h == nil || now.Sub(h.begin) >= strangersTime || now.Before(h.begin) {
		if h == nil && len(s.all) >= maxCounted {
			for who, old := range s.all {
				if now.Sub(old.begin) >= strangersTime {
					delete(s.all, who)
				}
			}
			if len(s.all) >= maxCounted {
				clear(s.all)
			}
		}
		if s.all == nil {
			s.all = make(map[string]*hour)
		}
		h = &hour{begin: now, hosts: make(map[string]int)}
		s.all[user] = h
	}
	if h.n < maxStrangers && h.hosts[host] < maxOfHost {
		h.n++
		h.hosts[host]++
		return true, false, h.begin
	}
	tell, h.told = !h.told, true
	return false, tell, h.begin
}

// remarkOnce tells a user what somebody does, once a day: who does and undoes something all day long changes what is so, and tells him of it once.
// Did says what and by whom.
func (t *Transport) remarkOnce(tx *store.Tx, user transports.Address, with transports.Target, said string, did ...string) error {
	id := digest(append(did, t.opt.Domain, user.String(), tx.Now().UTC().Format(time.DateOnly))...)
	first, err := tx.FirstSocialSeen(id)
	if err != nil || !first {
		return err
	}
	return t.deliver(tx, user, transports.Remark{ID: id, With: with, Text: said})
}

// tooMany reports whether a user has got as many letters of strangers as he gets in an hour. He is told so once; what came is in conversations and
// on pages all the same.
func (t *Transport) tooMany(tx *store.Tx, user transports.Address, by *store.SocialActor) (bool, error) {
	host := hostOf(by.URI)
	if by.Name != "" { // of ours each one speaks for himself
		host = by.URI
	}
	may, tell, begin := t.strangers.may(user.String(), host, tx.Now())
	if may || !tell {
		return !may, nil
	}
	return true, t.deliver(tx, user, transports.Remark{
		ID: digest("strangers", t.opt.Domain, user.String(), begin.UTC().String()),
		Text: text.Say(t.langOf(tx, user), "People whom you do not follow write to you more than is passed on in an hour: at most %d posts, and %d of one server. The rest is in the conversations that it belongs to. “configure mentions=known” has you hear of nobody whom you do not know.",
			maxStrangers, maxOfHost),
	})
}
