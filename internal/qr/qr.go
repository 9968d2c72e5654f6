// Package qr is the room that draws QR codes (ISO/IEC 18004). It owns github.com/boombuler/barcode and only computes; the
// standard endpoints call it for devices without a keyboard.
package qr

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is the empty margin, in modules: readers need it to find the code (ISO/IEC 18004 §9.1).
const quiet = 4

// SVG draws text, of some hundred bytes at the most. It corrects 15 % of damage: a screen has no stains, but reflections. The
// picture is black on white whatever lies behind it, because many readers cannot read the opposite.
func SVG(text string) ([]byte, error) {
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil {
		return nil, fmt.Errorf("qr: %w", err)
	}
	n := code.Bounds().Dx()
	dark := func(x, y int) bool { return x < n && code.At(x, y) == color.Black }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %[1]d" shape-rendering="crispEdges">`, n+2*quiet)
	b.WriteString(`<path fill="#fff" d="M0 0h` + fmt.Sprintf("%dv%[1]dH0z", n+2*quiet) + `"/><path d="`)
	for y := range n {
		for x := 0; x < n; x++ {
			from := x
			for dark(x, y) {
				x++
			}
			if x > from { // a row of modules is one rectangle
				fmt.Fprintf(&b, "M%d %dh%dv1h-%[3]dz", from+quiet, y+quiet, x-from)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return []byte(b.String()), nil
}
