package component

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"passerelle/component/stanza"
)

// maxDrift is how far two looks at when a server was started may differ: it tells whole seconds (XEP-0012 §4).
const maxDrift = 2 * time.Second

// machineTime is how long the machine is up, sleep included: what two processes can both tell times by, whatever becomes of the clock. It is zero
// where that is not known.
func machineTime() time.Duration {
	data, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	first, _, _ := bytes.Cut(data, []byte{' '})
	seconds, err := strconv.ParseFloat(string(first), 64)
	if err != nil {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// readUptime reads since when a server is running, in the time of the machine; false where it does not say so.
func readUptime(iq *stanza.Element) (since time.Duration, ok bool) {
	seconds, err := strconv.ParseUint(iq.Child(nsLast, "query").Attr("seconds"), 10, 32)
	t := machineTime()
	if err != nil || t == 0 {
		return 0, false
	}
	return t - time.Duration(seconds)*time.Second, true
}

// sameServer reports whether a server that is running since one time is the one that said something at a time, when it was running since another:
// neither was it started since, nor is it another one of a cluster.
func sameServer(since, at, then time.Duration) bool {
	return (since-then).Abs() <= maxDrift && since+maxDrift < at
}
