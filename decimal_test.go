package latchkey

import (
	"encoding/binary"
	"testing"
)

// TestASVS_6_5_3_DigitsAreDrawnAgain: a word at the end of its range, where not every remainder is left, gives no code, or low codes
// would come more often; but for the last word, for which there is no other.
func TestASVS_6_5_3_DigitsAreDrawnAgain(t *testing.T) {
	t.Parallel()
	const modulus = 10_000_000_000
	const whole = ^uint64(0) - ^uint64(0)%modulus
	for name, tt := range map[string]struct {
		words [4]uint64
		want  Secret
	}{
		"the last good word":  {[4]uint64{whole - 1}, "9999999999"},
		"the first bad one":   {[4]uint64{whole, 7}, "0000000007"},
		"three bad ones":      {[4]uint64{whole, whole + 1, ^uint64(0), 8}, "0000000008"},
		"nothing but bad one": {[4]uint64{whole, whole, whole, whole + 9}, "0000000009"},
	} {
		var sum [32]byte
		for i, w := range tt.words {
			binary.BigEndian.PutUint64(sum[8*i:], w)
		}
		if got := decimal(sum, 10); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got.Reveal(), tt.want.Reveal())
		}
	}
}
