package limits_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/memory"
)

// TestASVS_6_1_1_LimitsAreDocumented: docs/limits.md has every policy as it is, with its reason.
func TestASVS_6_1_1_LimitsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("| name | what | counted by | limit | why |\n|---|---|---|---|---|\n")
	for _, p := range limits.Default() {
		what := string(p.Call)
		if p.Only != "" {
			what += " by " + string(p.Only)
		}
		if p.Solved {
			what += " with a solved CAPTCHA"
		}
		limit := p.Limit.String()
		if p.Beyond == latchkey.ChallengeRequired {
			limit += ", then a CAPTCHA"
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s | %s |\n", p.Name, what, p.By, limit, p.Why)
	}
	if !strings.Contains(string(text), "\n"+want.String()+"\n") {
		t.Errorf("docs/limits.md does not have the table as it is:\n%s", want.String())
	}
}

// BenchmarkGateStart is what a start by email over IPv4 costs, counted in memory.
func BenchmarkGateStart(b *testing.B) {
	table, err := limits.Default().Override("all=1000000/1s")
	if err != nil {
		b.Fatal(err)
	}
	g := &limits.Gate{Limiter: memory.NewLimiter(memory.DefaultKeys), Table: table, Key: []byte("a key")}
	s := from("192.0.2.7", email("person@example.com"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Start(b.Context(), s, noon); err != nil {
			b.Fatal(err)
		}
	}
}
