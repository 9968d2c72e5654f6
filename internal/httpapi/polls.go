package httpapi

import (
	"net/http"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// pollRetry is when a poll that found no room may come again. Clients that heed it give others of their network the time
// to finish; one poll is held for 20 s.
const pollRetry = 5 * time.Second

// polls counts the held polls, and how many of them each client network has. The zero value is ready.
type polls struct {
	mu   sync.Mutex
	held int
	from map[latchkey.Network]int // never zero: who has none is not in it
}

// enter takes a place for one poll from a network, if there is one. Of both limits 0 means none.
func (p *polls) enter(from latchkey.Network, most, mostFrom int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if most > 0 && p.held >= most || mostFrom > 0 && p.from[from] >= mostFrom {
		return false
	}
	if p.from == nil {
		p.from = map[latchkey.Network]int{}
	}
	p.held++
	p.from[from]++
	return true
}

// leave gives the place back.
func (p *polls) leave(from latchkey.Network) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held--
	if p.from[from]--; p.from[from] == 0 {
		delete(p.from, from)
	}
}

// refusePoll gives the error of a poll that finds no room. Its connection is closed after the answer: the file that it
// takes is what is short. HTTP/2 carries other calls on it, so there it stays.
func (s *Server) refusePoll(w http.ResponseWriter, r *http.Request) error {
	if s.Refused != nil {
		s.Refused()
	}
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	return &latchkey.Error{Code: latchkey.RateLimited, RetryAfter: pollRetry}
}
