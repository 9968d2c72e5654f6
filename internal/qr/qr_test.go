package qr_test

import (
	"encoding/xml"
	"image/color"
	"regexp"
	"strconv"
	"strings"
	"testing"

	barcode "github.com/boombuler/barcode/qr"

	"github.com/latchkey-dev/latchkey/internal/qr"
)

const address = "https://login.example.com/p/00000000-0000-4000-8000-000000000001/device?user_code=WDJB-MJHT"

// grid reads the dark modules off a picture, its margin included.
func grid(t *testing.T, svg []byte) [][]bool {
	t.Helper()
	side := regexp.MustCompile(`viewBox="0 0 (\d+) (\d+)"`).FindSubmatch(svg)
	if side == nil || string(side[1]) != string(side[2]) {
		t.Fatalf("no square: %.200s", svg)
	}
	n, _ := strconv.Atoi(string(side[1]))
	out := make([][]bool, n)
	for y := range out {
		out[y] = make([]bool, n)
	}
	_, dark, found := strings.Cut(string(svg), `/><path d="`)
	rows := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(dark, -1)
	if !found || len(rows) == 0 {
		t.Fatalf("nothing is drawn: %.200s", svg)
	}
	for _, m := range rows {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		long, _ := strconv.Atoi(m[3])
		if m[3] != m[4] {
			t.Fatalf("a rectangle that does not close: %s", m[0])
		}
		for i := range long {
			out[y][x+i] = true
		}
	}
	return out
}

// TestISO18004_Picture: well-formed, the margin free, a finder in three corners, and every module where the encoder has it.
func TestISO18004_Picture(t *testing.T) {
	t.Parallel()
	for _, text := range []string{address, "x", strings.Repeat("long ", 200), "é"} {
		svg, err := qr.SVG(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal(svg, &struct{ XMLName xml.Name }{}); err != nil {
			t.Errorf("%.20q: not XML: %v", text, err)
		}
		got := grid(t, svg)
		code, err := barcode.Encode(text, barcode.M, barcode.Unicode)
		if err != nil {
			t.Fatal(err)
		}
		side := code.Bounds().Dx()
		if len(got) != side+8 || (side-17)%4 != 0 {
			t.Fatalf("%.20q: %d modules wide, want %d and a margin of 4", text, len(got), side)
		}
		for y := range got {
			for x := range got {
				want := x >= 4 && y >= 4 && x < side+4 && y < side+4 && code.At(x-4, y-4) == color.Black
				if got[y][x] != want {
					t.Fatalf("%.20q: module %d, %d is dark: %v", text, x, y, got[y][x])
				}
			}
		}
		for _, corner := range [][2]int{{4, 4}, {side - 3, 4}, {4, side - 3}} {
			for i, want := range []bool{true, false, true, true, true, false, true} { // 1:1:3:1:1 (§6.3.3)
				if got[corner[1]+3][corner[0]+i] != want || got[corner[1]+i][corner[0]+3] != want {
					t.Errorf("%.20q: no finder at %v", text, corner)
				}
			}
		}
	}
}

// TestTooLong: an error, and no picture that cannot be read.
func TestTooLong(t *testing.T) {
	t.Parallel()
	if svg, err := qr.SVG(strings.Repeat("x", 3000)); err == nil || svg != nil {
		t.Errorf("3,000 bytes: %d bytes of picture, %v", len(svg), err)
	}
}
