package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A sink takes what the server sends, mails and SMS, as a provider behind a webhook does.
type sink struct {
	addr   string
	server *http.Server

	mu      sync.Mutex
	boxes   map[string][]message // by address
	total   int
	arrived chan struct{} // closed at the next message
}

// A message is what a person finds in a mailbox or on a phone.
type message struct {
	To        string `json:"to"`
	Channel   string `json:"channel"`
	Text      string `json:"text"`
	Code      string `json:"code"`
	Link      string `json:"link"` // the whole URL; empty without one
	linkFirst bool   // it says that the code works only once the link was pressed
}

// hook is what the server is told of the sink: its URL as a provider.
func (k *sink) hook() string {
	return "webhook+http://" + k.addr + "/?secret=" + strings.Repeat("k", 32)
}

func newSink() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &sink{addr: l.Addr().String(), boxes: map[string][]message{}, arrived: make(chan struct{})}
	k.server = &http.Server{Handler: http.HandlerFunc(k.take), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = k.server.Serve(l) }() // until Close, which is all that ends it
	return k, nil
}

func (k *sink) Close() error { return k.server.Close() }

func (k *sink) take(w http.ResponseWriter, r *http.Request) {
	var m message
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		http.Error(w, "no message", http.StatusBadRequest)
		return
	}
	m.linkFirst = strings.Contains(m.Text, "Only then does the code work") || strings.Contains(m.Text, "Open the link first")
	k.mu.Lock()
	defer k.mu.Unlock()
	k.boxes[m.To] = append(k.boxes[m.To], m)
	k.total++
	close(k.arrived)
	k.arrived = make(chan struct{})
}

// count is how many messages came in all.
func (k *sink) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.total
}

// box gives what came for an address.
func (k *sink) box(to string) []message {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.boxes[to]
}

// patience is how long a message may take; it goes out at once unless something is wrong.
const patience = 15 * time.Second

// nth waits for the n-th message to an address, counted from 1.
func (k *sink) nth(ctx context.Context, to string, n int) (message, error) {
	err := k.until(ctx, func() bool { return len(k.boxes[to]) >= n })
	if err != nil {
		return message{}, fmt.Errorf("message %d to %s: %w", n, to, err)
	}
	return k.box(to)[n-1], nil
}

// all waits until n messages came.
func (k *sink) all(ctx context.Context, n int) error {
	if err := k.until(ctx, func() bool { return k.total >= n }); err != nil {
		return fmt.Errorf("%d of %d messages: %w", k.count(), n, err)
	}
	return nil
}

// until waits for done, which is asked with the lock held.
func (k *sink) until(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		k.mu.Lock()
		ok, next := done(), k.arrived
		k.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return fmt.Errorf("not there in time: %w", ctx.Err())
		}
	}
}
