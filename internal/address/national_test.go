package address_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
)

func TestParsePhoneIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typed, region, want string }{
		{"+1 (202) 555-0123", "", "+12025550123"},
		{"+49 (0)151 / 123.456-78", "US", "+4915112345678"}, // the plus counts, whatever the region
		{"0151 12345678", "DE", "+4915112345678"},
		{"4915112345678", "DE", "+4915112345678"}, // the country code, without its plus
		{"07700 900123", "GB", "+447700900123"},
		{"202-555-0123", "US", "+12025550123"},
		{"1 202 555 0123", "US", "+12025550123"},
		{"479 200 1234", "US", "+14792001234"},          // and not a phone in Norway, +47 92 00 12 34
		{"011 49 151 12345678", "US", "+4915112345678"}, // as one dials abroad from there
		{"0049 151 12345678", "", "+4915112345678"},
		{"0049 151 12345678", "US", "+4915112345678"},
		{"06 12 34 56 78", "FR", "+33612345678"},
		{"06 1234 5678", "IT", "+390612345678"},
		{"8 916 123-45-67", "RU", "+79161234567"},
		{"138 1234 5678", "CN", "+8613812345678"},
		{"\u2066+49\u00a0151\u201312345678\u2069", "", "+4915112345678"}, // marks and dashes as they come along when copied
		{"＋１２０２５５５０１２３", "", "+12025550123"},
		{"٠٥٠ ١٢٣ ٤٥٦٧", "AE", "+971501234567"},
		{"०९८७६ ५४३२१०", "IN", "+919876543210"},
	} {
		a, err := address.ParsePhoneIn(c.typed, c.region)
		if err != nil || a.Value() != c.want || a.Channel() != latchkey.Phone {
			t.Errorf("ParsePhoneIn(%q, %q) = %q, %v; want %q", c.typed, c.region, a.Value(), err, c.want)
		}
	}
	for name, c := range map[string]struct{ typed, region string }{
		"nothing":                    {"", "DE"},
		"no country":                 {"0151 12345678", ""},
		"a country that there isn't": {"0151 12345678", "XX"},
		"a country in small letters": {"0151 12345678", "de"},
		"another country's number":   {"0151 12345678", "US"},
		"too short":                  {"0151", "DE"},
		"letters":                    {"1-800-FLOWERS", "US"},
		"an extension":               {"202 555 0123 x5", "US"},
		"a name":                     {"nobody", "DE"},
		"a plus in the middle":       {"0151+12345678", "DE"},
		"two plusses":                {"++4915112345678", "DE"},
		"a megabyte":                 {strings.Repeat("1", 1<<20), "DE"},
		"a megabyte of spaces":       {strings.Repeat(" ", 1<<20), "DE"},
		"a dialled code":             {"*100#", "DE"},
	} {
		a, err := address.ParsePhoneIn(c.typed, c.region)
		if !errors.Is(err, latchkey.InvalidPhone) || !a.IsZero() {
			t.Errorf("%s: ParsePhoneIn(%q, %q) = %q, %v; want InvalidPhone", name, c.typed, c.region, a.Value(), err)
		}
	}
}

func TestDigits(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"123456": "123456", " 123-456\n": "123456", "\u2066١٢٣ ٤٥٦\u2069": "123456", "１２３４５６": "123456", "𝟙𝟚𝟛": "123", "𝟎𝟿𞥐𞥙": "0909", "Code: 12": "12", "": "", "none": "",
	} {
		if got := address.Digits(typed); got != want {
			t.Errorf("Digits(%q) = %q, want %q", typed, got, want)
		}
	}
}

func TestRegions(t *testing.T) {
	t.Parallel()
	all := address.Regions()
	if !regexp.MustCompile(`^\d{1,3}( [A-Z]{2})+(,\d{1,3}( [A-Z]{2})+)*$`).MatchString(all) {
		t.Fatalf("Regions gives %q", all)
	}
	for _, some := range []string{"1 US ", ",7 RU KZ,", ",44 GB ", ",49 DE,", ",39 IT VA,", ",972 IL,"} {
		if !strings.Contains(all, some) {
			t.Errorf("Regions lacks %q: %s", some, all)
		}
	}
	if len(all) > 2000 {
		t.Errorf("Regions takes %d bytes of every page, more than 2,000", len(all))
	}
}

// FuzzParsePhoneIn: whatever is typed, what comes out is a number that ParsePhone takes as it is.
func FuzzParsePhoneIn(f *testing.F) {
	for _, s := range []string{"0151 12345678", "+1 (202) 555-0123", "0049", "٠٥٠ ١٢٣ ٤٥٦٧", "1800FLOWERS", "\u200e12"} {
		f.Add(s, "DE")
		f.Add(s, "AE")
	}
	f.Fuzz(func(t *testing.T, typed, region string) {
		a, err := address.ParsePhoneIn(typed, region)
		if err != nil {
			if !errors.Is(err, latchkey.InvalidPhone) || !a.IsZero() {
				t.Fatalf("ParsePhoneIn(%q, %q) = %q, %v", typed, region, a.Value(), err)
			}
			return
		}
		if again, err := address.ParsePhone(a.Value()); err != nil || again != a {
			t.Errorf("ParsePhoneIn(%q, %q) = %q, parsed again %q, %v", typed, region, a.Value(), again.Value(), err)
		}
	})
}
