package polls_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/polls"
)

func network(s string) latchkey.Network { return latchkey.NetworkOf(netip.MustParseAddr(s)) }

func enter(p *polls.Places, from string) (http.Header, error) {
	w := httptest.NewRecorder()
	err := p.Enter(w, httptest.NewRequest(http.MethodGet, "/", nil), network(from))
	return w.Header(), err
}

// TestPlacesAreLimited: in all and per client network, whichever way in the poll came by; a place that is given back is
// free at once.
func TestPlacesAreLimited(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		most, perClient int
		held            []string
		refused, room   string // who finds no place, and who does
	}{
		"per IPv4 address": {0, 2, []string{"192.0.2.1", "::ffff:192.0.2.1"}, "192.0.2.1", "192.0.2.2"},
		"per IPv6 network": {0, 2, []string{"2001:db8::1", "2001:db8::2"}, "2001:db8::3", "2001:db8:0:1::1"},
		"in all":           {2, 100, []string{"192.0.2.1", "192.0.2.2"}, "2001:db8::1", ""},
		"no limit":         {0, 0, []string{"192.0.2.1", "192.0.2.1", "192.0.2.1"}, "", "192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			held, refused := 0, 0
			p := &polls.Places{Most: c.most, PerClient: c.perClient, Holding: func(d int) { held += d }, Refused: func() { refused++ }}
			for _, from := range c.held {
				if _, err := enter(p, from); err != nil {
					t.Fatalf("%s finds no place: %v", from, err)
				}
			}
			if c.refused != "" {
				h, err := enter(p, c.refused)
				var e *latchkey.Error
				if !errors.As(err, &e) || e.Code != latchkey.RateLimited || e.RetryAfter <= 0 || h.Get("Connection") != "close" || refused != 1 {
					t.Errorf("%s: %v, Connection %q, %d refusals; want RateLimited with a time, close, 1", c.refused, err, h.Get("Connection"), refused)
				}
			}
			if c.room != "" {
				if _, err := enter(p, c.room); err != nil {
					t.Errorf("%s finds no place: %v", c.room, err)
				}
				p.Leave(network(c.room))
			}
			if held != len(c.held) {
				t.Errorf("%d are counted as held, want %d", held, len(c.held))
			}
			for _, from := range c.held {
				p.Leave(network(from))
			}
			if c.refused != "" {
				if _, err := enter(p, c.refused); err != nil {
					t.Errorf("everybody left, and %s finds no place: %v", c.refused, err)
				}
			}
		})
	}
}

// TestNoPlaces: a server that was given none holds as many as come.
func TestNoPlaces(t *testing.T) {
	t.Parallel()
	var p *polls.Places
	if _, err := enter(p, "192.0.2.1"); err != nil {
		t.Error(err)
	}
	p.Leave(network("192.0.2.1"))
}
