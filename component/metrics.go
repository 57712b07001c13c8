package component

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the figures of all gateways of a process.
type Metrics struct {
	up         *prometheus.GaugeVec
	reconnects *prometheus.CounterVec
	stanzas    *prometheus.CounterVec
	sent       *prometheus.CounterVec
	troubles   *prometheus.CounterVec
	sessions   *prometheus.GaugeVec
	events     *prometheus.CounterVec
	archive    *prometheus.CounterVec
	outbox     *prometheus.CounterVec
	logins     *prometheus.CounterVec
}

// NewMetrics makes and registers the figures.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "passerelle", Name: name, Help: help}, append([]string{"domain"}, labels...))
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "passerelle", Name: name, Help: help}, []string{"domain"})
	}
	m := &Metrics{
		up:         gauge("component_up", "1 while the stream to the XMPP server stands."),
		reconnects: counter("component_reconnects_total", "Times that the stream came back after it was lost."),
		stanzas:    counter("stanzas_received_total", "Stanzas received, by kind.", "kind"),
		sent:       counter("sent_bytes_total", "Bytes of stanzas handed to the stream."),
		troubles: counter("stanza_troubles_total", "Stanzas that did not take the normal way: malformed, refused (a queue was full), "+
			"dropped (the stream had no room), ignored (not for us), unasked (an answer to no question), panic (a fault of ours).", "what"),
		sessions: gauge("sessions", "Sessions of users on networks."),
		events:   counter("events_total", "Events received from networks."),
		archive:  counter("archive_messages_total", "Messages for the archive: kept, or lost because it could not keep up.", "result"),
	}
	m.outbox = counter("outbox_total", "Stanzas of the outbox: sent for the first time, sent again (the XMPP server may have had them), returned by the XMPP server.", "what")
	m.logins = counter("logins_total", "Times that the gateway logged in as a user to read what came for him: worked, or failed.", "result")
	reg.MustRegister(m.logins, m.outbox, m.up, m.reconnects, m.stanzas, m.sent, m.troubles, m.sessions, m.events, m.archive)
	return m
}

// domainMetrics are the figures of one gateway, looked up once.
type domainMetrics struct {
	up, sessions                prometheus.Gauge
	reconnects, sent, events    prometheus.Counter
	message, presence, iq       prometheus.Counter
	malformed, refused, dropped prometheus.Counter
	ignored, unasked, panics    prometheus.Counter
	archived, archiveLost       prometheus.Counter
	letters, again, returned    prometheus.Counter
	visits, visitsFailed        prometheus.Counter
}

func (m *Metrics) forDomain(domain string) *domainMetrics {
	trouble := func(what string) prometheus.Counter { return m.troubles.WithLabelValues(domain, what) }
	return &domainMetrics{
		up: m.up.WithLabelValues(domain), sessions: m.sessions.WithLabelValues(domain),
		reconnects: m.reconnects.WithLabelValues(domain), sent: m.sent.WithLabelValues(domain), events: m.events.WithLabelValues(domain),
		message: m.stanzas.WithLabelValues(domain, "message"), presence: m.stanzas.WithLabelValues(domain, "presence"),
		iq:        m.stanzas.WithLabelValues(domain, "iq"),
		malformed: trouble("malformed"), refused: trouble("refused"), dropped: trouble("dropped"),
		ignored: trouble("ignored"), unasked: trouble("unasked"), panics: trouble("panic"),
		archived: m.archive.WithLabelValues(domain, "kept"), archiveLost: m.archive.WithLabelValues(domain, "lost"),
		visits: m.logins.WithLabelValues(domain, "worked"), visitsFailed: m.logins.WithLabelValues(domain, "failed"),
		letters: m.outbox.WithLabelValues(domain, "sent"), again: m.outbox.WithLabelValues(domain, "again"), returned: m.outbox.WithLabelValues(domain, "returned"),
	}
}

func (m *domainMetrics) letter(again bool) {
	if again {
		m.again.Inc()
	} else {
		m.letters.Inc()
	}
}

func (m *domainMetrics) visited(err error) {
	if err != nil {
		m.visitsFailed.Inc()
	} else {
		m.visits.Inc()
	}
}

func (m *domainMetrics) received(kind string) {
	switch kind {
	case "message":
		m.message.Inc()
	case "presence":
		m.presence.Inc()
	default:
		m.iq.Inc()
	}
}
