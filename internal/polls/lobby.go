package polls

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

// A Lobby is where polls wait without net/http, whose goroutine and buffers for a connection take ten times the memory of
// what is kept here. A handler that has nothing to answer yet hands its connection over (Guest.Park); the answer is
// written when the poll is woken, its time is over, its client leaves or the server closes. Then the connection is kept,
// and goes back to the http.Server as soon as its next byte comes: the Lobby is a net.Listener too, to be served beside
// the one that connections come by first.
//
//	waiting ──woken, over, gone, closing──▶ served ──nothing yet──▶ waiting
//	                                           └──answered──▶ idle ──the same request──▶ served ──▶ waiting
//	                                                            ├──another request──▶ http.Server
//	                                                            └──IdleTimeout──▶ closed
//
// All of this is decided under one lock, by whoever has something to tell: the Bell, a clock, the system's watcher. What may
// take time is done by a few goroutines that stay, the hands. Make one with NewLobby; nil takes nobody.
type Lobby struct {
	// Server is whose polls wait here: their connections go back to it, and its Handler is called when the same is asked again.
	// IdleTimeout of it is how long a connection is kept after an answer.
	Server *http.Server
	// Closing ends every wait when it is closed.
	Closing <-chan struct{}
	// Now is the clock.
	Now func() time.Time
	// Holds is told +1 of each connection that comes and -1 of each that goes, back or for good. It must not wait. It may be nil.
	Holds func(delta int)

	watch   *watcher
	wake    chan struct{} // holds one token while Run has something to look at
	ready   chan struct{} // holds one token while there are connections to accept, or none will come any more
	over    chan struct{} // closed when Run has ended
	timer   *time.Timer   // set for next
	crowded atomic.Bool   // no connection is kept any more

	transparent bool   // polls by TLS may come
	places      places // what they are looked into by

	mu      sync.Mutex
	work    sync.Cond // of hands that rest
	guests  map[uint64]*Guest
	number  uint64             // of the last guest
	backlog backlog            // due
	hands   map[*hand]struct{} // at work
	busy    int                // of them, those that are quick
	resting int
	lines   map[time.Duration]*list.List // of guests with an alarm, by how long it is
	next    time.Time                    // when an alarm may ring; zero: none does
	back    []net.Conn                   // to be accepted
	ending  bool                         // no poll waits any more
	closed  bool                         // as a listener
	ended   bool                         // Run has
}

// NewLobby makes a Lobby that Run and an http.Server have to serve. Where the system has no way to watch many connections
// with few means it is nil, and polls wait as any request does.
func NewLobby() (*Lobby, error) {
	w, err := newWatcher()
	if w == nil || err != nil {
		return nil, err
	}
	l := &Lobby{
		watch: w, wake: make(chan struct{}, 1), ready: make(chan struct{}, 1), over: make(chan struct{}), timer: time.NewTimer(0),
		guests: map[uint64]*Guest{}, hands: map[*hand]struct{}{}, lines: map[time.Duration]*list.List{},
	}
	l.places, l.transparent = placesIn(reflect.TypeFor[tls.Conn]())
	l.timer.Stop()
	l.work.L = &l.mu
	return l, nil
}

// Run serves the polls that are parked until the listener was closed and everybody has gone, or until ctx ends: then
// whoever is left is cut off.
func (l *Lobby) Run(ctx context.Context) error {
	defer l.end()
	go l.watch.run(l.stirred)
	closing := l.Closing
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-closing:
			closing = nil
			l.locked(l.endWaits)
		case <-l.timer.C:
			l.locked(l.ring)
		case <-l.wake:
			if l.locked(l.look); l.ended { // nobody else writes it
				return nil
			}
		}
	}
}

func (l *Lobby) locked(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
}

// look is what Run does when it is roused. Where nobody is left and nobody will come, that is the end.
func (l *Lobby) look() {
	if l.closed {
		l.crowded.Store(true)
		l.endWaits()
	}
	if l.crowded.Load() {
		l.dismissIdle()
	}
	l.ended = l.closed && len(l.guests) == 0
}

// end cuts off whoever is left.
func (l *Lobby) end() {
	_ = l.Close()
	l.mu.Lock()
	l.ended = true
	for _, g := range l.guests {
		l.dismiss(g)
	}
	l.work.Broadcast()
	l.mu.Unlock()
	l.timer.Stop()
	l.watch.close()
	close(l.over)
}

func rouse(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// KeepAlive says whether connections are kept after an answer, from the start yes. With no, those that are idle are closed.
func (l *Lobby) KeepAlive(yes bool) {
	if l != nil {
		l.crowded.Store(!yes)
		rouse(l.wake)
	}
}

// Wait returns when Run has ended, or with ctx.
func (l *Lobby) Wait(ctx context.Context) {
	if l == nil {
		return
	}
	select {
	case <-l.over:
	case <-ctx.Done():
	}
}

// Accept implements net.Listener: it gives the connections whose next request has begun.
func (l *Lobby) Accept() (net.Conn, error) {
	for {
		l.mu.Lock()
		if len(l.back) > 0 {
			c := l.back[0]
			l.back[0] = nil
			l.back = l.back[1:]
			l.mu.Unlock()
			return c, nil
		}
		closed := l.closed
		l.mu.Unlock()
		if closed {
			return nil, http.ErrServerClosed
		}
		<-l.ready
	}
}

// Close implements net.Listener: from now on nobody is taken back. Idle connections are closed, and polls answered.
func (l *Lobby) Close() error {
	l.mu.Lock()
	l.closed = true
	left := l.back
	l.back = nil
	l.mu.Unlock()
	for _, c := range left {
		_ = c.Close()
	}
	rouse(l.ready)
	rouse(l.wake)
	return nil
}

// Addr implements net.Listener.
func (l *Lobby) Addr() net.Addr { return lobbyAddr{} }

// lobbyAddr is nowhere: nobody can connect to a Lobby.
type lobbyAddr struct{}

func (lobbyAddr) Network() string { return "lobby" }
func (lobbyAddr) String() string  { return "lobby" }
