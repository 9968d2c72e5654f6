package worker

import (
	"context"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// TestStop: what is in flight and what In holds is finished and settled; a provider that hangs costs no more than grace.
func TestStop(t *testing.T) {
	t.Parallel()
	t.Run("in good order", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := &provider{name: "mail", do: func(context.Context, int, latchkey.Envelope) error {
				time.Sleep(time.Second)
				return nil
			}}
			h := open(t, p)
			h.run(t)
			for n := range 20 {
				m := h.message(byte(n))
				h.store.put(m)
				h.in <- m
			}
			synctest.Wait()
			h.end()
			if h.store.left() != 0 || p.count() != 20 {
				t.Errorf("%d of 20 messages went out, %d are left", p.count(), h.store.left())
			}
		})
	})
	t.Run("with a provider that hangs", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			h := open(t, &provider{name: "mail", do: hang})
			h.run(t)
			m := h.message(1)
			h.store.put(m)
			h.in <- m
			synctest.Wait()
			began := time.Now()
			h.end()
			if took := time.Since(began); took > grace {
				t.Errorf("stopping took %v", took)
			}
			wantKinds(t, h.store, "again")
		})
	})
	t.Run("with a store that is down", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			h := open(t, &provider{name: "mail"})
			h.run(t)
			h.store.setDown(true)
			h.in <- h.message(1)
			synctest.Wait()
			began := time.Now()
			h.end()
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("stopping took %v", took)
			}
		})
	})
}

func TestClocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &provider{name: "mail"})
		h.store.dust = 3500
		h.run(t)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		h.end()
		if h.store.dust != 0 || h.store.sweeps != 10 { // 5 for 3,500 rows, the last of which finds nothing, then 5 more
			t.Errorf("%d sweeps in a minute left %d rows", h.store.sweeps, h.store.dust)
		}
		if h.store.advance != 3 {
			t.Errorf("keys were looked at %d times in a minute, want at once and every 30 s", h.store.advance)
		}
	})
}

func TestOriginHost(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://a.example": "a.example", "https://a.example:443": "a.example", "https://a.example:8443/x": "a.example:8443",
		"http://127.0.0.1:8080": "127.0.0.1:8080", "http://localhost:80": "localhost", "http://[::1]:8080": "[::1]:8080",
	} {
		h := hostOf(t, url)
		if h != want {
			t.Errorf("the host of %s is %q, want %q", url, h, want)
		}
	}
}

func hostOf(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return originHost(u)
}
