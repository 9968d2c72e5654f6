package main

import (
	"net"
	"net/http"
	"sync/atomic"
)

// A crowd watches how many connections are open. When files run short it lets the idle ones go, and every answer closes
// its connection: most clients that have what they came for stay connected, for two minutes, to ask again. Half the
// reserve of pollsFor is theirs; the other half stays free for whoever comes to log in.
type crowd struct {
	server *http.Server
	most   int64 // connections from which on it is crowded
	calm   int64 // and below which it is not any more
	open   atomic.Int64
	tight  atomic.Bool
}

// newCrowd makes server heed the limit of files; 0 files is no limit that is known.
func newCrowd(server *http.Server, files int) *crowd {
	polls := pollsFor(files)
	c := &crowd{server: server, most: int64(polls + (files-polls)/2), calm: int64(polls + (files-polls)/4)}
	if files > 0 {
		server.ConnState = c.count
	}
	return c
}

func (c *crowd) count(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		if c.open.Add(1) > c.most && c.tight.CompareAndSwap(false, true) {
			c.server.SetKeepAlivesEnabled(false) // closes the idle ones too
		}
	case http.StateClosed, http.StateHijacked:
		if c.open.Add(-1) < c.calm && c.tight.CompareAndSwap(true, false) {
			c.server.SetKeepAlivesEnabled(true)
		}
	case http.StateActive, http.StateIdle:
	}
}
