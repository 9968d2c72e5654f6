// Package polls is about the polls that are held: the calls that wait for a link to be pressed (contract.md §4). The ways in
// that hold them (httpapi, oidc) share one count, so that together they never take the files that logins need, and one
// place for them to wait that is smaller than a request of net/http.
//
//	polls.go   Places: how many are held, and whose
//	lobby.go   Lobby: where they wait
//	guest.go   Guest: one of them, from net/http to the Lobby
//	turns.go   what is done about whatever happens
//	hands.go   who does what takes time
//	answer.go  the answer, as net/http would write it
//	again.go   the next request: the same again, or back to net/http
//	slim.go    what lies in a tls.Conn, and what it can do without
//	watch_*.go what the system says of their connections
package polls

import (
	"net/http"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// retry is when a poll that found no place may come again. Clients that heed it give others of their network the time to
// finish; one poll is held for 20 s.
const retry = 5 * time.Second

// Places are the polls that may be held at once. The zero value has a place for everybody, and so has nil.
type Places struct {
	Most      int             // held at once; 0: any number
	PerClient int             // of one client network; 0: any number
	Holding   func(delta int) // is told +1 when a poll begins to wait and -1 when it ends; may be nil
	Refused   func()          // is told of every poll that found no place; may be nil

	mu   sync.Mutex
	held int
	from map[latchkey.Network]int // never zero: who has none is not in it
}

// Enter takes a place for one poll from a network. Where there is none, the connection is closed after the answer: the
// file that it takes is what is short. HTTP/2 carries other calls on it, so there it stays.
// Errors: RateLimited.
func (p *Places) Enter(w http.ResponseWriter, r *http.Request, from latchkey.Network) error {
	if p == nil {
		return nil
	}
	if !p.enter(from) {
		if p.Refused != nil {
			p.Refused()
		}
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close")
		}
		return &latchkey.Error{Code: latchkey.RateLimited, RetryAfter: retry}
	}
	if p.Holding != nil {
		p.Holding(+1)
	}
	return nil
}

// Leave gives the place back.
func (p *Places) Leave(from latchkey.Network) {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.held--
	if p.from[from]--; p.from[from] == 0 {
		delete(p.from, from)
	}
	p.mu.Unlock()
	if p.Holding != nil {
		p.Holding(-1)
	}
}

func (p *Places) enter(from latchkey.Network) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Most > 0 && p.held >= p.Most || p.PerClient > 0 && p.from[from] >= p.PerClient {
		return false
	}
	if p.from == nil {
		p.from = map[latchkey.Network]int{}
	}
	p.held++
	p.from[from]++
	return true
}
