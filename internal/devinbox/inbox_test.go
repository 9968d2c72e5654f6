package devinbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/sendertest"
)

func clock() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

func email(s string) latchkey.Address { return latchkey.CanonicalAddress(latchkey.Email, s) }

func TestSenderContract(t *testing.T) {
	t.Parallel()
	sendertest.Run(t, func(t *testing.T) sendertest.Fixture {
		i := New(clock)
		return sendertest.Fixture{
			Sender: i, To: email("a@example.org"),
			Received: func() (rs []sendertest.Receipt) {
				for _, m := range i.List("", 0) {
					rs = append(rs, sendertest.Receipt{ID: m.ID, Text: m.Text})
				}
				return rs
			},
		}
	})
}

func TestListsNewestFirst(t *testing.T) {
	t.Parallel()
	i := New(clock)
	for n := range capacity + 7 {
		to := "a@example.org"
		if n%2 == 1 {
			to = "b@example.org"
		}
		if err := i.Send(t.Context(), sendertest.Envelope(email(to), n)); err != nil {
			t.Fatal(err)
		}
	}
	all := i.List("", 0)
	if len(all) != capacity {
		t.Fatalf("%d messages are kept, want %d", len(all), capacity)
	}
	for k, m := range all {
		if want := fmt.Sprintf("5f0c%04d", capacity+6-k); m.ID != want {
			t.Fatalf("message %d is %s, want %s: newest first", k, m.ID, want)
		}
	}
	if got := i.List("B@Example.ORG", 3); len(got) != 3 || got[0].To != "b@example.org" {
		t.Errorf("the filter gave %v", got)
	}
	if got := i.List("b@example", 0); len(got) != 0 {
		t.Errorf("a part of an address found %d messages", len(got))
	}
	if got := i.List("nobody@example.org", 0); got == nil {
		t.Error("no messages are null in JSON, want []")
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	i := New(clock)
	e := sendertest.Envelope(email("a@example.org"), 1)
	if err := i.Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	want := Message{
		ID: e.ID, Channel: latchkey.Email, To: "a@example.org", Subject: e.Subject, Text: e.Text, HTML: e.HTML, Code: e.Code.Reveal(),
		Link: e.Link.Reveal(), SentAt: clock(),
	}
	if got := i.List("", 1)[0]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestOneMessageOnce: a try that is repeated after its answer was lost makes no second message.
func TestOneMessageOnce(t *testing.T) {
	t.Parallel()
	i := New(clock)
	for _, n := range []int{1, 2, 1} {
		if err := i.Send(t.Context(), sendertest.Envelope(email("a@example.org"), n)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(i.List("", 0)); n != 2 {
		t.Errorf("two messages, one of them tried twice, are %d in the inbox", n)
	}
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	i := New(clock)
	news, stop := i.Subscribe()
	for n := range 3 { // nobody reads, nobody waits
		if err := i.Send(t.Context(), sendertest.Envelope(email("a@example.org"), n)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-news:
	default:
		t.Error("no signal after three messages")
	}
	stop()
	if err := i.Send(t.Context(), sendertest.Envelope(email("a@example.org"), 4)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-news:
		t.Error("a signal after stop")
	default:
	}
	if len(i.listeners) != 0 {
		t.Error("the listener was not let go")
	}
}
