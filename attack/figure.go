package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"
)

// A figure is one thing that an attack found out.
type figure struct {
	What     string  `json:"what"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit,omitempty"`
	Rule     rule    `json:"rule,omitempty"` // how Value must stand to Bound
	Bound    float64 `json:"bound,omitempty"`
	Computed bool    `json:"computed,omitempty"` // from other figures and the table of limits: nobody ran it
}

// A rule is how a figure is held to its bound.
type rule string

const (
	told    rule = "" // it is held to nothing
	atMost  rule = "≤"
	atLeast rule = "≥"
	exactly rule = "="
)

// held reports whether the figure keeps its bound.
func (f figure) held() bool {
	switch f.Rule {
	case atMost:
		return f.Value <= f.Bound
	case atLeast:
		return f.Value >= f.Bound
	case exactly:
		return f.Value == f.Bound
	}
	return true
}

// A report is what came of one attack.
type report struct {
	Attack  string        `json:"attack"`
	Small   bool          `json:"small,omitempty"`
	Took    time.Duration `json:"took_ns"`
	Figures []figure      `json:"figures"`
	Held    bool          `json:"held"`
}

func (r report) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	fmt.Fprintf(out, "%s, in %.1f s\n", r.Attack, r.Took.Seconds())
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "  WHAT\tFIGURE\tBOUND\tHELD")
	for _, f := range r.Figures {
		what, bound, held := f.What, "", ""
		if f.Computed {
			what += " (computed)"
		}
		if f.Rule != told {
			bound, held = string(f.Rule)+" "+number(f.Bound), "no"
			if f.held() {
				held = "yes"
			}
		}
		fmt.Fprintf(t, "  %s\t%s %s\t%s\t%s\n", what, number(f.Value), f.Unit, bound, held)
	}
	fmt.Fprintln(t)
	return t.Flush()
}

// number writes four digits that count, and whole numbers whole.
func number(v float64) string {
	if v == float64(int64(v)) {
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
