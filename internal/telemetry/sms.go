package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// smsMetrics are about the breaker of SMS. Which country or network it is, the audit trail and latchkey sms show tell.
type smsMetrics struct {
	trips   *prometheus.CounterVec
	until   *prometheus.GaugeVec
	refused prometheus.Counter
}

func newSMSMetrics(r *prometheus.Registry) smsMetrics {
	m := smsMetrics{
		trips: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_sms_trips_total",
			Help: "How often the breaker of SMS tripped because too many codes were lost, by what it is of: a country or a network.",
		}, []string{"by"}),
		until: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "latchkey_sms_tripped_until_seconds",
			Help: "Until when the breaker that this process saw trip last stays tripped, in Unix time; 0 for none. It may be reset before.",
		}, []string{"by"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "latchkey_sms_refused_total",
			Help: "Codes by SMS that were not sent because the breaker was tripped.",
		}),
	}
	for _, by := range []string{"country", "network"} { // so that an alert has something to look at before the first one
		m.trips.WithLabelValues(by)
		m.until.WithLabelValues(by)
	}
	r.MustRegister(m.trips, m.until, m.refused)
	return m
}

// SMSTripped counts one breaker that tripped. by is country or network.
func (m *Metrics) SMSTripped(by string, until time.Time) {
	m.sms.trips.WithLabelValues(by).Inc()
	m.sms.until.WithLabelValues(by).Set(float64(until.Unix()))
}

// SMSRefused counts one code that was not sent.
func (m *Metrics) SMSRefused() { m.sms.refused.Inc() }
