package socialbridge

import (
	"sync"
	"time"

	"passerelle/internal/text"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// What others may do in an hour. It is counted in memory: who wants to get around that would have to have the operator start the gateway anew, and had
// as much once more by that. To write down each time how much it was would cost more than what it keeps off.
const (
	meterTime  = time.Hour
	maxCounted = 20_000 // users of whom something is counted

	// Letters of strangers that a user gets.
	maxStrangers = 60
	maxOfSite    = 20 // of them of one server
	// What a user is told of others beside: that they like what he wrote, repeat or answer it, follow him, and stop it.
	maxNotices       = 120
	maxNoticesOfSite = 40
	maxNoticesOfPost = 40
	// What is kept of what is told to accounts directly, in pieces of pieceSize.
	maxIntake       = 50_000
	maxIntakeOfSite = 2_000
	pieceSize       = 4 << 10 // bytes
)

// maxLikes bounds who likes a post, as far as that is kept, and maxLikesOfHost how many of them are of one host.
const (
	maxLikes       = 5_000
	maxLikesOfHost = 500
)

// maxFollowers bounds who follows an account by being told directly.
const maxFollowers = 100_000

// meter counts what users get of others in an hour. It is safe to use from any goroutine.
type meter struct {
	most, ofSite, ofThing int // 0 for any number

	mu  sync.Mutex
	all map[string]*metered // by user
}

// metered is what a user got since a time.
type metered struct {
	begin         time.Time
	n             int
	sites, things map[string]int // at most as many as n
	told          bool
}

// may reports whether a user gets something more, of a site, about a thing. It is told once an hour that he does not, and since when that one lasts.
func (m *meter) may(user, site, thing string, pieces int, now time.Time) (may, tell bool, begin time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.all[user]
	if h == nil || now.Sub(h.begin) >= meterTime || now.Before(h.begin) {
		if h == nil && len(m.all) >= maxCounted {
			m.forget(now)
		}
		if m.all == nil {
			m.all = make(map[string]*metered)
		}
		h = &metered{begin: now, sites: make(map[string]int), things: make(map[string]int)}
		m.all[user] = h
	}
	if room(h.n, m.most) && room(h.sites[site], m.ofSite) && room(h.things[thing], m.ofThing) {
		h.n += pieces
		if m.ofSite > 0 {
			h.sites[site] += pieces
		}
		if m.ofThing > 0 && thing != "" {
			h.things[thing] += pieces
		}
		return true, false, h.begin
	}
	tell, h.told = !h.told, true
	return false, tell, h.begin
}

func room(n, most int) bool { return most == 0 || n < most }

// forget makes room for other users. The caller holds mu.
func (m *meter) forget(now time.Time) {
	for who, old := range m.all {
		if now.Sub(old.begin) >= meterTime {
			delete(m.all, who)
		}
	}
	if len(m.all) >= maxCounted {
		clear(m.all)
	}
}

// siteOf is whom a host belongs to, for what is counted: who has a domain has as many names below it as he likes. Of ours each one speaks for himself.
func siteOf(by *store.SocialActor) string {
	if by.Name != "" {
		return by.URI
	}
	return activity.Organisation(hostOf(by.URI))
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
	may, tell, begin := t.strangers.may(user.String(), siteOf(by), "", 1, tx.Now())
	if may || !tell {
		return !may, nil
	}
	return true, t.deliver(tx, user, transports.Remark{
		ID: digest("strangers", t.opt.Domain, user.String(), begin.UTC().String()),
		Text: text.Say(t.langOf(tx, user), "People whom you do not follow write to you more than is passed on in an hour: at most %d posts, and %d of one server. The rest is in the conversations that it belongs to. “configure mentions=known” has you hear of nobody whom you do not know.",
			maxStrangers, maxOfSite),
	})
}

// tooMuch reports whether a user has been told as much of what others do about what he does, or about one post, as he is told in an hour. He is told so
// once; what is so is on his page and in lists all the same.
func (t *Transport) tooMuch(tx *store.Tx, user transports.Address, by *store.SocialActor, post string) (bool, error) {
	may, tell, begin := t.notices.may(user.String(), siteOf(by), post, 1, tx.Now())
	if may || !tell {
		return !may, nil
	}
	return true, t.deliver(tx, user, transports.Remark{
		ID: digest("notices", t.opt.Domain, user.String(), begin.UTC().String()),
		Text: text.Say(t.langOf(tx, user), "More people like what you write, answer it, or follow you than you are told of in an hour: at most %d times, %d of them of one server or about one post. How it stands is on your page and in your lists.",
			maxNotices, maxNoticesOfSite),
	})
}

// mayKeep refuses what a server tells accounts where that is more than is kept in an hour, of it or of all. It may say it again later.
func (t *Transport) mayKeep(by string, size int) error {
	may, _, _ := t.intake.may("", activity.Organisation(hostOf(by)), "", 1+size/pieceSize, t.opt.Now())
	if may {
		return nil
	}
	return transports.NewError(transports.Busy, "Too much is being said. Say it again later.", nil)
}
