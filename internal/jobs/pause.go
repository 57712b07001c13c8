package jobs

import (
	"math/rand/v2"
	"time"
)

// pauses lie between the attempts of a job. Behind them comes the last one again and again.
var pauses = [...]time.Duration{
	1 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// herePauses lie between the first attempts of a job that concerns nobody else: nobody is troubled by it, and after a crash it goes on at once.
var herePauses = [...]time.Duration{5 * time.Second, 20 * time.Second}

// sitePauses lie between the attempts at a site that is away. They stay short: a single job is tried each time, however many wait.
var sitePauses = [...]time.Duration{
	1 * time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute,
}

// pause is how long a job waits that was tried so often.
func pause(site string, attempts int) time.Duration {
	attempts = max(attempts, 1)
	if site == "" {
		if attempts <= len(herePauses) {
			return jitter(herePauses[attempts-1])
		}
		attempts -= len(herePauses)
	}
	return jitter(pauses[min(attempts, len(pauses))-1])
}

// sitePause is how long a site waits that was away so often.
func sitePause(failures int) time.Duration {
	return jitter(sitePauses[min(max(failures, 1), len(sitePauses))-1])
}

// jitter adds up to a tenth, so that what failed together does not come together again.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/10) }
