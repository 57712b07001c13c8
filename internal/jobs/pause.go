package jobs

import (
	"math/rand/v2"
	"time"
)

// pauses lie between the attempts of a job. Behind them comes the last one again and again.
var pauses = [...]time.Duration{
	1 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// sitePauses lie between the attempts at a site that is away. They stay short: a single job is tried each time, however many wait.
var sitePauses = [...]time.Duration{
	1 * time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute,
}

// pause is how long a job waits that was tried so often.
func pause(attempts int) time.Duration { return jitter(pauses[min(max(attempts, 1), len(pauses))-1]) }

// sitePause is how long a site waits that was away so often.
func sitePause(failures int) time.Duration {
	return jitter(sitePauses[min(max(failures, 1), len(sitePauses))-1])
}

// jitter adds up to a tenth, so that what failed together does not come together again.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/10) }
