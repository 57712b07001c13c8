package ircbridge

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// otherNetwork is the label of every network that the operator did not configure: users must not be able to make time series.
const otherNetwork = "other"

// metrics are the counters of one transport.
type metrics struct {
	connects *prometheus.CounterVec // by network and result
	sessions *prometheus.GaugeVec   // by state
	in, out  prometheus.Counter
	dropped  *prometheus.CounterVec // by reason
}

// newMetrics makes the counters and registers them; with a nil registerer they count unseen.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	lines := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "passerelle_irc_lines_total", Help: "Lines read from (in) and written to (out) IRC networks.",
	}, []string{"dir"})
	m := &metrics{
		connects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passerelle_irc_connects_total", Help: "Attempts to connect to an IRC network, by what became of them.",
		}, []string{"network", "result"}),
		sessions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "passerelle_irc_sessions", Help: "Sessions by state: connecting, online, waiting for the next attempt.",
		}, []string{"state"}),
		in:  lines.WithLabelValues("in"),
		out: lines.WithLabelValues("out"),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passerelle_irc_lines_dropped_total", Help: "Lines from networks, and answers to them, that were not used.",
		}, []string{"reason"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.connects, m.sessions, lines, m.dropped} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register irc metrics: %w", err)
		}
	}
	return m, nil
}

// Reasons of dropped lines.
const (
	dropTooLong = "too_long" // over maxLine
	dropGarbage = "garbage"  // no IRC
	dropFull    = "full"     // no room to keep what it says, or to answer
)
