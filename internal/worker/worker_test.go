package worker

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/latchkey-dev/latchkey"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		_, _ = os.Stderr.WriteString("goroutines left behind: " + err.Error() + "\n")
		code = 1
	}
	os.Exit(code)
}

func unavailable(context.Context, int, latchkey.Envelope) error { return latchkey.Unavailable }

func TestSentAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{name: "mail"}
		h := open(t, p)
		var told []string
		h.Sent = func(provider string, ch latchkey.Channel, result string, _ time.Duration) {
			told = append(told, provider+" "+string(ch)+" "+result)
		}
		h.run(t)
		began := time.Now()
		m := h.message(1)
		m.Link = true
		h.store.put(m)
		h.in <- m
		synctest.Wait()
		if p.count() != 1 || !p.at[0].Equal(began) {
			t.Fatalf("sent %d times, %v after its commit; want once, at once", p.count(), p.at)
		}
		code, _ := h.Secrets.Code(m.Challenge, m.Project, m.To, 6)
		token, _ := h.Secrets.LinkToken(m.Challenge, m.Project, m.To)
		e := p.sent[0]
		if e.Code != code || e.Link.Reveal() != "https://login.example.com/l/"+token.Reveal() || e.To != m.To {
			t.Error("the envelope has another code, link or address than its challenge")
		}
		if !strings.HasSuffix(e.Text, "\n\n@login.example.com #"+code.Reveal()) {
			t.Errorf("the last line is not origin-bound: %q", e.Text)
		}
		wantKinds(t, h.store, "message.sent mail")
		if d := h.store.settled[0].Event; d.Project != m.Project || d.Challenge != m.Challenge || d.Address != m.To.String() || d.At.IsZero() {
			t.Errorf("the event is %+v", d)
		}
		if len(told) != 1 || told[0] != "mail email sent" {
			t.Errorf("metrics were told %q", told)
		}
		h.end()
	})
}

// TestAccessMessage: who is not let in gets no code, and learns whom to ask.
func TestAccessMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{name: "mail"}
		h := open(t, p)
		h.project.Defence.SignUp.Contact = "ask@example.com"
		h.store.project.Defence = h.project.Defence
		h.run(t)
		m := h.message(1)
		m.Kind, m.Link = latchkey.AccessMessage, true
		h.store.put(m)
		h.in <- m
		synctest.Wait()
		wantKinds(t, h.store, "message.sent mail")
		code, _ := h.Secrets.Code(m.Challenge, m.Project, m.To, 6)
		if e := p.sent[0]; e.Code != "" || e.Link != "" || strings.Contains(e.Text+e.HTML, code.Reveal()) || !strings.Contains(e.Text, "ask@example.com") {
			t.Errorf("it was sent %q", e.Text)
		}
		h.end()
	})
}

// TestClaimed: what a crashed process left is sent once its lease has passed.
func TestClaimed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{name: "mail"}
		h := open(t, p)
		h.store.put(h.message(255)) // somebody else has it
		for n := range 250 {        // more than two claims take
			h.store.put(h.due(byte(n)))
		}
		h.run(t)
		synctest.Wait()
		if p.count() != 250 {
			t.Errorf("%d of the 250 messages that were due went out at once", p.count())
		}
		time.Sleep(latchkey.MessageLease - time.Millisecond)
		synctest.Wait()
		if p.count() != 250 {
			t.Error("a message was taken out of somebody's hands")
		}
		time.Sleep(claimEvery + time.Millisecond)
		synctest.Wait()
		if h.store.left() != 0 || p.count() != 251 {
			t.Errorf("%d messages are left, %d went out", h.store.left(), p.count())
		}
		h.end()
	})
}

func TestRetriedUntilItDies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{name: "mail", do: unavailable}
		h := open(t, p)
		h.run(t)
		m := h.message(1)
		h.store.put(m)
		h.in <- m
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if h.store.left() != 0 {
			t.Error("a dead message is still in the outbox")
		}
		var gaps []time.Duration
		for i := 1; i < len(p.at); i++ {
			gaps = append(gaps, p.at[i].Sub(p.at[i-1]).Round(time.Second))
		}
		if len(gaps) < 5 || gaps[0] > 2*time.Second || gaps[len(gaps)-1] < 30*time.Second {
			t.Errorf("tried after %v; want 1, 2, 4, … 30 s", gaps)
		}
		if last := p.at[len(p.at)-1]; !last.Before(m.Dies) {
			t.Error("tried after its death")
		}
		kinds := h.store.kinds()
		if last := kinds[len(kinds)-1]; last != "message.lost temporarily unavailable: mail" {
			t.Errorf("it ended as %q", last)
		}
		h.end()
	})
}

func TestProviders(t *testing.T) {
	t.Parallel()
	refuse := func(context.Context, int, latchkey.Envelope) error {
		return &latchkey.Error{Code: latchkey.Undeliverable, Message: "no such user"}
	}
	asksToWait := func(_ context.Context, try int, _ latchkey.Envelope) error {
		if try == 1 {
			return &latchkey.Error{Code: latchkey.Unavailable, RetryAfter: 20 * time.Second}
		}
		return nil
	}
	for name, c := range map[string]struct {
		first, second func(context.Context, int, latchkey.Envelope) error
		wait          time.Duration
		sent          [2]int
		want          []string
	}{
		"the first one takes it":                     {sent: [2]int{1, 0}, want: []string{"message.sent one"}},
		"down: the next one at once":                 {first: unavailable, sent: [2]int{1, 1}, want: []string{"message.sent two"}},
		"hanging: the next one still has time":       {first: hang, wait: 8 * time.Second, sent: [2]int{1, 1}, want: []string{"message.sent two"}},
		"refused for good: nobody else is asked":     {first: refuse, sent: [2]int{1, 0}, want: []string{"message.lost undeliverable: one"}},
		"down, then refused for good":                {first: unavailable, second: refuse, sent: [2]int{1, 1}, want: []string{"message.lost undeliverable: two"}},
		"both down":                                  {first: unavailable, second: unavailable, sent: [2]int{1, 1}, want: []string{"again"}},
		"a provider that asks to wait gets its time": {first: unavailable, second: asksToWait, wait: 22 * time.Second, sent: [2]int{2, 2}, want: []string{"again", "message.sent two"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				one, two := &provider{name: "one", do: c.first}, &provider{name: "two", do: c.second}
				h := open(t, one, two)
				h.run(t)
				m := h.message(1)
				h.store.put(m)
				h.in <- m
				time.Sleep(c.wait)
				synctest.Wait()
				if got := [2]int{one.count(), two.count()}; got != c.sent {
					t.Errorf("the providers were asked %v times, want %v", got, c.sent)
				}
				wantKinds(t, h.store, c.want...)
				h.end()
			})
		})
	}
}

// TestNeverTwice: a message that is offered and claimed, held by a slow provider, or whose settlement fails beyond its
// lease, is sent once.
func TestNeverTwice(t *testing.T) {
	t.Parallel()
	t.Run("offered twice", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := &provider{name: "mail", do: func(context.Context, int, latchkey.Envelope) error {
				time.Sleep(3 * time.Second)
				return nil
			}}
			h := open(t, p)
			h.run(t)
			m := h.message(1)
			h.store.put(m)
			h.in <- m
			h.in <- m
			time.Sleep(time.Minute)
			if p.count() != 1 {
				t.Errorf("sent %d times", p.count())
			}
			h.end()
		})
	})
	t.Run("the store is down after the send", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := &provider{name: "mail"}
			h := open(t, p)
			h.store.slow = 4900 * time.Millisecond // every settlement takes this long, within its limit
			h.run(t)
			m := h.message(1)
			h.store.put(m)
			fail := h.store
			fail.setDown(true)
			h.in <- m
			time.Sleep(40 * time.Second)
			fail.setDown(false) // its lease passed long ago: it can be claimed at once
			time.Sleep(40 * time.Second)
			synctest.Wait()
			if p.count() != 1 {
				t.Errorf("sent %d times", p.count())
			}
			wantKinds(t, h.store, "message.sent mail")
			h.end()
		})
	})
	t.Run("its turn comes too late", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := &provider{name: "mail"}
			h := open(t, p)
			m := h.message(1)
			h.in <- m
			time.Sleep(latchkey.MessageLease) // the process was stopped, say
			h.run(t)
			synctest.Wait()
			if p.count() != 0 {
				t.Error("sent on a lease that had passed: by now another node may have it")
			}
			h.end()
		})
	})
	t.Run("a send ends before its lease", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var ended time.Time
			p := &provider{name: "mail", do: func(ctx context.Context, _ int, _ latchkey.Envelope) error {
				<-ctx.Done()
				ended = time.Now()
				return latchkey.Unavailable
			}}
			h := open(t, p)
			m := h.message(1)
			h.in <- m
			time.Sleep(9 * time.Second)
			h.run(t)
			time.Sleep(7 * time.Second)
			synctest.Wait()
			if ended.IsZero() || !ended.Before(m.NextTry) {
				t.Errorf("the send ended at %v, its lease at %v", ended, m.NextTry)
			}
			h.end()
		})
	})
}

func TestLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*house, *latchkey.Message)
		want   string
	}{
		"dead":             {func(_ *house, m *latchkey.Message) { m.Dies = time.Now() }, "message.lost its challenge is dead"},
		"no project":       {func(_ *house, m *latchkey.Message) { m.Project = latchkey.ProjectID{} }, "message.lost its project is gone"},
		"no master secret": {func(_ *house, m *latchkey.Message) { m.Challenge.Handle[6] ^= 1 }, "message.lost its master secret is gone"},
		"no message":       {func(_ *house, m *latchkey.Message) { m.Kind = latchkey.EmptyMessage }, "message.lost sign-up is closed"},
		"nobody to ask":    {func(_ *house, m *latchkey.Message) { m.Kind = latchkey.AccessMessage }, "message.lost sign-up is closed"},
		"no provider":      {func(h *house, _ *latchkey.Message) { h.Senders = nil }, "message.lost no provider for this channel"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &provider{name: "mail"}
				h := open(t, p)
				m := h.message(1)
				c.change(h, &m)
				h.run(t)
				h.in <- m
				synctest.Wait()
				wantKinds(t, h.store, c.want)
				if p.count() != 0 {
					t.Error("it was sent all the same")
				}
				h.end()
			})
		})
	}
}

// TestASVS_16_2_5_NoSecretInTheLog: nothing that the worker logs shows a code, a link or a whole address.
func TestASVS_16_2_5_NoSecretInTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &provider{name: "one", do: unavailable}, &provider{name: "two", do: unavailable})
		h.run(t)
		m := h.message(1)
		m.Link = true
		h.in <- m
		synctest.Wait()
		h.end()
		code, _ := h.Secrets.Code(m.Challenge, m.Project, m.To, 6)
		token, _ := h.Secrets.LinkToken(m.Challenge, m.Project, m.To)
		log := h.log.String()
		for what, secret := range map[string]string{"code": code.Reveal(), "link": token.Reveal(), "address": m.To.Value(), "operation": m.Challenge.String()} {
			if strings.Contains(log, secret) {
				t.Errorf("the log shows the %s:\n%s", what, log)
			}
		}
		for _, want := range []string{m.To.String(), "provider=one", "provider=two", "temporarily unavailable"} {
			if !strings.Contains(log, want) {
				t.Errorf("the log lacks %q:\n%s", want, log)
			}
		}
	})
}

// TestSettledInBatches: while one commit runs, what is finished gathers for the next.
func TestSettledInBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{name: "mail"}
		h := open(t, p)
		h.store.slow = 10 * time.Millisecond
		h.run(t)
		for n := range 200 {
			m := h.message(byte(n))
			h.store.put(m)
			h.in <- m
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(h.store.batches) > 5 || h.store.left() != 0 {
			t.Errorf("200 deliveries were settled in batches of %v, %d are left", h.store.batches, h.store.left())
		}
		h.end()
	})
}

func TestParallel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{name: "mail", do: func(context.Context, int, latchkey.Envelope) error {
			time.Sleep(time.Second)
			return nil
		}}
		h := open(t, p)
		h.Parallel = 5
		h.run(t)
		for n := range 20 {
			h.in <- h.message(byte(n))
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if p.most != 5 || p.count() != 20 {
			t.Errorf("at most %d sends at a time, %d in all; want 5 and 20", p.most, p.count())
		}
		h.end()
	})
}
