package redirect

import "time"

// Gather is for how long a message waits for others that go into its mail, where it is to be mailed at once.
const Gather = 30 * time.Second

// Due is when a message is mailed that was taken at a time, in the user's zone. Nothing is due that is never mailed.
func (a Action) Due(taken time.Time) time.Time {
	switch a.Do {
	case DoUnread:
		return taken.Add(time.Duration(a.After) * time.Minute)
	case DoDigest:
		return a.next(taken)
	}
	return taken.Add(Gather)
}

// next is the next time of a digest. Of a time that a day does not have, or has twice, since clocks are changed, it is what the calendar says.
func (a Action) next(after time.Time) time.Time {
	for days := 0; ; days++ {
		for _, m := range a.At {
			if t := time.Date(after.Year(), after.Month(), after.Day()+days, 0, m, 0, 0, after.Location()); t.After(after) {
				return t
			}
		}
		if days > 7 || len(a.At) == 0 {
			return after.Add(24 * time.Hour)
		}
	}
}
