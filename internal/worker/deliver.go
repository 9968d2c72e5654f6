package worker

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
)

// send is one sender: a message at a time, from In or from a claim. Once ctx has ended it takes what In still holds,
// since those people wait, and returns.
func (w *Worker) send(ctx, sending context.Context) {
	in := w.In
	for ctx.Err() == nil {
		select {
		case m, open := <-in:
			if !open {
				in = nil
				continue
			}
			w.deliver(sending, m)
		case m := <-w.claimed:
			w.deliver(sending, m)
		case <-ctx.Done():
		}
	}
	for sending.Err() == nil {
		select {
		case m, open := <-in:
			if !open {
				return
			}
			w.deliver(sending, m)
		default:
			return
		}
	}
}

// deliver sends m, if its lease leaves the time, and passes on what became of it.
func (w *Worker) deliver(ctx context.Context, m latchkey.Message) {
	now := w.Now()
	left := min(sendTimeout, m.NextTry.Sub(now)-leaseMargin)
	if left < shortestSend || !w.hold(m) {
		return // it waited too long for its turn: the store hands it out again
	}
	if m.Kind == latchkey.EmptyMessage {
		w.finished <- latchkey.Delivery{Message: m, Event: latchkey.Event{
			At: now, Kind: latchkey.MessageLost, Project: m.Project, Challenge: m.Challenge, Address: m.To.String(), Detail: signUpClosed,
		}}
		return
	}
	provider, err := w.attempt(ctx, m, now, now.Add(left))
	w.finished <- w.verdict(m, provider, err)
}

// signUpClosed is why a stranger to a closed project gets nothing.
const signUpClosed = "sign-up is closed"

// verdict is the rule of what follows from a try.
func (w *Worker) verdict(m latchkey.Message, provider string, err error) latchkey.Delivery {
	now := w.Now()
	d := latchkey.Delivery{Message: m, Event: latchkey.Event{
		At: now, Kind: latchkey.MessageSent, Project: m.Project, Challenge: m.Challenge, Address: m.To.String(), Detail: provider,
	}}
	if err == nil {
		return d
	}
	lost := errors.Is(err, latchkey.Undeliverable)
	if !lost {
		var again bool
		if d.Message, again = m.Retry(now); again {
			d.Message.NextTry = asAsked(d.Message, err, now)
			d.Again, d.Event = true, latchkey.Event{}
		}
		lost = !again
	}
	if lost {
		d.Event.Kind, d.Event.Detail = latchkey.MessageLost, reason(provider, err)
	}
	w.Log.Warn("message not sent", "message", catalog.EnvelopeID(m), "channel", string(m.To.Channel()),
		"to", m.To.String(), "provider", provider, "attempts", d.Message.Attempts, "lost", lost,
		"code", string(latchkey.CodeOf(err)), "err", err)
	return d
}

// asAsked is when m is tried again: later than its back-off has it if the provider asked for that and m lives to see it.
func asAsked(m latchkey.Message, err error, now time.Time) time.Time {
	var e *latchkey.Error
	if errors.As(err, &e) {
		if asked := now.Add(e.RetryAfter); asked.After(m.NextTry) && asked.Before(m.Dies) {
			return asked
		}
	}
	return m.NextTry
}

// reason is a message's obituary in the audit trail: our own words, never a provider's.
func reason(provider string, err error) string {
	var own *latchkey.Error
	if provider == "" && errors.As(err, &own) && own.Message != "" {
		return own.Message
	}
	return strings.TrimSuffix(string(latchkey.CodeOf(err))+": "+provider, ": ")
}

// attempt makes m's envelope and offers it to the providers of its channel, one after the other, until one takes it or
// says that nobody should. It gives the last provider that was asked.
// Errors: Undeliverable, Unavailable.
func (w *Worker) attempt(ctx context.Context, m latchkey.Message, now, deadline time.Time) (provider string, err error) {
	if !now.Before(m.Dies) {
		return "", lostFor("its challenge is dead")
	}
	e, err := w.envelope(ctx, m)
	if err != nil {
		return "", err
	}
	senders := w.Senders[m.To.Channel()]
	if len(senders) == 0 {
		return "", lostFor("no provider for this channel")
	}
	for i, s := range senders {
		provider = s.Name()
		share := deadline.Sub(w.Now()) / time.Duration(len(senders)-i)
		if err = w.offer(ctx, s, e, share); err == nil || errors.Is(err, latchkey.Undeliverable) {
			return provider, err
		}
		if i < len(senders)-1 {
			w.Log.Warn("provider passed over", "message", catalog.EnvelopeID(m), "provider", provider,
				"code", string(latchkey.CodeOf(err)), "err", err)
		}
	}
	return provider, err
}

// offer is one try with one provider. It may take its share of the time left, so that a provider that hangs leaves
// some to the next one.
func (w *Worker) offer(ctx context.Context, s latchkey.Sender, e latchkey.Envelope, share time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	from := w.Now()
	err := s.Send(ctx, e)
	result := "sent"
	switch {
	case errors.Is(err, latchkey.Undeliverable):
		result = "undeliverable"
	case err != nil:
		result = "unavailable"
	}
	if w.Sent != nil {
		w.Sent(s.Name(), e.To.Channel(), result, w.Now().Sub(from))
	}
	return err
}

// envelope derives the secrets of m and writes it.
// Errors: Undeliverable when its project or its master secret is gone; Unavailable.
func (w *Worker) envelope(ctx context.Context, m latchkey.Message) (latchkey.Envelope, error) {
	p, err := w.Store.Project(ctx, m.Project)
	if errors.Is(err, latchkey.ProjectNotFound) {
		return latchkey.Envelope{}, lostFor("its project is gone")
	}
	if err != nil {
		return latchkey.Envelope{}, err
	}
	if m.Kind == latchkey.AccessMessage {
		if p.Defence.SignUp.Contact == "" {
			return latchkey.Envelope{}, lostFor(signUpClosed)
		}
		return w.Catalog.Access(m, p), nil
	}
	code, ok := w.Secrets.Code(m.Challenge, m.Project, m.To, m.Digits)
	if !ok {
		return latchkey.Envelope{}, lostFor("its master secret is gone")
	}
	var link latchkey.Secret
	if m.Link {
		token, ok := w.Secrets.LinkToken(m.Challenge, m.Project, m.To)
		if !ok {
			return latchkey.Envelope{}, lostFor("its master secret is gone")
		}
		link = latchkey.Secret(w.PublicURL + "/l/" + token.Reveal())
	}
	return w.Catalog.Render(m, p, code, link, w.host)
}

func lostFor(why string) error {
	return &latchkey.Error{Code: latchkey.Undeliverable, Message: why}
}
