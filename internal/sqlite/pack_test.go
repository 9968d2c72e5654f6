package sqlite

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// FuzzUnpack: a damaged column is an error or other values, never a panic.
func FuzzUnpack(f *testing.F) {
	var p packer
	packChallenge(&p, latchkey.Challenge{
		To: latchkey.CanonicalAddress(latchkey.Email, "a@example.com"), From: latchkey.Origin{IP: netip.MustParseAddr("::1")},
		Ask: latchkey.Ask{Payload: "1:2;3"}, Started: time.UnixMicro(1),
	})
	f.Add(string(p.b))
	f.Add("3:ab")
	f.Add("-1:")
	f.Add("99999999999999999999:x")
	f.Fuzz(func(t *testing.T, said string) {
		var ch latchkey.Challenge
		if err := unpackChallenge(&ch, said); err != nil {
			if !errors.Is(err, errPacked) {
				t.Errorf("%q: %v", said, err)
			}
			return
		}
		var p packer
		packChallenge(&p, ch)
		var again latchkey.Challenge
		if err := unpackChallenge(&again, string(p.b)); err != nil || again != ch {
			t.Errorf("%q gives %+v, and packed again %+v, %v", said, ch, again, err)
		}
	})
}

// TestUnpackRefusesDamage: a login never goes on with half a challenge.
func TestUnpackRefusesDamage(t *testing.T) {
	t.Parallel()
	var p packer
	packChallenge(&p, latchkey.Challenge{To: latchkey.CanonicalAddress(latchkey.Email, "a@example.com"), Started: time.UnixMicro(1)})
	whole := string(p.b)
	var ch latchkey.Challenge
	if err := unpackChallenge(&ch, whole); err != nil {
		t.Fatal(err)
	}
	for name, said := range map[string]string{
		"nothing": "", "one byte less": whole[:len(whole)-1], "a field less": whole[:len(whole)-2], "a field more": whole + "0;",
		"a length of letters": "x" + whole, "a length beyond the end": "9" + whole, "a negative length": "-" + whole,
	} {
		if err := unpackChallenge(&ch, said); !errors.Is(err, errPacked) {
			t.Errorf("%s: %v, want an error", name, err)
		}
	}
}
