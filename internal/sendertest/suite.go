// Package sendertest is the contract of latchkey.Sender in executable form. Every room for sending passes it against a
// counterpart that behaves as the real service does, its rude answers included.
package sendertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Fixture is one Sender and the service that it sends to, both fresh and in good order.
type Fixture struct {
	Sender latchkey.Sender
	// To is an address that the service takes, and Refused one that it refuses for good. Refused is zero for a room
	// that takes everything. The service quotes the address and the text of the message in what it says about a
	// refusal.
	To, Refused latchkey.Address
	// Received gives what the service has accepted.
	Received func() []Receipt
	// NoID says that the service has no notion of an idempotency key.
	NoID bool
	// Busy makes the service refuse everything for the time being, in words that quote the message. Hang makes it
	// take messages without ever answering. Drop cuts every connection; the service goes on. Down ends it. A room
	// without a service has none of them.
	Busy, Hang, Drop, Down func()
}

// A Receipt is what a service saw of one message.
type Receipt struct {
	ID   string // the idempotency key, in the service's own form
	Text string // contains the Envelope's Text
}

// suite has one entry per promise of ports.go, named Method/promise.
var suite = map[string]func(*testing.T, Fixture){
	"Name/short and stable":                        nameIsStable,
	"Send/nil once the service has accepted":       acceptedIsNil,
	"Send/the same id for every try":               sameID,
	"Send/safe for concurrent use":                 concurrent,
	"Send/ended ctx sends nothing":                 endedContext,
	"Close/gives up, twice without harm":           closeTwice,
	"Send/Undeliverable for a permanent refusal":   refused,
	"Send/goes on after a refusal":                 goesOn,
	"Send/Unavailable while the service is busy":   busy,
	"Send/Unavailable while the service is down":   down,
	"Send/a dropped connection is nobody's affair": dropped,
	"Send/ends with ctx":                           endsWithContext,
}

// Run holds the room that open makes to the contract.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	t.Helper()
	for name, promise := range suite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			t.Cleanup(func() {
				if err := f.Sender.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			promise(t, f)
		})
	}
}

// The secrets of the suite's messages, which no error may show.
const (
	code = "918273"
	link = "https://login.example.com/l/Zm9vYmFyYmF6cXV4MTIzNA"
)

// Envelope is message number n of the suite to one address.
func Envelope(to latchkey.Address, n int) latchkey.Envelope {
	e := latchkey.Envelope{
		ID: fmt.Sprintf("5f0c%04d", n), To: to, From: "Demo", Locale: "en", Code: code, Link: link,
		Text: fmt.Sprintf("Number %d: %s is your code for Demo.\n%s\n\n@login.example.com #%s", n, code, link, code),
		Dies: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	if to.Channel() == latchkey.Email {
		e.Subject = code + " is your code for Demo"
		e.HTML = "<p>Your code is <b>" + code + "</b>. <a href=\"" + link + "\">Sign in</a></p>"
	}
	return e
}

func nameIsStable(t *testing.T, f Fixture) {
	name := f.Sender.Name()
	if name == "" || len(name) > 20 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" {
		t.Errorf("Name is %q: a metric's label is a short word in lower case", name)
	}
	if again := f.Sender.Name(); again != name {
		t.Errorf("Name was %q and is %q", name, again)
	}
}

func acceptedIsNil(t *testing.T, f Fixture) {
	e := Envelope(f.To, 1)
	mustSend(t, f, e)
	got := f.Received()
	if len(got) != 1 {
		t.Fatalf("the service has %d messages after one Send, want 1", len(got))
	}
	if !strings.Contains(lines(got[0].Text), e.Text) {
		t.Errorf("the text did not arrive whole:\n%s\nwant in it:\n%s", got[0].Text, e.Text)
	}
}

func sameID(t *testing.T, f Fixture) {
	mustSend(t, f, Envelope(f.To, 1))
	mustSend(t, f, Envelope(f.To, 1))
	mustSend(t, f, Envelope(f.To, 2))
	got := f.Received()
	if f.NoID {
		return
	}
	ids := map[string]int{}
	for _, r := range got {
		ids[r.ID]++
	}
	if len(ids) != 2 || ids[""] > 0 {
		t.Errorf("two tries of one message and another message came with the ids %v, want two ids, none empty", ids)
	}
}

func concurrent(t *testing.T, f Fixture) {
	const messages = 64
	var all sync.WaitGroup
	errs := make([]error, messages)
	for n := range messages {
		all.Go(func() { errs[n] = f.Sender.Send(t.Context(), Envelope(f.To, n)) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("Send failed under concurrency: %v", err)
	}
	got := f.Received()
	if len(got) != messages {
		t.Fatalf("the service has %d messages of %d", len(got), messages)
	}
	for n := range messages {
		text, found := Envelope(f.To, n).Text, false
		for _, r := range got {
			found = found || strings.Contains(lines(r.Text), text)
		}
		if !found {
			t.Errorf("message %d did not arrive whole", n)
		}
	}
}

func endedContext(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantFailure(t, f.Sender.Send(ctx, Envelope(f.To, 1)), latchkey.Unavailable, f.To)
	if got := f.Received(); len(got) != 0 {
		t.Errorf("a Send whose ctx had ended sent %d messages", len(got))
	}
}

func closeTwice(t *testing.T, f Fixture) {
	mustSend(t, f, Envelope(f.To, 1))
	for range 2 {
		if err := f.Sender.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func refused(t *testing.T, f Fixture) {
	if f.Refused.IsZero() {
		return
	}
	wantFailure(t, f.Sender.Send(t.Context(), Envelope(f.Refused, 1)), latchkey.Undeliverable, f.Refused)
	if got := f.Received(); len(got) != 0 {
		t.Errorf("the service has %d messages though it refused", len(got))
	}
}

func goesOn(t *testing.T, f Fixture) {
	if f.Refused.IsZero() {
		return
	}
	mustSend(t, f, Envelope(f.To, 1))
	wantFailure(t, f.Sender.Send(t.Context(), Envelope(f.Refused, 2)), latchkey.Undeliverable, f.Refused)
	mustSend(t, f, Envelope(f.To, 3))
	if got := f.Received(); len(got) != 2 {
		t.Errorf("the service has %d messages, want the two that it did not refuse", len(got))
	}
}

func busy(t *testing.T, f Fixture) {
	if f.Busy == nil {
		return
	}
	f.Busy()
	wantFailure(t, f.Sender.Send(t.Context(), Envelope(f.To, 1)), latchkey.Unavailable, f.To)
}

func down(t *testing.T, f Fixture) {
	if f.Down == nil {
		return
	}
	mustSend(t, f, Envelope(f.To, 1))
	f.Down()
	for n := range 3 {
		wantFailure(t, f.Sender.Send(t.Context(), Envelope(f.To, 2+n)), latchkey.Unavailable, f.To)
	}
}

func dropped(t *testing.T, f Fixture) {
	if f.Drop == nil {
		return
	}
	for n := range 3 {
		mustSend(t, f, Envelope(f.To, n))
		f.Drop()
	}
	mustSend(t, f, Envelope(f.To, 3))
	if got := f.Received(); len(got) != 4 {
		t.Errorf("the service has %d messages of 4", len(got))
	}
}

func endsWithContext(t *testing.T, f Fixture) {
	if f.Hang == nil {
		return
	}
	f.Hang()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f.Sender.Send(ctx, Envelope(f.To, 1)) }()
	select {
	case err := <-done:
		wantFailure(t, err, latchkey.Unavailable, f.To)
	case <-time.After(8 * time.Second): // under the rooms' own time limit of 10 s
		t.Fatal("Send did not end with its ctx: 8 s later it is still waiting for the service")
	}
}

func mustSend(t *testing.T, f Fixture, e latchkey.Envelope) {
	t.Helper()
	if err := f.Sender.Send(t.Context(), e); err != nil {
		t.Fatalf("Send to a service in good order: %v", err)
	}
}

// wantFailure checks the code of err, and that however it is printed it keeps the secrets of the suite's messages.
func wantFailure(t *testing.T, err error, want latchkey.Code, to latchkey.Address) {
	t.Helper()
	if got := latchkey.CodeOf(err); got != want {
		t.Errorf("Send gave the error %v, of code %q; want %q", err, got, want)
	}
	token := link[strings.LastIndexByte(link, '/')+1:]
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, shown := range []string{e.Error(), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e)} {
			for what, secret := range map[string]string{"code": code, "link": token, "address": strings.TrimPrefix(to.Value(), "+")} {
				if strings.Contains(shown, secret) {
					t.Errorf("the error shows the %s: %s", what, shown)
				}
			}
		}
	}
}

// lines is s with the line ends of the rest of the world.
func lines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
