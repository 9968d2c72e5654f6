package clustertest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// answeredBy is the header in which the proxy names the node that answered.
const answeredBy = "X-Answered-By"

// A proxy hands each request to the next node in turn.
type proxy struct {
	url       string
	transport *http.Transport
	turn      atomic.Uint64

	mu    sync.Mutex
	nodes []*node // guarded by mu; those that requests are handed to
}

// newProxy starts a proxy that ends with the test. Until serve it knows no nodes.
func newProxy(t *testing.T) *proxy {
	t.Helper()
	p := &proxy{transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	s := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.Host = r.In.Host
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"] // of the test, which plays the proxy before this one
		},
		Transport: p,
		ErrorLog:  log.New(io.Discard, "", 0), // killed nodes are what the tests are about
	})
	p.url = s.URL
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		p.transport.CloseIdleConnections()
	})
	return p
}

// serve makes these the nodes that requests are handed to.
func (p *proxy) serve(nodes []*node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nodes = append([]*node(nil), nodes...)
}

// has reports whether requests are handed to a node.
func (p *proxy) has(n *node) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.nodes, n)
}

// watch looks at each node's /readyz until ctx ends, and hands requests only to those that are ready.
func (p *proxy) watch(ctx context.Context, nodes []*node, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		var ready []*node
		for _, n := range nodes {
			if n.ready() {
				ready = append(ready, n)
			}
		}
		p.serve(ready)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// RoundTrip implements http.RoundTripper: the next node's answer.
func (p *proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	p.mu.Lock()
	nodes := p.nodes
	p.mu.Unlock()
	err := errors.New("no node is ready")
	for range nodes {
		n := nodes[p.turn.Add(1)%uint64(len(nodes))]
		out := r.Clone(r.Context())
		out.URL.Host = n.host
		out.Body = io.NopCloser(bytes.NewReader(body))
		if len(body) == 0 {
			out.Body = nil
		}
		var res *http.Response
		if res, err = p.transport.RoundTrip(out); err == nil {
			res.Header.Set(answeredBy, n.name)
			return res, nil
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
	}
	return nil, err
}
