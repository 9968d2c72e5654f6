package geoip_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/latchkey-dev/latchkey/internal/geoip"
)

// FuzzOpen: a damaged or hostile file is refused or knows less; it neither panics nor makes a lookup endless, and it never names
// a city without its country.
func FuzzOpen(f *testing.F) {
	sample, err := os.ReadFile("testdata/loopback.mmdb")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample, "127.0.0.1", "de")
	f.Add(sample[:len(sample)/2], "2001:db8::1", "zh_CN")
	f.Add([]byte("\xab\xcd\xefMaxMind.com"), "::ffff:127.0.0.1", "")
	path := filepath.Join(f.TempDir(), "fuzz.mmdb")
	f.Fuzz(func(t *testing.T, file []byte, ip, locale string) {
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		places, err := geoip.Open(path)
		if err != nil {
			return
		}
		addr, _ := netip.ParseAddr(ip)
		for _, a := range []netip.Addr{addr, netip.MustParseAddr("127.0.0.1"), netip.IPv6Unspecified(), {}} {
			city, country := places.Place(a, locale)
			if city != "" && country == "" {
				t.Errorf("%v is in %q of no country", a, city)
			}
			if !utf8.ValidString(city+country) && utf8.Valid(file) {
				t.Errorf("%v is in %q, %q", a, city, country)
			}
		}
	})
}
