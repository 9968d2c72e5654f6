package polls

import (
	"container/list"
	"time"
)

// This file is what is done about whatever happens, under the Lobby's lock. Nothing in it waits for anything.

type state int

const (
	arriving state = iota
	waiting
	due     // in the backlog: to be answered, or heard
	served  // by a hand
	idle    // answered
	leaving // answered, to be closed in a moment
	left
)

// farewell is between a last answer and the end of a connection on which more has come: closed at once, the client's
// side could drop the answer (net/http does the same).
const farewell = 500 * time.Millisecond

// A sighting is what the system says of a connection: bytes came, or its client's side ended.
type sighting struct {
	n    uint64 // the guest's number
	gone bool
}

// welcome takes a guest in.
func (l *Lobby) welcome(g *Guest) {
	if l.Holds != nil {
		l.Holds(+1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number++
	g.n = l.number
	l.guests[g.n] = g
	if l.ended {
		l.dismiss(g)
		return
	}
	l.wait(g)
}

// wait begins the wait of a guest.
func (l *Lobby) wait(g *Guest) {
	g.state = waiting
	g.spent = l.ending
	l.late(g, g.hold)
	l.arm(g)
	l.turnTo(g)
}

// arm watches the connection of g: for the next request, unless it is there already, and for its end. What cannot be watched
// does not wait.
func (l *Lobby) arm(g *Guest) {
	if err := l.watch.add(g.conn, g.n, !g.early, g.known); err != nil {
		g.gone = true
		return
	}
	g.known, g.armed = true, true
}

// turnTo answers a guest that waits, if there is a reason to.
func (l *Lobby) turnTo(g *Guest) {
	if g.state == waiting && (g.rung || g.spent || g.gone) {
		l.serve(g)
	}
}

// serve has a hand see to g.
func (l *Lobby) serve(g *Guest) {
	g.state = due
	l.backlog.add(g)
	l.hire()
}

// done goes on after a hand's work.
func (l *Lobby) done(g *Guest, o outcome) {
	if g.state == left {
		return
	}
	switch {
	case o == silent:
		g.state = waiting
		if !g.armed {
			l.arm(g)
		}
		l.turnTo(g)
	case o == parked:
		l.wait(g)
	case o == foreign:
		l.handBack(g)
	case o == saidLast && g.early:
		g.state = leaving
		l.late(g, farewell)
	case o == saidLast, o == lost, l.crowded.Load():
		l.dismiss(g)
	case len(g.before) > 0:
		l.handBack(g)
	case g.early:
		l.serve(g)
	default:
		g.state = idle
		l.late(g, l.Server.IdleTimeout)
		if !g.armed {
			l.arm(g)
		}
	}
}

// stirred takes note of what happened on connections.
func (l *Lobby) stirred(all []sighting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range all {
		g := l.guests[s.n]
		if g == nil {
			continue // it has gone on meanwhile
		}
		g.armed = false
		g.gone = g.gone || s.gone
		switch {
		case g.state == idle:
			l.serve(g)
		case s.gone:
			l.turnTo(g)
		default:
			g.early = true
			if g.state == waiting || g.state == due {
				l.arm(g)
				l.turnTo(g)
			}
		}
	}
}

// handBack gives a connection on which something has come to net/http.
func (l *Lobby) handBack(g *Guest) {
	if l.closed {
		l.dismiss(g)
		return
	}
	l.back = append(l.back, g.backFrom())
	l.forget(g)
	rouse(l.ready)
}

// dismiss closes the connection.
func (l *Lobby) dismiss(g *Guest) {
	l.forget(g)
	g.hangUp()
}

// hangUp closes the connection: by TLS a goodbye is written first, which may wait for the client.
func (g *Guest) hangUp() { run(func() { _ = g.conn.Close() }) }

func (l *Lobby) forget(g *Guest) {
	g.alarm.stop()
	g.state = left
	delete(l.guests, g.n)
	if l.Holds != nil {
		l.Holds(-1)
	}
	if l.closed && len(l.guests) == 0 {
		rouse(l.wake)
	}
}

// endWaits has everybody answered who waits, and who comes from now on.
func (l *Lobby) endWaits() {
	l.ending = true
	for _, g := range l.guests {
		g.spent = true
		l.turnTo(g)
	}
}

// dismissIdle closes the connections of those who wait for nothing.
func (l *Lobby) dismissIdle() {
	for _, g := range l.guests {
		if g.state == idle {
			l.dismiss(g)
		}
	}
}

// late has g be late after d, unless it is told to be so at another time before.
func (l *Lobby) late(g *Guest, d time.Duration) {
	g.alarm.stop()
	line := l.lines[d]
	if line == nil {
		line = list.New()
		l.lines[d] = line
	}
	g.alarm = alarm{l.Now().Add(d), line, line.PushBack(g)}
	l.alarmAt(g.alarm.at)
}

func (a *alarm) stop() {
	if a.place != nil {
		a.line.Remove(a.place)
		a.place = nil
	}
}

// tick is how long alarms are gathered: those of one tick are one awakening. Nothing here is due to the millisecond.
const tick = 25 * time.Millisecond

// alarmAt has ring be called then, or a tick later.
func (l *Lobby) alarmAt(at time.Time) {
	if l.next.IsZero() || at.Before(l.next) {
		l.next = at
		l.timer.Reset(max(at.Sub(l.Now()), tick))
	}
}

// ring sees to everybody who is late.
func (l *Lobby) ring() {
	now := l.Now()
	l.next = time.Time{}
	next := l.overlook(now)
	for _, line := range l.lines {
		for e := line.Front(); e != nil; e = line.Front() {
			g, _ := e.Value.(*Guest) // nothing else is put in
			if at := g.alarm.at; at.After(now) {
				if next.IsZero() || at.Before(next) {
					next = at
				}
				break
			}
			g.alarm.stop()
			if g.state == idle || g.state == leaving {
				l.dismiss(g)
				continue
			}
			g.spent = true
			l.turnTo(g)
		}
	}
	if !next.IsZero() {
		l.alarmAt(next)
	}
}
