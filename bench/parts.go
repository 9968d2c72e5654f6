package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// A part is one kind of work and its share of the server's CPU time. Every sample of the profile is in exactly one part.
type part struct {
	Name  string  `json:"name"`
	Share float64 `json:"percent"`
}

// A kind says which functions belong to a part, by how their names begin.
type kind struct {
	name  string
	funcs []string
}

// kinds are asked for each frame of a stack, from the innermost outwards: the first frame that any of them knows decides.
// So what the runtime does is charged to whoever had it done, but for memory and the scheduler, which serve everybody.
func kinds() []kind {
	return []kind{
		{"collecting garbage", []string{"runtime.gcBgMarkWorker", "runtime.gcAssistAlloc", "runtime.bgsweep", "runtime.bgscavenge", "runtime.gcStart", "runtime.gcMarkDone"}},
		{"allocating", []string{"runtime.mallocgc", "runtime.newstack", "runtime.growslice", "runtime.newobject"}},
		{"scheduling goroutines", []string{"runtime.schedule", "runtime.findRunnable", "runtime.mcall", "runtime.park_m", "runtime.ready", "runtime.goready", "runtime.mstart", "runtime.sysmon"}},
		{"TLS", []string{"crypto/tls."}},
		{"hashing and signing", []string{"crypto/", "github.com/latchkey-dev/latchkey/internal/jose."}},
		{"JSON", []string{"encoding/json", "github.com/go-json-experiment"}},
		{"database (SQLite)", []string{"modernc.org/", "zombiezen.com/"}},
		{"database (PostgreSQL's client)", []string{"github.com/jackc/"}},
		{"store: verbs and rules", []string{"github.com/latchkey-dev/latchkey/internal/sqlite.", "github.com/latchkey-dev/latchkey/internal/postgres.", "github.com/latchkey-dev/latchkey/internal/cached."}},
		{"sending mail by SMTP", []string{"github.com/latchkey-dev/latchkey/internal/smtp.", "net/smtp.", "net/textproto.(*Reader).ReadResponse"}},
		{"rendering mail", []string{"github.com/latchkey-dev/latchkey/internal/catalog.", "html/template.", "text/template"}},
		{"counting requests and metrics", []string{"github.com/latchkey-dev/latchkey/internal/limits.", "github.com/latchkey-dev/latchkey/internal/memory.", "github.com/latchkey-dev/latchkey/internal/telemetry.", "github.com/prometheus/"}},
		{"log lines", []string{"log/slog."}},
		{"handlers and use cases", []string{"github.com/latchkey-dev/latchkey/", "github.com/latchkey-dev/latchkey.", "main."}},
		{"HTTP/1.1", []string{"net/http.", "net/textproto.", "mime."}},
	}
}

// kernel marks the time that a part spends in system calls: sockets and the disk.
const kernel = ", in the kernel"

// readParts sorts a CPU profile into parts, the largest first.
func readParts(ctx context.Context, path string) ([]part, error) {
	out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-traces", path).Output()
	if err != nil {
		return nil, fmt.Errorf("go tool pprof: %w", err)
	}
	return parseTraces(string(out)), nil
}

// parseTraces reads what `go tool pprof -traces` prints: between dashed lines one stack each, the innermost frame first,
// with its time before the first one.
func parseTraces(out string) []part {
	all, sums := time.Duration(0), map[string]time.Duration{}
	ks := kinds()
	_, out, _ = strings.Cut(out, "-----------+") // what stands above is about the whole profile
	for block := range strings.SplitSeq(out, "-----------+") {
		var took time.Duration
		var frames []string
		for line := range strings.Lines(block) {
			f := strings.Fields(strings.TrimSpace(line))
			if len(f) == 0 || strings.HasPrefix(f[0], "---") {
				continue
			}
			if d, err := time.ParseDuration(f[0]); err == nil && len(f) > 1 {
				took, f = d, f[1:]
			}
			frames = append(frames, f[0])
		}
		if took > 0 {
			sums[partOf(ks, frames)] += took
			all += took
		}
	}
	var parts []part
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		parts = append(parts, part{Name: name, Share: 100 * sums[name].Seconds() / all.Seconds()})
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.Share, a.Share) })
	return parts
}

func partOf(ks []kind, frames []string) string {
	for _, f := range frames {
		for _, k := range ks {
			if !slices.ContainsFunc(k.funcs, func(begin string) bool { return strings.HasPrefix(f, begin) }) {
				continue
			}
			if strings.Contains(frames[0], "yscall") && k.name != "scheduling goroutines" {
				return k.name + kernel
			}
			return k.name
		}
	}
	return "anything else"
}
