package polls

import "time"

// This file is what Run does about each event. Nothing in it waits for anything.

func (l *Lobby) handle(e event) {
	g := e.g
	if e.kind == stirred {
		g = l.guests[e.n]
	}
	switch {
	case e.kind == keepAlive:
		l.crowded = !e.calm
		l.dismissIdle()
	case e.kind == shut:
		l.crowded = true
		l.endWaits()
		l.dismissIdle()
	case g == nil || g.state == left: // it has gone on meanwhile
	case e.kind == parked:
		l.welcome(g)
	case e.kind == woken:
		g.rung = true
		l.turnTo(g)
	case e.kind == over:
		g.spent = true
		l.turnTo(g)
	case e.kind == timer:
		if e.n == g.turn {
			l.late(g)
		}
	case e.kind == stirred:
		l.stirred(g, e.seen)
	case e.kind == told:
		l.told(g, e)
	}
}

// welcome begins the wait of a guest.
func (l *Lobby) welcome(g *Guest) {
	l.last++
	g.n, g.state = l.last, waiting
	l.guests[g.n] = g
	g.early = len(g.before) > 0
	g.spent = g.spent || l.ending
	l.arm(g)
	l.turnTo(g)
}

// arm watches the connection of g: for the next request, unless it is there already, and for its end. What cannot be watched
// does not wait.
func (l *Lobby) arm(g *Guest) {
	if err := l.watch.add(g.conn, g.n, !g.early, g.known); err != nil {
		g.spent, g.gone = true, true
		return
	}
	g.known, g.armed = true, true
}

// turnTo answers a guest that waits, if there is a reason to.
func (l *Lobby) turnTo(g *Guest) {
	if g.state == waiting && (g.rung || g.spent || g.gone) {
		g.state = due
		l.backlog = append(l.backlog, g)
		l.answerMore()
	}
}

// answerMore begins as many answers as may be made at once.
func (l *Lobby) answerMore() {
	for ; len(l.backlog) > 0 && l.busy < atOnce; l.busy++ {
		g := l.backlog[0]
		l.backlog[0] = nil
		l.backlog = l.backlog[1:]
		g.state, g.rung = answering, false
		l.alarm(g, quick)
		over, last := g.spent || g.gone, g.last || g.gone || l.ending || l.crowded
		g.run(func() { g.tell(over, last) })
	}
}

// told goes on after an answer, or after a look that gave none.
func (l *Lobby) told(g *Guest, e event) {
	if !g.spilled {
		l.busy--
	}
	g.spilled = false
	g.turn++ // no alarm any more
	g.alarm.Stop()
	if e.done {
		g.hold.Stop()
	}
	switch {
	case !e.done:
		g.state = waiting
		if !g.armed {
			l.arm(g)
		}
		l.turnTo(g)
	case !e.kept && g.early:
		g.state = leaving
		l.alarm(g, farewell)
	case !e.kept || l.crowded:
		l.dismiss(g)
	case g.early:
		l.handBack(g)
	default:
		g.state = idle
		l.alarm(g, l.IdleTimeout)
		if !g.armed {
			l.arm(g)
		}
	}
	l.answerMore()
}

// late is when what g does took too long.
func (l *Lobby) late(g *Guest) {
	switch {
	case g.state != answering:
		l.dismiss(g)
	case !g.spilled:
		g.spilled = true
		l.busy--
		l.alarm(g, patience)
		l.answerMore()
	default: // the answer ends with that, and says so
		g.hangUp()
	}
}

// stirred takes note of what happened on a connection.
func (l *Lobby) stirred(g *Guest, s sighting) {
	g.armed = false
	switch {
	case g.state == idle:
		l.handBack(g)
	case s == gone:
		g.gone = true
		l.turnTo(g)
	default:
		g.early = true
		if g.state == waiting || g.state == due {
			l.arm(g)
			l.turnTo(g)
		}
	}
}

// handBack gives a connection on which something has come to net/http.
func (l *Lobby) handBack(g *Guest) {
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.back = append(l.back, g.backFrom())
	}
	l.mu.Unlock()
	if closed {
		l.dismiss(g)
		return
	}
	l.forget(g)
	rouse(l.ready)
}

// dismiss closes the connection.
func (l *Lobby) dismiss(g *Guest) {
	l.forget(g)
	g.hangUp()
}

func (l *Lobby) forget(g *Guest) {
	g.stop()
	g.state = left
	delete(l.guests, g.n)
	if l.Holds != nil {
		l.Holds(-1)
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

// dismissIdle closes the connections of those who wait for nothing, if none may be kept.
func (l *Lobby) dismissIdle() {
	if !l.crowded {
		return
	}
	for _, g := range l.guests {
		if g.state == idle {
			l.dismiss(g)
		}
	}
}

// alarm has g be late after d, unless it is told to do something else before.
func (l *Lobby) alarm(g *Guest, d time.Duration) {
	if g.alarm != nil {
		g.alarm.Stop()
	}
	g.turn++
	turn := g.turn
	g.alarm = time.AfterFunc(d, func() { l.push(event{kind: timer, g: g, n: turn}) })
}

// stop stops the timers.
func (g *Guest) stop() {
	for _, t := range []*time.Timer{g.hold, g.alarm} {
		if t != nil {
			t.Stop()
		}
	}
}
