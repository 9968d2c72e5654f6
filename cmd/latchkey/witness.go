package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/telemetry"
)

// A witness tells of limits that were reached: every refusal to the metrics; to the audit trail and the log the first one of a
// policy and a project in a minute. An event for each would make of every call of a flood a write.
type witness struct {
	store   latchkey.Store
	metrics *telemetry.Metrics
	log     *slog.Logger
	now     func() time.Time

	mu   sync.Mutex
	last map[witnessed]time.Time
}

// witnessed is what is told of once a minute. Projects that do not exist are zero, so there are not many.
type witnessed struct {
	policy  string
	project latchkey.ProjectID
}

// often is how long a policy is not told of again.
const often = time.Minute

// limited is limits.Gate.Limited.
func (w *witness) limited(ctx context.Context, p limits.Policy, c limits.Caller) {
	w.metrics.Limited(p.Name)
	now := w.now().UTC()
	if !w.first(witnessed{p.Name, c.Project}, now) {
		return
	}
	w.log.LogAttrs(ctx, slog.LevelInfo, "limit reached", slog.String("policy", p.Name), slog.String("limit", p.Limit.String()), slog.String("project", c.Project.String()))
	err := w.store.AddEvent(context.WithoutCancel(ctx), latchkey.Event{
		At: now, Kind: latchkey.LimitReached, Project: c.Project, From: latchkey.Origin{IP: c.IP}, Detail: p.Name,
	})
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "a limit was reached, and the event is not stored", slog.String("policy", p.Name), slog.String("err", err.Error()))
	}
}

// blocked is limits.Screen.Told.
func (w *witness) blocked(ctx context.Context, b limits.Blocked, c limits.Caller) {
	w.metrics.Blocked(b.What)
	now := w.now().UTC()
	if !w.first(witnessed{"blocked " + b.What, c.Project}, now) {
		return
	}
	detail := strings.TrimSpace(b.What + " " + b.Where)
	w.log.LogAttrs(ctx, slog.LevelInfo, "turned away", slog.String("what", b.What), slog.String("where", b.Where), slog.String("project", c.Project.String()))
	err := w.store.AddEvent(context.WithoutCancel(ctx), latchkey.Event{
		At: now, Kind: latchkey.StartBlocked, Project: c.Project, From: latchkey.Origin{IP: c.IP}, Detail: detail,
	})
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "somebody was turned away, and the event is not stored", slog.String("what", b.What), slog.String("err", err.Error()))
	}
}

// first reports whether what is to be told of was not told of for a while, or the clock was set back.
func (w *witness) first(what witnessed, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last, ok := w.last[what]; ok && now.Sub(last) < often && !now.Before(last) {
		return false
	}
	if w.last == nil {
		w.last = map[witnessed]time.Time{}
	}
	w.last[what] = now
	return true
}
