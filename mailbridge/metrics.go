package mailbridge

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the counters of one gateway to email.
type metrics struct {
	in, out *prometheus.CounterVec // by result
}

// Results of mail that came and of mail that went out, each for one recipient.
const (
	inTaken     = "taken"
	inRefused   = "refused"
	inDelayed   = "delayed" // it is to come again
	inDelivered = "delivered"
	inDuplicate = "duplicate"
	inWaits     = "waits"
	inMuted     = "muted"
	outWritten  = "written"
	outSent     = "sent"
	outFailed   = "failed"
	outAgain    = "again" // it was not taken, and is tried again
)

// newMetrics makes the counters and registers them; with a nil registerer they count unseen.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		in: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passerelle_mail_in_total", Help: "Mail that came, for each recipient: taken, refused or delayed at its server, then delivered, recognised as a duplicate, muted by its user, or waiting until he wants it.",
		}, []string{"result"}),
		out: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passerelle_mail_out_total", Help: "Mail of users: written, then for each recipient sent, failed, or not taken yet.",
		}, []string{"result"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.in, m.out} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register mail metrics: %w", err)
		}
	}
	return m, nil
}

// count counts once what a transaction has written.
func count(c *prometheus.CounterVec, result string) { c.WithLabelValues(result).Inc() }
