package component

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"passerelle/component/stanza"
)

// uptime is since when a server is running, in the time of the machine. It may be running for longer by within: for so long its answer was waited
// for. The zero value is that of a server that does not say so.
type uptime struct{ since, within time.Duration }

// maxDrift is how far two looks at when a server was started may differ beside that: it tells whole seconds (XEP-0012 §4).
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

// readUptime reads since when a server is running that was asked at a time.
func readUptime(iq *stanza.Element, asked time.Duration) uptime {
	seconds, err := strconv.ParseUint(iq.Child(nsLast, "query").Attr("seconds"), 10, 32)
	t := machineTime()
	if err != nil || t == 0 {
		return uptime{}
	}
	return uptime{since: t - time.Duration(seconds)*time.Second, within: t - asked}
}

// sameAs reports whether it is that of the server that said something at a time, when its uptime was another: neither was it started since, nor is it
// another one of a cluster.
func (u uptime) sameAs(then uptime, at time.Duration) bool {
	return u != uptime{} && then != uptime{} && (u.since-then.since).Abs() <= maxDrift+u.within+then.within && u.since+maxDrift < at
}
