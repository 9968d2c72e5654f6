// Package telemetry is the room for numbers: it owns the Prometheus client and one registry of its own. Only cmd/latchkey
// makes one and hands its methods to the ways in as hooks; nothing inside the house knows that it is counted.
//
// No label ever holds anything that came from a caller: not an address, not a project, not an unknown path. So the
// number of series is bounded.
package telemetry

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts what the server does. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	logins   *prometheus.CounterVec
	messages *prometheus.CounterVec
	sending  *prometheus.HistogramVec
	requests *prometheus.HistogramVec
	polls    prometheus.Gauge
	refused  prometheus.Counter
	limited  *prometheus.CounterVec
	missed   prometheus.Counter
	blocked  *prometheus.CounterVec
	dropped  prometheus.Counter
	captchas *prometheus.CounterVec
	sms      smsMetrics

	mu    sync.RWMutex
	known map[series]prometheus.Observer // of requests: to look a series up by its labels takes longer than to count
}

// A series is one line of the histogram of requests.
type series struct {
	route, method string
	class         int // of the status: its first digit
}

// New gives Metrics with every figure at zero. queued is asked for the number of messages that wait in this process
// whenever somebody reads; it may be nil.
func New(queued func() int) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		known:    map[series]prometheus.Observer{},
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_logins_total",
			Help: "Answers to one-time codes, by channel, protocol and verdict. The verdict of a login is ok.",
		}, []string{"channel", "protocol", "verdict"}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_messages_total",
			Help: "Messages handed to providers, by provider, channel and result.",
		}, []string{"provider", "channel", "result"}),
		sending: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "latchkey_message_duration_seconds",
			Help:    "How long a provider took to accept or refuse a message.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"provider", "channel"}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "latchkey_request_duration_seconds",
			Help: "How long requests took, by route, method and class of status. A held poll takes up to 20 s by design.",
			// Half a millisecond is what a start takes on an idle machine; 20 and 30 s enclose the held poll.
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5, 20, 30},
		}, []string{"route", "method", "status"}),
		polls: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "latchkey_held_polls",
			Help: "Clients that wait for a link to be pressed (GET /otc/code).",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "latchkey_refused_polls_total",
			Help: "Clients that were told to come again because too many waited already, of their network or in all.",
		}),
	}
	m.limited = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "latchkey_limited_total",
		Help: "Calls that were refused because there were too many, by policy. latchkey limits show lists the policies.",
	}, []string{"policy"})
	m.missed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "latchkey_limiter_missed_total",
		Help: "Calls that the shared limiter did not count because it did not answer.",
	})
	m.blocked = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "latchkey_blocked_total",
		Help: "Sign-ins that were turned away: an email, phone or network on a block list, or an email whose domain takes no mail.",
	}, []string{"what"})
	m.dropped = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "latchkey_refused_connections_total",
		Help: "Connections that were closed at once because their network held too many open.",
	})
	m.captchas = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "latchkey_captchas_total",
		Help: "Solutions of CAPTCHAs that came with starts, by provider and verdict: ok, wrong, used before, or down: the provider did not judge it.",
	}, []string{"provider", "verdict"})
	m.sms = newSMSMetrics(m.registry)
	if queued == nil {
		queued = func() int { return 0 }
	}
	m.registry.MustRegister(m.logins, m.messages, m.sending, m.requests, m.polls, m.refused, m.limited, m.missed, m.blocked, m.dropped, m.captchas,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "latchkey_outbox_queued",
			Help: "Messages that wait in this process for a free sender. What does not fit here waits in the store.",
		}, func() float64 { return float64(queued()) }),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return m
}

// Handler serves the numbers in the Prometheus text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Login counts one answer to a code. verdict is "ok" or a word of the program's own, never of a caller's.
func (m *Metrics) Login(ch latchkey.Channel, p latchkey.Protocol, verdict string) {
	m.logins.WithLabelValues(string(ch), string(p), verdict).Inc()
}

// Message counts one try to hand a message to a provider.
func (m *Metrics) Message(provider string, channel latchkey.Channel, result string, took time.Duration) {
	m.messages.WithLabelValues(provider, string(channel), result).Inc()
	m.sending.WithLabelValues(provider, string(channel)).Observe(took.Seconds())
}

// Request counts one request. route is a pattern, not a path: paths hold secrets.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	k := series{route, knownMethod(method), status / 100}
	m.mu.RLock()
	o := m.known[k]
	m.mu.RUnlock()
	if o == nil {
		o = m.requests.WithLabelValues(k.route, k.method, strconv.Itoa(k.class)+"xx")
		m.mu.Lock()
		m.known[k] = o
		m.mu.Unlock()
	}
	o.Observe(took.Seconds())
}

// Polls adds delta to the number of clients that wait.
func (m *Metrics) Polls(delta int) { m.polls.Add(float64(delta)) }

// PollRefused counts one client that could not wait.
func (m *Metrics) PollRefused() { m.refused.Inc() }

// Limited counts one call that was refused. policy is a name of the table, never a caller's word.
func (m *Metrics) Limited(policy string) { m.limited.WithLabelValues(policy).Inc() }

// LimiterMissed counts one call that the shared limiter did not count.
func (m *Metrics) LimiterMissed() { m.missed.Inc() }

// Blocked counts one sign-in that was turned away. what is a word of the program's own.
func (m *Metrics) Blocked(what string) { m.blocked.WithLabelValues(what).Inc() }

// ConnectionRefused counts one connection that was closed at once.
func (m *Metrics) ConnectionRefused() { m.dropped.Inc() }

// Captcha counts one solution. Both are words of the program's own.
func (m *Metrics) Captcha(p latchkey.CaptchaProvider, verdict string) {
	m.captchas.WithLabelValues(string(p), verdict).Inc()
}

// knownMethod keeps a caller who makes up methods from making up series.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
