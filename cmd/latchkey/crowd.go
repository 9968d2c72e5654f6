package main

import (
	"net"
	"net/http"
	"sync/atomic"

	"github.com/latchkey-dev/latchkey/internal/polls"
)

// A crowd watches how many connections are open. When files run short it lets the idle ones go, and every answer closes
// its connection: most clients that have what they came for stay connected, for two minutes, to ask again. Half the
// reserve of pollsFor is theirs; the other half stays free for whoever comes to log in.
type crowd struct {
	keepAlive func(yes bool) // or not, of all that hold connections
	most      int64          // connections from which on it is crowded
	calm      int64          // and below which it is not any more
	open      atomic.Int64
	tight     atomic.Bool
}

// newCrowd makes server, and the lobby if there is one, heed the limit of files; 0 files is no limit that is known.
func newCrowd(server *http.Server, lobby *polls.Lobby, files int) *crowd {
	waiting := pollsFor(files)
	c := &crowd{most: int64(waiting + (files-waiting)/2), calm: int64(waiting + (files-waiting)/4)}
	c.keepAlive = func(yes bool) {
		server.SetKeepAlivesEnabled(yes)
		lobby.KeepAlive(yes)
	}
	if files > 0 {
		server.ConnState = c.count
	}
	return c
}

func (c *crowd) count(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		c.add(+1)
	case http.StateClosed, http.StateHijacked: // the lobby counts what it takes over
		c.add(-1)
	case http.StateActive, http.StateIdle:
	}
}

// add counts connections.
func (c *crowd) add(delta int) {
	open := c.open.Add(int64(delta))
	switch {
	case c.most == 0: // no limit is known
	case delta > 0 && open > c.most && c.tight.CompareAndSwap(false, true):
		c.keepAlive(false) // closes the idle ones too
	case delta < 0 && open < c.calm && c.tight.CompareAndSwap(true, false):
		c.keepAlive(true)
	}
}
