package main

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// A chart is one picture: lines over an x axis on which every point has its mark.
type chart struct {
	Title  string
	X, Y   string // what the axes show, with the unit
	LogY   bool   // the x axis is always logarithmic: what is varied here is doubled or multiplied by ten
	Series []series
}

// A series is one line, its points in the order of x.
type series struct {
	Name   string  `json:"name"`
	Points []point `json:"points"`
}

type point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// The picture, in pixels, and the frame that the lines are in.
const (
	wide, high                 = 720, 400
	left, right, top, baseline = 84, 700, 56, 340
)

// style reads in light and in dark: the picture has no ground of its own. The colours keep apart for people who see few.
const style = `<style>
text{font:13px system-ui,sans-serif;fill:#333}.title{font-size:16px;font-weight:600}.grid{stroke:#8884}.axis{stroke:#888}
.line{fill:none;stroke-width:2.5}.s0{stroke:#0072b2}.s1{stroke:#d55e00}.s2{stroke:#009e73}.d0{fill:#0072b2}.d1{fill:#d55e00}.d2{fill:#009e73}
@media(prefers-color-scheme:dark){text{fill:#ddd}.s0{stroke:#56b4e9}.d0{fill:#56b4e9}.s1{stroke:#e69f00}.d1{fill:#e69f00}.s2{stroke:#2fd6a5}.d2{fill:#2fd6a5}}
</style>
`

// svg draws c.
func (c chart) svg() string {
	x, y := c.scales()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n", wide, high, html.EscapeString(c.Title))
	b.WriteString(style)
	word := func(class, anchor string, px, py float64, s string) {
		fmt.Fprintf(&b, `<text class="%s" text-anchor="%s" x="%.1f" y="%.1f">%s</text>`+"\n", class, anchor, px, py, html.EscapeString(s))
	}
	word("title", "start", left, 24, c.Title)
	word("", "start", left, 44, c.Y)
	word("", "middle", (left+right)/2, high-14, c.X)
	for _, v := range y.ticks {
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`+"\n", left, right, y.at(v), y.at(v))
		word("", "end", left-8, y.at(v)+4, figure(v))
	}
	fmt.Fprintf(&b, `<line class="axis" x1="%d" x2="%d" y1="%d" y2="%d"/>`+"\n", left, right, baseline, baseline)
	for _, v := range x.ticks {
		fmt.Fprintf(&b, `<line class="axis" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`+"\n", x.at(v), x.at(v), baseline, baseline+5)
		word("", "middle", x.at(v), baseline+21, figure(v))
	}
	for i, s := range c.Series {
		var path []string
		for _, p := range s.Points {
			path = append(path, fmt.Sprintf("%.1f,%.1f", x.at(p.X), y.at(p.Y)))
		}
		fmt.Fprintf(&b, `<polyline class="line s%d" points="%s"/>`+"\n", i, strings.Join(path, " "))
		for _, p := range s.Points {
			fmt.Fprintf(&b, `<circle class="d%d" cx="%.1f" cy="%.1f" r="3.5"><title>%s: %s, %s</title></circle>`+"\n", i, x.at(p.X), y.at(p.Y),
				html.EscapeString(s.Name), figure(p.X), figure(p.Y))
		}
		if len(c.Series) > 1 {
			from := right - 80*(len(c.Series)-i)
			fmt.Fprintf(&b, `<circle class="d%d" cx="%d" cy="40" r="4"/>`+"\n", i, from)
			word("", "start", float64(from+10), 44, s.Name)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// A scale maps figures to pixels.
type scale struct {
	log        bool
	from, to   float64 // figures at the two ends
	start, end float64 // pixels
	ticks      []float64
}

func (s scale) at(v float64) float64 {
	from, to := s.from, s.to
	if s.log {
		v, from, to = math.Log(v), math.Log(from), math.Log(to)
	}
	if to == from {
		return (s.start + s.end) / 2
	}
	return s.start + (v-from)/(to-from)*(s.end-s.start)
}

// scales finds room for every point. The x axis has a mark at each; the y axis begins at zero unless it is logarithmic.
func (c chart) scales() (x, y scale) {
	x, y = scale{log: true, start: left + 14, end: right - 14}, scale{log: c.LogY, start: baseline, end: top}
	least, most := math.Inf(1), 0.0
	seen := map[float64]bool{}
	for _, s := range c.Series {
		for _, p := range s.Points {
			least, most = min(least, p.Y), max(most, p.Y)
			if !seen[p.X] {
				seen[p.X] = true
				x.ticks = append(x.ticks, p.X)
			}
		}
	}
	if len(x.ticks) == 0 {
		return x, y
	}
	x.from, x.to = x.ticks[0], x.ticks[0]
	for _, v := range x.ticks {
		x.from, x.to = min(x.from, v), max(x.to, v)
	}
	if c.LogY {
		y.ticks = decades(least, most)
	} else {
		y.ticks = steps(most)
	}
	y.from, y.to = y.ticks[0], y.ticks[len(y.ticks)-1]
	return x, y
}

// steps are about five round figures from zero past most.
func steps(most float64) []float64 {
	if most <= 0 {
		return []float64{0, 1}
	}
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, part := range []float64{0.2, 0.5, 1, 2} {
		if unit*part*6 >= most {
			unit *= part
			break
		}
	}
	out := []float64{0}
	for out[len(out)-1] < most {
		out = append(out, float64(len(out))*unit)
	}
	return out
}

// decades are 1, 2 and 5 times powers of ten around least to most.
func decades(least, most float64) []float64 {
	var out []float64
	for power := math.Floor(math.Log10(max(least, 1e-9))); ; power++ {
		for _, n := range []float64{1, 2, 5} {
			v := n * math.Pow(10, power)
			if len(out) > 0 && out[len(out)-1] >= most {
				return out
			}
			if len(out) == 1 && v <= least {
				out[0] = v
				continue
			}
			out = append(out, v)
		}
	}
}

// figure writes a number as axes do: 0.5, 2,000, 10 M.
func figure(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + " M"
	case v >= 1000:
		return thousands(int(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
