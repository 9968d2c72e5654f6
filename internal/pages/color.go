package pages

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// color is GET /static/color/{file}: a project's colours as a stylesheet, since the strict policy lets no style stand in the
// page itself. The name says it all (latchkey.Project.ColorSheet): nothing is read, and every project with these colours
// shares it.
func color(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	strict(h, linkPolicy("", ""))
	name, isCSS := strings.CutSuffix(r.PathValue("file"), ".css")
	css, ok := colorSheet(name)
	if !isCSS || !ok {
		http.NotFound(w, r)
		return
	}
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=86400")
	h.Set("Content-Length", strconv.Itoa(len(css)))
	fmt.Fprint(w, css)
}

// The grounds that a button stands on, and the edges that it gets where its own colour would not show (pages.css).
const (
	lightCard, lightEdge = 0xffffff, 0x767b8c
	darkCard, darkEdge   = 0x191c28, 0x7d859e
)

// colorSheet gives the colours that a name spells: of light pages and, after a hyphen, of dark ones.
func colorSheet(name string) (css string, ok bool) {
	light, dark, two := strings.Cut(name, "-")
	if !two {
		dark = light
	}
	if light != "" {
		rgb, ok := parseColor(light)
		if !ok {
			return "", false
		}
		css = ":root{" + colorRule(rgb, lightCard, lightEdge) + "}\n"
	}
	rgb, ok := parseColor(dark)
	if !ok {
		return "", false
	}
	rule := colorRule(rgb, darkCard, darkEdge)
	return css + "@media (prefers-color-scheme:dark){:root:not([data-theme=light]){" + rule + "}}\n:root[data-theme=dark]{" + rule + "}\n", true
}

func parseColor(hex string) (uint32, bool) {
	rgb, err := strconv.ParseUint(hex, 16, 24)
	return uint32(rgb), err == nil && len(hex) == 6
}

// colorRule sets a colour, black or white for what is written on it, whichever can be read better (at least 4.58 to 1,
// WCAG 1.4.3 asks 4.5), and an edge that stands out from the card (WCAG 1.4.11: 3 to 1).
func colorRule(rgb, card, edge uint32) string {
	ink := uint32(0xffffff)
	if contrast(rgb, 0) > contrast(rgb, ink) {
		ink = 0
	}
	if contrast(rgb, card) >= 3 {
		edge = rgb
	}
	return fmt.Sprintf("--brand:#%06x;--brand-ink:#%06x;--brand-edge:#%06x", rgb, ink, edge)
}

// contrast is the ratio of WCAG 2.2 between two colours: 1 to 21.
func contrast(a, b uint32) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(rgb uint32) float64 {
	channel := func(shift uint) float64 {
		v := float64(rgb>>shift&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}
