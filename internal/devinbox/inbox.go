// Package devinbox is the room for development: a Sender that delivers to a list in memory, for /dev/inbox. Messages
// lie in it with their codes in the open, so only `latchkey dev` may make one.
package devinbox

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// capacity is how many messages are kept; the oldest give way.
const capacity = 500

// A Message is one that was sent, as /dev/inbox/messages shows it.
type Message struct {
	ID      string           `json:"id"`
	Channel latchkey.Channel `json:"channel"`
	To      string           `json:"to"` // in full
	Subject string           `json:"subject"`
	Text    string           `json:"text"`
	HTML    string           `json:"html"`
	Code    string           `json:"code"`
	Link    string           `json:"link"`
	SentAt  time.Time        `json:"sent_at"` // UTC
}

// An Inbox is a Sender for every channel. It is safe for concurrent use.
type Inbox struct {
	now func() time.Time

	mu        sync.Mutex
	ring      []Message // grows to capacity, then next is the oldest
	next      int
	listeners map[chan struct{}]struct{}
}

// New gives an empty inbox.
func New(now func() time.Time) *Inbox {
	return &Inbox{now: now, listeners: map[chan struct{}]struct{}{}}
}

// Name implements latchkey.Sender.
func (i *Inbox) Name() string { return "devinbox" }

// Send implements latchkey.Sender. A message that is there already, by its ID, is not put in twice.
// Errors: Unavailable when ctx has ended.
func (i *Inbox) Send(ctx context.Context, e latchkey.Envelope) error {
	if err := ctx.Err(); err != nil {
		return &latchkey.Error{Code: latchkey.Unavailable, Err: err}
	}
	m := Message{
		ID: e.ID, Channel: e.To.Channel(), To: e.To.Value(), Subject: e.Subject, Text: e.Text, HTML: e.HTML,
		Code: e.Code.Reveal(), Link: e.Link.Reveal(), SentAt: i.now().UTC(),
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, old := range i.ring {
		if old.ID == m.ID {
			return nil
		}
	}
	if len(i.ring) < capacity {
		i.ring = append(i.ring, m)
	} else {
		i.ring[i.next] = m
		i.next = (i.next + 1) % capacity
	}
	for c := range i.listeners {
		select {
		case c <- struct{}{}:
		default: // it has been told already
		}
	}
	return nil
}

// List gives at most limit messages, newest first; all when limit is 0 or less. A non-empty to keeps those to that
// address, in any case.
func (i *Inbox) List(to string, limit int) []Message {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := []Message{}
	for k := len(i.ring) - 1; k >= 0; k-- {
		m := i.ring[(i.next+k)%len(i.ring)]
		if limit > 0 && len(out) == limit {
			break
		}
		if to == "" || strings.EqualFold(m.To, to) {
			out = append(out, m)
		}
	}
	return out
}

// Subscribe gives a channel that receives once or more after new messages came; several may share one signal. stop
// ends it and must be called.
func (i *Inbox) Subscribe() (news <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.listeners[c] = struct{}{}
	return c, func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.listeners, c)
	}
}

// Close implements latchkey.Sender; the messages stay.
func (i *Inbox) Close() error { return nil }
