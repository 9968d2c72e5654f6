package jose_test

import (
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/jose"
)

func BenchmarkSign(b *testing.B) {
	s := jose.New(secrets(b, 1))
	for _, a := range latchkey.Algorithms() {
		k, c := generate(b, s, a), claims()
		b.Run(string(a), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Sign(b.Context(), k, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	s := jose.New(secrets(b, 1))
	for _, a := range latchkey.Algorithms() {
		ks := latchkey.Keys{generate(b, s, a)}
		token := latchkey.Secret(sign(b, s, ks[0], claims()))
		b.Run(string(a), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Verify(b.Context(), ks, token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
