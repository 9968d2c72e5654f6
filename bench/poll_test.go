package main

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestReadWhole(t *testing.T) {
	t.Parallel()
	const early = "HTTP/1.1 408 Request Timeout\r\ncontent-length: 2\r\nX-Request-Id: abc\r\n\r\n{}"
	for name, c := range map[string]struct {
		raw  string
		want answer
		body string
		good bool
	}{
		"408":                 {early, answer{status: 408}, "{}", true},
		"200":                 {"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n" + `{"code":"482913"}`, answer{status: 200}, `{"code":"482913"}`, true},
		"refused":             {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", answer{status: 429, retry: 5, last: true}, "", true},
		"nothing":             {"", answer{}, "", false},
		"cut in the head":     {"HTTP/1.1 408 Request", answer{}, "", false},
		"cut in the body":     {early[:len(early)-1], answer{}, "", false},
		"no HTTP":             {"220 sink ESMTP\r\n\r\n", answer{}, "", false},
		"no status":           {"HTTP/1.1 abc Hm\r\nContent-Length: 0\r\n\r\n", answer{}, "", false},
		"no length":           {"HTTP/1.1 200 OK\r\n\r\n", answer{}, "", false},
		"bad length":          {"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", answer{}, "", false},
		"a date to come back": {"HTTP/1.1 429 No\r\nRetry-After: Tue, 29 Oct 2026\r\nContent-Length: 0\r\n\r\n", answer{}, "", false},
		"two answers":         {early + early, answer{}, "", false},
		"endless":             {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxAnswer), answer{}, "", false},
	} {
		for way, r := range map[string]io.Reader{"at once": strings.NewReader(c.raw), "byte by byte": iotest.OneByteReader(strings.NewReader(c.raw))} {
			if name == "two answers" && way == "byte by byte" {
				continue // the second one is not read then
			}
			var buf [maxAnswer]byte
			got, err := readWhole(r, buf[:])
			if (err == nil) != c.good {
				t.Errorf("%s, %s: error %v", name, way, err)
			}
			if !c.good {
				continue
			}
			if body := string(got.body); body != c.body || got.status != c.want.status || got.retry != c.want.retry || got.last != c.want.last {
				t.Errorf("%s, %s: got %+v %q, want %+v %q", name, way, got, body, c.want, c.body)
			}
		}
	}
}

// TestClientsAreSpread: no address has more polls than a household, each is a loopback address, and the bench's other
// connections, which come from 127.0.0.1, share with none.
func TestClientsAreSpread(t *testing.T) {
	t.Parallel()
	polls := map[string]int{}
	for n := range 100_000 {
		ip := clientAddress(n)
		if !ip.IsLoopback() || ip.Equal(net.IPv4(127, 0, 0, 1)) {
			t.Fatalf("poll %d comes from %v", n, ip)
		}
		polls[ip.String()]++
	}
	for ip, n := range polls {
		if n != pollsPerAddress {
			t.Fatalf("%d polls come from %s, want %d", n, ip, pollsPerAddress)
		}
	}
}

func TestWakeIsMeasuredFromThePOSTsAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		approved, answered int64
		want               time.Duration
		ok                 bool
	}{
		"after the answer": {100, 130, 30, true},
		"before it":        {100, 90, 0, true},
		"not answered yet": {100, 0, 0, false},
		"not approved yet": {0, 100, 0, false},
		"neither":          {0, 0, 0, false},
	} {
		var p poll
		p.approved.Store(c.approved)
		p.answered.Store(c.answered)
		if got, ok := p.woken(); got != c.want || ok != c.ok {
			t.Errorf("%s: got %v %v, want %v %v", name, got, ok, c.want, c.ok)
		}
	}
}

// TestWhatAPollMayBeTold holds the judge of the run: each answer that loses a poll, or lets one in too early, is a
// failure, and no other is.
func TestWhatAPollMayBeTold(t *testing.T) {
	t.Parallel()
	const right = `{"code":"482913"}`
	for name, c := range map[string]struct {
		status   int
		body     string
		held     time.Duration
		pressed  bool
		stopping bool
		files    int
		retry    int
		again    bool
		bad      string // part of the failure; empty: none
	}{
		"the code":                        {status: 200, body: right, pressed: true},
		"another code":                    {status: 200, body: `{"code":"111111"}`, pressed: true, bad: "not the code of its mail"},
		"no code":                         {status: 200, body: "hello", pressed: true, bad: "not the code of its mail"},
		"the code before the press":       {status: 200, body: right, bad: "before its link was pressed"},
		"408 in time":                     {status: 408, held: hold, again: true},
		"408 late":                        {status: 408, held: lost - time.Second, again: true},
		"408 too early":                   {status: 408, held: hold / 2, again: true, bad: "let go after"},
		"408 much too late":               {status: 408, held: lost + time.Second, again: true, bad: "was held for"},
		"408 early, for the server stops": {status: 408, held: hold / 2, stopping: true},
		"refused below the limits":        {status: 429, retry: 1, bad: "below the limits"},
		"refused without a time":          {status: 503, files: 100, bad: "without Retry-After"},
		"refused, and the server stops":   {status: 429, files: 100, retry: 60, stopping: true},
		"something else":                  {status: 500, body: "out of order", bad: "status 500: out of order"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &hall{o: options{Files: c.files}, opened: time.Now().Add(-time.Hour), closing: make(chan struct{})}
			if c.stopping {
				h.closed.Store(h.now())
				close(h.closing)
			}
			p := &poll{code: "482913"}
			p.asked.Store(h.now() - int64(c.held))
			if c.pressed {
				p.pressed.Store(h.now())
			}
			if again := h.told(p, answer{status: c.status, body: []byte(c.body), retry: c.retry}); again != c.again {
				t.Errorf("asks again: %v, want %v", again, c.again)
			}
			err := h.verdict()
			if (err == nil) != (c.bad == "") || err != nil && !strings.Contains(err.Error(), c.bad) {
				t.Errorf("got the failure %v, want %q", err, c.bad)
			}
			if outside := h.outside == 1; outside != (c.stopping && c.status == 429) {
				t.Errorf("counts as waiting outside: %v", outside)
			}
			if answered := p.answered.Load() != 0; answered != (c.status == 200 && c.bad == "") {
				t.Errorf("counts as answered: %v", answered)
			}
		})
	}
}

func TestAPollThatGetsNoAnswerIsLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stopped time.Duration // how long after the poll asked; 0: the server was not told to stop
		lost    bool
	}{
		"while the server runs":           {0, true},
		"asked just before the stop":      {time.Millisecond, false},
		"asked just after it":             {-time.Millisecond, false},
		"waited for long before the stop": {10 * time.Second, true},
	} {
		h := &hall{opened: time.Now().Add(-time.Hour)}
		var p poll
		p.asked.Store(h.now())
		if c.stopped != 0 {
			h.closed.Store(p.asked.Load() + int64(c.stopped))
		}
		h.broken(&p, io.EOF)
		if lost := h.verdict() != nil; lost != c.lost || (h.cut == 1) == c.lost {
			t.Errorf("%s: lost %v and %d cut", name, lost, h.cut)
		}
	}
}

func TestEveryNthIsSpread(t *testing.T) {
	t.Parallel()
	ps := make([]*poll, 10)
	for i := range ps {
		ps[i] = &poll{}
	}
	got := everyNth(ps, 3)
	if len(got) != 3 || got[0] != ps[0] || got[1] != ps[3] || got[2] != ps[6] {
		t.Errorf("got %v", got)
	}
	if got := everyNth(ps, 11); len(got) != 10 {
		t.Errorf("%d of 10 polls were chosen", len(got))
	}
}
