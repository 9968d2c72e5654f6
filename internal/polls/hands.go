package polls

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"time"
)

const (
	// atOnce bounds the hands at work, so that the end of all polls at once does not need a stack for each. One that takes
	// longer than quick, because its client does not read or the store is slow, makes room for another: nobody can hold up
	// the rest.
	atOnce = 64
	quick  = 20 * time.Millisecond
	// each is how much work there is for a hand before another one is woken for the rest: waking one costs about as much as
	// an answer. Whom the Bell has called for does not wait for that.
	each = 16
	// kept is how many hands stay when there is nothing to do: their stacks have grown to what answers need.
	kept = 4
	// patience is how long an answer may take to be made and written, as with net/http here: on a machine that has far too much
	// to do, a late answer is better than none. Where a request must be read first it is the Server's ReadHeaderTimeout.
	patience = time.Minute
)

// A hand does what may take time: reads a request, makes an answer, writes it.
type hand struct {
	lobby *Lobby

	// Under the Lobby's lock.
	guest *Guest // whom it works for
	began time.Time
	most  time.Duration // that it may take
	slow  bool          // it took longer than quick, and does not count any more
	cut   bool          // it took longer than most, and its guest is cut off

	in    [mostAsked]byte
	room  []byte              // for what is not decrypted yet; nil: none yet
	state tls.ConnectionState // of the request that is being served
	bytes bytes.Reader
	lines *bufio.Reader
	reply reply
}

// An outcome is what became of a hand's work.
type outcome int

const (
	silent   outcome = iota // nothing to say yet
	parked                  // the same was asked again, and waits
	said                    // answered
	saidLast                // answered, and the connection ends with it
	foreign                 // something else was asked, which is for net/http
	lost                    // nobody is there any more
)

// run does something on a goroutine that ends with it.
func run(what func()) { go what() }

// A backlog is who is to be served.
type backlog struct{ called, others []*Guest } // by the Bell, and before the others

func (b *backlog) add(g *Guest) {
	if g.rung && !g.spent {
		b.called = append(b.called, g)
	} else {
		b.others = append(b.others, g)
	}
}

func (b *backlog) empty() bool { return len(b.called)+len(b.others) == 0 }

// next takes the first, where there is one.
func (b *backlog) next() *Guest {
	from := &b.called
	if len(*from) == 0 {
		from = &b.others
	}
	g := (*from)[0]
	(*from)[0] = nil
	*from = (*from)[1:]
	return g
}

// hands is how many should be at work.
func (b *backlog) hands() int { return min(atOnce, len(b.called)+(len(b.others)+each-1)/each) }

// hire has enough hands at work.
func (l *Lobby) hire() {
	for l.busy < l.backlog.hands() {
		l.busy++
		if l.resting > 0 {
			l.resting--
			l.work.Signal()
			continue
		}
		h := &hand{lobby: l}
		h.lines = bufio.NewReaderSize(&h.bytes, mostAsked)
		run(h.work)
	}
}

// work is the life of a hand.
func (h *hand) work() {
	l := h.lobby
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for !l.backlog.empty() {
			if h.serveNext(); h.slow {
				return // another has its place
			}
		}
		l.busy--
		if l.ended || l.resting == kept {
			return
		}
		l.resting++
		l.work.Wait() // whoever signals counts it as busy again
	}
}

// serveNext does the first of the backlog, without the lock.
func (h *hand) serveNext() {
	l := h.lobby
	g := l.backlog.next()
	over, last := g.spent || g.gone, g.last || g.gone || l.ending || l.crowded.Load()
	asked := g.answer == nil
	h.guest, h.began, h.most = g, l.Now(), patience
	if asked {
		g.early = false
		h.most = cmp.Or(l.Server.ReadHeaderTimeout, patience)
	}
	g.state, g.rung = served, false
	l.hands[h] = struct{}{}
	l.alarmAt(h.began.Add(quick))
	l.mu.Unlock()
	var o outcome
	if asked {
		o = h.hear(g, last)
	} else {
		o = h.tell(g, over, last)
	}
	l.mu.Lock()
	delete(l.hands, h)
	h.guest = nil
	l.done(g, o)
}

// overlook sees to the hands that take long, and gives when to look again: zero, if none is at work.
func (l *Lobby) overlook(now time.Time) (next time.Time) {
	for h := range l.hands {
		limit := quick
		if h.slow {
			limit = h.most
		}
		switch due := h.began.Add(limit); {
		case h.cut:
			continue
		case due.After(now):
			if next.IsZero() || due.Before(next) {
				next = due
			}
		case h.slow: // its work ends with that
			h.cut = true
			h.guest.hangUp()
		default:
			h.slow = true
			l.busy--
			l.hire()
			next = now.Add(quick)
		}
	}
	return next
}
