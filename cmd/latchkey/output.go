package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// outputSettings are the flags of every command that shows something.
type outputSettings struct {
	JSON bool `name:"json" group:"output" help:"Answer in JSON, for scripts. Field names do not change."`
}

// show writes v as JSON, or what table writes as columns.
func (o outputSettings) show(w io.Writer, v any, table func(*tabwriter.Writer)) error {
	if o.JSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(v)
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	table(t)
	return t.Flush()
}

// confirmation is the flag of every command that cannot be undone.
type confirmation struct {
	Yes bool `short:"y" help:"Do not ask."`
}

// confirm asks, unless --yes answers. Nobody at the other end is a no.
func (c confirmation) confirm(a *app, format string, args ...any) error {
	if c.Yes {
		return nil
	}
	fmt.Fprintf(a.Stderr, format+" It cannot be undone. Type yes: ", args...)
	line, err := bufio.NewReader(a.Stdin).ReadString('\n')
	if strings.TrimSpace(line) == "yes" {
		return nil
	}
	if err != nil {
		fmt.Fprintln(a.Stderr)
		return wrongUsage("nobody answered, so nothing was done: pass --yes to go ahead without being asked")
	}
	return fmt.Errorf("nothing was done")
}

// human is a duration as an operator writes it: 180s, 24h, 90d.
func human(d time.Duration) string {
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= 10*time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%gs", d.Seconds())
}

// A span is a duration flag that knows days: 180s, 24h, 90d.
type span time.Duration

// UnmarshalText reads it.
func (s *span) UnmarshalText(b []byte) error {
	text := string(b)
	var d time.Duration
	var err error
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		if _, err = fmt.Sscanf(days+";", "%d;", &n); err == nil && n <= 36500 {
			d = time.Duration(n) * 24 * time.Hour
		}
	} else {
		d, err = time.ParseDuration(text)
	}
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a time such as 180s, 24h or 90d", text)
	}
	*s = span(d)
	return nil
}

// when is a time in a table.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// optional is a time in JSON: null for none.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// dash is a cell that is not empty.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// lines are a list that is not null in JSON.
func lines(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// channelNames is the channels as text.
func channelNames(cs []latchkey.Channel) []string {
	out := []string{}
	for _, c := range cs {
		out = append(out, string(c))
	}
	return out
}
