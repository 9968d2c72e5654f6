package limits_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/memory"
)

// right is a CAPTCHA that was solved.
func right(context.Context) error { return nil }

// sentAt gives when a person is sent messages who asks at these seconds, in a world without a past.
func sentAt(t *testing.T, sign limits.Sign, seconds ...int) (sent []int) {
	t.Helper()
	w := newWorld(t)
	for _, s := range seconds {
		w.now = noon.Add(time.Duration(s) * time.Second)
		if w.start(sign) == "" {
			sent = append(sent, s)
		}
	}
	return sent
}

// TestASVS_6_6_3_Waits: 30, 60 and 120 s between messages to one address from one network, and the fifth an hour after the
// first; with a solved CAPTCHA too. A second earlier it is refused, each time.
func TestASVS_6_6_3_Waits(t *testing.T) {
	t.Parallel()
	person := from("192.0.2.7", email("person@example.com"))
	solved, always := person, person
	solved.Solution = right
	always.Solution, always.Captcha = right, latchkey.CaptchaAlways
	off := person
	off.Captcha = latchkey.CaptchaNever
	for name, sign := range map[string]limits.Sign{
		"by email": person, "by phone": from("192.0.2.7", phone("+4915112345678")), "solved": solved, "always": always, "never": off,
	} {
		want := []int{0, 30, 90, 210, 3600, 7200}
		if got := sentAt(t, sign, want...); !slices.Equal(got, want) {
			t.Errorf("%s: of %v s there is a message at %v", name, want, got)
		}
		for i := 1; i < len(want); i++ {
			asked := append(slices.Clone(want[:i]), want[i]-1)
			if got := sentAt(t, sign, asked...); !slices.Equal(got, want[:i]) {
				t.Errorf("%s: asked for at %v s there is a message at %v: the wait of the last is a second too short", name, asked, got)
			}
		}
	}
}

// TestASVS_6_6_4_FiveAnHourFromOneNetwork: whoever knocks every second of a day, and solves a CAPTCHA whenever he is asked for
// one, has no more than five messages sent in any hour, and is served all the same.
func TestASVS_6_6_4_FiveAnHourFromOneNetwork(t *testing.T) {
	t.Parallel()
	table := limits.Table{}
	for _, p := range limits.Default() { // what all networks share is another test's
		if p.By == limits.ByClientAddress {
			table = append(table, p)
		}
	}
	g := &limits.Gate{Limiter: memory.NewLimiter(1 << 10), Table: table, Key: []byte("a key")}
	var sent []time.Time
	for second := range 24 * 60 * 60 {
		now := noon.Add(time.Duration(second) * time.Second)
		s := from("192.0.2.7", email("person@example.com"))
		if second%2 == 1 {
			s.Solution = right
		}
		if _, err := g.Start(t.Context(), s, now); err == nil {
			sent = append(sent, now)
		}
	}
	for i := 5; i < len(sent); i++ {
		if d := sent[i].Sub(sent[i-5]); d < time.Hour {
			t.Fatalf("six messages within %s, at %s", d, sent[i])
		}
	}
	if len(sent) < 4+23 || len(sent) > 4+24 {
		t.Errorf("%d messages in a day, want 27 or 28", len(sent))
	}
}

// TestRetryAfterIsTrue: whoever comes when he is told to is served, whatever he did before; of all policies the one that makes
// him wait longest speaks.
func TestRetryAfterIsTrue(t *testing.T) {
	t.Parallel()
	for _, asked := range [][]int{{0, 1}, {0, 30, 80}, {0, 30, 60, 89}, {0, 30, 90, 120, 150, 180}, {0, 30, 90, 210, 250, 3599}} {
		w := newWorld(t)
		person := from("192.0.2.7", email("person@example.com"))
		var err error
		for _, s := range asked {
			w.now = noon.Add(time.Duration(s) * time.Second)
			_, err = w.Start(t.Context(), person, w.now)
		}
		w.refusedBy(err)
		var e *latchkey.Error
		for range 2 { // what the refusal itself took may be asked for once more
			if !errors.As(err, &e) {
				break
			}
			w.now = w.now.Add(e.RetryAfter)
			_, err = w.Start(t.Context(), person, w.now)
		}
		if err != nil {
			t.Errorf("asked at %v s, told to wait, and refused after it twice: %v", asked, err)
		}
	}
}

// TestAgainIsWhenTheNextMessageGoes: what a page of ours offers, the gate keeps.
func TestAgainIsWhenTheNextMessageGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	person := from("192.0.2.7", email("person@example.com"))
	for i, want := range []time.Duration{30 * time.Second, 60 * time.Second, 120 * time.Second, 3390 * time.Second} {
		got, err := w.Start(t.Context(), person, w.now)
		if err != nil || got.Again != want {
			t.Fatalf("message %d: the next one after %s, %v; want %s", i+1, got.Again, err, want)
		}
		w.now = w.now.Add(got.Again)
	}
}

// TestASVS_6_6_4_MessagesToOneAddress holds what docs/limits.md says of the messages that one address gets, whoever asks from
// wherever: computed from the table, and tried with clients without end that solve every CAPTCHA.
func TestASVS_6_6_4_MessagesToOneAddress(t *testing.T) {
	t.Parallel()
	table := limits.Default()
	if n := policy(t, table, "start-address").Limit.Most(time.Hour); n != 20 {
		t.Errorf("%d messages to one address in an hour without a CAPTCHA, want 20", n)
	}
	day := 24 * time.Hour
	free, solved := policy(t, table, "start-address-day").Limit.Most(day), policy(t, table, "start-address-solved").Limit.Most(day)
	if free != 100 || solved != 40 {
		t.Errorf("%d messages to one address in a day without a CAPTCHA and %d with, want 100 and 40", free, solved)
	}
	if n := policy(t, table, "start-client-address").Limit.Most(day); n != 28 {
		t.Errorf("%d messages to one address in a day from a network that it knows, want 28", n)
	}

	w := newWorld(t)
	w.Limited = nil
	sent, last := 0, 0
	for i := range int(2 * day / (20 * time.Second)) { // the second day begins with whatever the first one left
		w.now = noon.Add(time.Duration(i) * 20 * time.Second)
		s := from(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), email("victim@example.com"))
		_, err := w.Start(t.Context(), s, w.now)
		if latchkey.CodeOf(err) == latchkey.ChallengeRequired {
			s.Solution = right
			_, err = w.Start(t.Context(), s, w.now)
		}
		if err == nil {
			sent++
		}
		if w.now.Sub(noon) < day {
			last = sent
		}
	}
	if last > free+solved || sent-last > free+solved {
		t.Errorf("%d messages on the first day and %d on the second, want %d at the most", last, sent-last, free+solved)
	}
	if last < free+solved-2 {
		t.Errorf("%d messages on the first day: this is no flood", last)
	}
}

// TestRetryAfterIsOfAllThatWasTaken: a start that a longer wait refuses has used up the shorter one before it, and is told to come
// back when both let it pass.
func TestRetryAfterIsOfAllThatWasTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := from("192.0.2.7", email("person@example.com"))
	at := w.now
	for _, after := range []time.Duration{0, 31 * time.Second} {
		w.now = at.Add(after)
		if by := w.start(s); by != "" {
			t.Fatalf("the start after %v is refused by %s", after, by)
		}
	}
	w.now = at.Add(80 * time.Second)
	_, err := w.Start(t.Context(), s, w.now)
	var e *latchkey.Error
	if !errors.As(err, &e) || w.refusedBy(err) != "start-wait-second" || e.RetryAfter != 30*time.Second {
		t.Fatalf("10 s before the third message: %v, want start-wait-second and 30 s, which the first wait takes anew", err)
	}
	w.now = w.now.Add(e.RetryAfter)
	if by := w.start(s); by != "" {
		t.Errorf("who comes when they were told to is refused by %s", by)
	}
}
