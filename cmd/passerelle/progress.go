package main

import (
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
)

// progressEvery is how often the bar moves.
const progressEvery = 200 * time.Millisecond

// progress draws a bar of how many messages are done, where somebody sees it. It is nil where nobody does.
func (env *environment) progress() func(done, all int64) {
	f, ok := env.stderr.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return nil
	}
	began := time.Now()
	var last time.Time
	return func(done, all int64) {
		if done < all && time.Since(last) < progressEvery {
			return
		}
		last = time.Now()
		const width = 30
		full := int(width * done / max(all, 1))
		printf(f, "\r[%s%s] %3d %%  %s of %s messages, %s a second ", strings.Repeat("#", full), strings.Repeat(".", width-full),
			100*done/max(all, 1), thousands(int(done)), thousands(int(all)), thousands(int(float64(done)/max(time.Since(began).Seconds(), 0.001))))
		if done == all {
			printf(f, "\n")
		}
	}
}
