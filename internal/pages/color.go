package pages

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// color is GET /static/color/{rrggbb}.css: a project's colour as a stylesheet, since the strict policy lets no style
// stand in the page itself. The address says it all: nothing is read, and every project with this colour shares it.
func color(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	strict(h, linkPolicy("", ""))
	hex, isCSS := strings.CutSuffix(r.PathValue("file"), ".css")
	rgb, err := strconv.ParseUint(hex, 16, 24)
	if !isCSS || len(hex) != 6 || err != nil {
		http.NotFound(w, r)
		return
	}
	css := colorSheet(uint32(rgb))
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

// colorSheet sets the colour, black or white for what is written on it, whichever can be read better (at least 4.58 to 1,
// WCAG 1.4.3 asks 4.5), and an edge that stands out from the card (WCAG 1.4.11: 3 to 1).
func colorSheet(rgb uint32) string {
	ink := uint32(0xffffff)
	if contrast(rgb, 0) > contrast(rgb, ink) {
		ink = 0
	}
	edge := func(card, instead uint32) uint32 {
		if contrast(rgb, card) >= 3 {
			return rgb
		}
		return instead
	}
	return fmt.Sprintf(":root{--brand:#%06x;--brand-ink:#%06x;--brand-edge:#%06x}\n@media (prefers-color-scheme:dark){:root{--brand-edge:#%06x}}\n",
		rgb, ink, edge(lightCard, lightEdge), edge(darkCard, darkEdge))
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
