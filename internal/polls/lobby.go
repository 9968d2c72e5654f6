package polls

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// atOnce bounds the polls that are being answered at the same time, so that the end of all of them at once does not need
	// a stack for each. One that takes longer than quick, because its client does not read or the store is slow, makes room
	// for another: nobody can hold up the rest.
	atOnce = 64
	quick  = 20 * time.Millisecond
	// patience is how long an answer may take to be made and written, as with net/http here: on a machine that has far too much
	// to do, a late answer is better than none.
	patience = time.Minute
	// farewell is between a last answer and the end of a connection on which more has come: closed at once, the client's
	// side could drop the answer (net/http does the same).
	farewell = 500 * time.Millisecond
)

// A Lobby is where polls wait without net/http, whose goroutine and buffers for a connection take ten times the memory of
// what is kept here. A handler that has nothing to answer yet hands its connection over (Guest.Park); the answer is
// written when the poll is woken, its time is over, its client leaves or the server closes. Then the connection is kept,
// and goes back to the http.Server as soon as its next byte comes: the Lobby is a net.Listener too, to be served beside
// the one that connections come by first.
//
//	waiting ──woken, over, gone, closing──▶ answering ──nothing yet──▶ waiting
//	                                            └──written──▶ idle ──a byte──▶ http.Server
//	                                                            └──IdleTimeout──▶ closed
//
// All of this is one goroutine's say, Run's: whatever happens is an event in its queue. Only the answers are made and
// written elsewhere, because they may take time. Make one with NewLobby; nil takes nobody.
type Lobby struct {
	// IdleTimeout is how long a connection is kept after an answer.
	IdleTimeout time.Duration
	// Closing ends every wait when it is closed.
	Closing <-chan struct{}
	// Now is for the Date of answers.
	Now func() time.Time
	// Holds is told +1 of each connection that comes and -1 of each that goes, back or for good. It may be nil.
	Holds func(delta int)

	watch *watcher
	wake  chan struct{} // holds one token while there are events
	ready chan struct{} // holds one token while there are connections to accept, or none will come any more
	done  chan struct{} // closed when Run has ended

	mu     sync.Mutex
	queue  []event
	back   []net.Conn // to be accepted
	closed bool       // as a listener
	ended  bool       // Run has

	// Run's own.
	guests  map[uint64]*Guest
	last    uint64 // number that was given to a guest
	busy    int    // answers that are being made, without those that are not quick
	backlog []*Guest
	ending  bool // no poll waits any more
	crowded bool // no connection is kept any more
}

// An event is one thing that happened, to g or to everybody.
type event struct {
	kind kind
	g    *Guest
	n    uint64   // for stirred: the guest's number; for timer: its turn
	seen sighting // for stirred
	done bool     // for told: there was an answer
	kept bool     // for told: and the connection may be used again
	calm bool     // for keepAlive: it may be
}

type kind int

const (
	parked    kind = iota // g came
	woken                 // the Bell rang for g
	over                  // g has waited long enough
	timer                 // what g waited for did not happen in time
	stirred               // something happened on g's connection
	told                  // g's answer was made and written, or there is none yet
	keepAlive             // connections may be kept, or not any more
	shut                  // the listener was closed
)

// NewLobby makes a Lobby that Run and an http.Server have to serve. Where the system has no way to watch many connections
// with few means it is nil, and polls wait as any request does.
func NewLobby() (*Lobby, error) {
	w, err := newWatcher()
	if w == nil || err != nil {
		return nil, err
	}
	return &Lobby{
		watch: w, wake: make(chan struct{}, 1), ready: make(chan struct{}, 1), done: make(chan struct{}), guests: map[uint64]*Guest{},
	}, nil
}

// Run serves the polls that are parked until the listener was closed and everybody has gone, or until ctx ends: then
// whoever is left is cut off.
func (l *Lobby) Run(ctx context.Context) error {
	defer l.end()
	go l.watch.run(func(n uint64, s sighting) { l.push(event{kind: stirred, n: n, seen: s}) })
	closing := l.Closing
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-closing:
			closing = nil
			l.endWaits()
		case <-l.wake:
			for _, e := range l.take() {
				l.handle(e)
			}
		}
		if l.leavable() {
			return nil
		}
	}
}

// leavable reports that nobody is there and nobody will come. Run ends in the same breath, so that who comes later knows.
func (l *Lobby) leavable() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = l.closed && len(l.guests) == 0 && len(l.queue) == 0
	return l.ended
}

// end cuts off whoever is left.
func (l *Lobby) end() {
	_ = l.Close()
	l.mu.Lock()
	l.ended = true
	left := l.queue
	l.queue = nil
	l.mu.Unlock()
	for _, e := range left {
		if e.kind == parked {
			_ = e.g.conn.Close()
		}
	}
	for _, g := range l.guests {
		g.stop()
		g.hangUp()
	}
	l.watch.close()
	close(l.done)
}

// push adds an event to the queue. Nothing happens any more once Run has ended; a connection that comes then is closed.
func (l *Lobby) push(e event) {
	l.mu.Lock()
	ended := l.ended
	if !ended {
		l.queue = append(l.queue, e)
	}
	l.mu.Unlock()
	if ended && e.kind == parked {
		_ = e.g.conn.Close()
	}
	rouse(l.wake)
}

func (l *Lobby) take() []event {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.queue
	l.queue = nil
	return q
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
		l.push(event{kind: keepAlive, calm: yes})
	}
}

// Wait returns when Run has ended, or with ctx.
func (l *Lobby) Wait(ctx context.Context) {
	if l == nil {
		return
	}
	select {
	case <-l.done:
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
	was := l.closed
	l.closed = true
	left := l.back
	l.back = nil
	l.mu.Unlock()
	for _, c := range left {
		_ = c.Close()
	}
	rouse(l.ready)
	if !was {
		l.push(event{kind: shut})
	}
	return nil
}

// Addr implements net.Listener.
func (l *Lobby) Addr() net.Addr { return lobbyAddr{} }

// lobbyAddr is nowhere: nobody can connect to a Lobby.
type lobbyAddr struct{}

func (lobbyAddr) Network() string { return "lobby" }
func (lobbyAddr) String() string  { return "lobby" }
