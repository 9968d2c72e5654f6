package worker

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
	"github.com/latchkey-dev/latchkey/internal/sqlite"
)

// TestOnTheRealStore: messages that start calls stored go out, whether they are offered or found, each once, and leave
// the outbox empty and an event behind.
func TestOnTheRealStore(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "latchkey.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	texts, err := catalog.New()
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := latchkey.NewSecrets([]byte("a master secret of 32 bytes, long"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	project := latchkey.NewProject(latchkey.ProjectID{UUID: latchkey.UUID{1}}, "Demo", now)
	if err := store.CreateProject(t.Context(), project, nil, latchkey.Event{At: now, Kind: latchkey.ProjectCreated, Project: project.ID}); err != nil {
		t.Fatal(err)
	}

	const messages = 300
	accepted := make(chan string, 10*messages)
	p := &provider{name: "mail", do: func(_ context.Context, try int, e latchkey.Envelope) error {
		if try%50 == 0 {
			return latchkey.Unavailable // and tried again a second later
		}
		accepted <- e.ID
		return nil
	}}
	in := make(chan latchkey.Message, messages)
	w := &Worker{
		Store: store, Catalog: texts, Secrets: secrets, PublicURL: "https://login.example.com", In: in, Now: time.Now,
		Senders: map[latchkey.Channel][]latchkey.Sender{latchkey.Email: {p}}, Log: slog.New(slog.DiscardHandler),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	for n := range messages {
		m := start(t, store, secrets, project, n)
		if n%3 > 0 { // a third is found by the claim
			in <- m
		}
	}
	got := map[string]int{}
	for len(got) < messages {
		select {
		case id := <-accepted:
			got[id]++
		case <-time.After(30 * time.Second):
			t.Fatalf("%d of %d messages went out", len(got), messages)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for id, n := range got {
		if n != 1 {
			t.Errorf("message %s went out %d times", id, n)
		}
	}
	left, err := store.ClaimMessages(t.Context(), messages, now.Add(time.Hour), now.Add(time.Minute))
	if err != nil || len(left) != 0 {
		t.Errorf("%d messages are left in the outbox (%v)", len(left), err)
	}
	events, err := store.Events(t.Context(), project.ID, 10*messages)
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for _, e := range events {
		if e.Kind == latchkey.MessageSent && e.Detail == "mail" {
			sent++
		}
	}
	if sent != messages {
		t.Errorf("%d events tell of a sent message, want %d", sent, messages)
	}
}

// start stores challenge n with its message: on a lease if it is to be offered, else due at once.
func start(t *testing.T, store latchkey.Store, secrets latchkey.Secrets, p latchkey.Project, n int) latchkey.Message {
	t.Helper()
	now := time.Now().UTC()
	lease := now.Add(latchkey.MessageLease)
	if n%3 == 0 {
		lease = now
	}
	random := [16]byte{byte(n), byte(n >> 8)}
	started, err := store.StartChallenge(t.Context(), latchkey.Start{
		Fresh: latchkey.Challenge{
			ID: latchkey.ChallengeID{Handle: latchkey.NewHandle(now, secrets.Current(), random)}, Project: p.ID,
			To: latchkey.CanonicalAddress(latchkey.Email, "someone@example.org"), Protocol: latchkey.JWT, State: latchkey.Waiting,
			Ask: latchkey.Ask{Locale: "en"}, Digits: 6, MaxTries: 5, Started: now, Expires: now.Add(180 * time.Second),
			LinkHash: latchkey.HashSecret(latchkey.Secret(random[:])),
		},
		MessageTry: lease,
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	return started.Message
}
