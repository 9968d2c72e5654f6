package address_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/idna"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
)

func TestParseEmail(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 60)
	for in, want := range map[string]string{
		"player@example.test":                  "player@example.test",
		"  Player@Example.TEST \t":             "player@example.test",
		"player@example.test\r\n":              "player@example.test",
		"player+1@example.com":                 "player+1@example.com", // plus-addresses are distinct identities
		"p.l.a.y@example.com":                  "p.l.a.y@example.com",
		"o'hara@example.com":                   "o'hara@example.com",
		"!#$%&'*+/=?^_`{|}~-@example.com":      "!#$%&'*+/=?^_`{|}~-@example.com",
		"aAzZ09@az09.AZ09.example":             "aazz09@az09.az09.example", // the ends of what letters and digits are
		"1@2.example":                          "1@2.example",
		"a@bücher.example":                     "a@xn--bcher-kva.example",
		"a@BÜCHER.example":                     "a@xn--bcher-kva.example",
		"a@xn--bcher-kva.example":              "a@xn--bcher-kva.example",
		"a@XN--BCHER-KVA.example":              "a@xn--bcher-kva.example",
		"a@faß.example":                        "a@xn--fa-hia.example", // not fass.example: somebody else's
		"a@example。com":                        "a@example.com",        // the full stop of a Japanese keyboard
		"a@ＥＸＡＭＰＬＥ．ＣＯＭ":                        "a@example.com",
		"a@пример.рф":                          "a@xn--e1afmkfd.xn--p1ai",
		"a@例え.テスト":                             "a@xn--r8jz45g.xn--zckzah",
		strings.Repeat("l", 64) + "@a.example": strings.Repeat("l", 64) + "@a.example",
		"a@" + long + "." + long + "." + long + "." + long + ".example":              "a@" + long + "." + long + "." + long + "." + long + ".example",  // 253
		"ab@" + long + "." + long + "." + long + "." + long + ".example":             "ab@" + long + "." + long + "." + long + "." + long + ".example", // 254
		strings.Repeat(" ", 1024-len("player@example.test")) + "player@example.test": "player@example.test",
	} {
		a, err := address.ParseEmail(in)
		if err != nil || a.Value() != want || a.Channel() != latchkey.Email {
			t.Errorf("ParseEmail(%q) = %q, %v; want %q", in, a.Value(), err, want)
		}
		if again, err := address.ParseEmail(a.Value()); err != nil || again != a {
			t.Errorf("ParseEmail(%q) is not canonical: parsed again it is %q, %v", in, again.Value(), err)
		}
	}
}

func TestParseEmailRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 63)
	for name, in := range map[string]string{
		"nothing":                        "",
		"blanks":                         " \t\r\n",
		"no @":                           "player.example.com",
		"only @":                         "@",
		"no local part":                  "@example.com",
		"no domain":                      "player@",
		"two @":                          "a@b@example.com",
		"full-width @":                   "a＠example.com",
		"full-width @ in the domain":     "a@b＠example.com",
		"single label":                   "root@localhost",
		"ends with a dot":                "a@example.com.",
		"starts with a dot":              "a@.example.com",
		"two dots in the domain":         "a@example..com",
		"IPv4":                           "a@127.0.0.1",
		"IPv4 literal":                   "a@[127.0.0.1]",
		"IPv6 literal":                   "a@[IPv6:::1]",
		"IPv4 in full-width digits":      "a@１２７.0.0.１",
		"number as top-level domain":     "a@example.123",
		"underscore":                     "a@exam_ple.com",
		"leading hyphen":                 "a@-example.com",
		"trailing hyphen":                "a@example-.com",
		"space in the domain":            "a@exam ple.com",
		"slash":                          "a@example.com/path",
		"port":                           "a@example.com:25",
		"percent":                        "a@example%2ecom",
		"emoji that is not allowed":      "a@\U0001F1E6.\uFFFD",
		"broken punycode":                "a@xn--a.example",
		"punycode of plain ASCII":        "a@xn--example-.com",
		"quoted":                         `"john doe"@example.com`,
		"quoted @":                       `"a@b"@example.com`,
		"comment":                        "a(comment)@example.com",
		"space":                          "a b@example.com",
		"leading dot":                    ".a@example.com",
		"trailing dot":                   "a.@example.com",
		"two dots":                       "a..b@example.com",
		"umlaut":                         "jürgen@example.com",
		"Kelvin sign, which lowers to k": "mar\u212A@example.com",
		"dotless i":                      "adm\u0131n@example.com",
		"zero-width space":               "a\u200B@example.com",
		"right-to-left override":         "a\u202E@example.com",
		"byte order mark":                "\uFEFFa@example.com",
		"NUL":                            "a\x00@example.com",
		"NUL in the domain":              "a@example.com\x00.evil.example",
		"NUL at the end":                 "a@example.com\x00",
		"a second recipient":             "a@example.com,b@evil.example",
		"header injection":               "a@example.com\r\nBcc: b@evil.example",
		"header injection, local part":   "a\r\nBcc: b@example.com",
		"angle brackets":                 "<a@example.com>",
		"display name":                   "A <a@example.com>",
		"mailto":                         "mailto:a@example.com",
		"semicolon":                      "a;b@example.com",
		"backslash":                      `a\b@example.com`,
		"DEL":                            "a\x7f@example.com",
		"invalid UTF-8":                  "a\xff@example.com",
		"invalid UTF-8 in the domain":    "a@ex\xffample.com",
		"replacement character":          "a@ex\uFFFDample.com",
		"local part of 65":               strings.Repeat("l", 65) + "@example.com",
		"label of 64":                    "a@" + strings.Repeat("x", 64) + ".example",
		"255 bytes":                      "aa@" + strings.Repeat("x", 60) + "." + long + "." + long + "." + long,
		"more blanks than anybody types": strings.Repeat(" ", 1025-len("player@example.test")) + "player@example.test",
		"a megabyte":                     strings.Repeat("a", 1<<20) + "@example.com",
		"a megabyte of domain":           "a@" + strings.Repeat("a.", 1<<19) + "com",
	} {
		a, err := address.ParseEmail(in)
		var e *latchkey.Error
		if !errors.As(err, &e) || e.Code != latchkey.Invalid || e.Field != "email" || e.Message == "" || !a.IsZero() {
			t.Errorf("%s: %q, %#v; want Invalid that names email", name, a.Value(), err)
		}
		if local, _, _ := strings.Cut(in, "@"); len(local) > 3 && err != nil && strings.Contains(err.Error(), local) {
			t.Errorf("%s: the error quotes the input: %v", name, err)
		}
	}
}

func TestParsePhone(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"+12025550123":    "+12025550123",
		"+4915112345678":  "+4915112345678",
		"+447700900123":   "+447700900123", // Ofcom's numbers for drama
		"+15551234567":    "+15551234567",  // the area code of films
		" 12025550123":    "+12025550123",  // a query's plus, decoded (contract.md §1.8)
		" +12025550123":   "+12025550123",
		"+12025550123 \n": "+12025550123",
		"+4407400123456":  "+447400123456", // the national 0 that people keep
		"+390612345678":   "+390612345678", // the Italian 0 that belongs to the number
		"+33612345678":    "+33612345678",
		"+79161234567":    "+79161234567",
		"+8613812345678":  "+8613812345678",
		"+919876543210":   "+919876543210",
		"+5511987654321":  "+5511987654321",
		"+80012345678":    "+80012345678", // no country: an international freephone number
	} {
		a, err := address.ParsePhone(in)
		if err != nil || a.Value() != want || a.Channel() != latchkey.Phone {
			t.Errorf("ParsePhone(%q) = %q, %v; want %q", in, a.Value(), err, want)
		}
		if again, err := address.ParsePhone(a.Value()); err != nil || again != a {
			t.Errorf("ParsePhone(%q) is not canonical: parsed again it is %q, %v", in, again.Value(), err)
		}
	}
}

func TestParsePhoneRefuses(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"nothing":               "",
		"a space":               " ",
		"a plus":                "+",
		"no plus":               "12025550123",
		"00 for the plus":       "0012025550123",
		"four digits":           "+1234",
		"26 digits":             "+" + strings.Repeat("1", 26),
		"25 digits":             "+" + strings.Repeat("1", 25),
		"too short for the US":  "+1202555012",
		"too long for the US":   "+120255501234",
		"unassigned area code":  "+10005550123",
		"unknown country":       "+999123456789",
		"country code 0":        "+0123456789",
		"spaces inside":         "+1 202 555 0123",
		"dashes inside":         "+1-202-555-0123",
		"brackets":              "+1(202)5550123",
		"two plusses":           "++12025550123",
		"plus at the end":       "12025550123+",
		"letters":               "+1800FLOWERS",
		"extension":             "+12025550123;ext=5",
		"tel URI":               "tel:+12025550123",
		"phone-context":         "2025550123;phone-context=+1",
		"Arabic digits":         "+١٢٠٢٥٥٥٠١٢٣",
		"full-width digits":     "+１２０２５５５０１２３",
		"full-width plus":       "＋12025550123",
		"NUL":                   "+12025550123\x00",
		"a line break inside":   "+1202555\n0123",
		"invalid UTF-8":         "+1202555\xff0123",
		"a no-break space":      "\u00a012025550123",
		"a tab for the plus":    "\t12025550123",
		"drama numbers, longer": "+4477009001234",
		"area 555, longer":      "+155512345678",
		"a megabyte":            "+" + strings.Repeat("1", 1<<20),
	} {
		a, err := address.ParsePhone(in)
		var e *latchkey.Error
		if !errors.As(err, &e) || e.Code != latchkey.InvalidPhone || e.Field != "phone_number" || e.Message == "" || !a.IsZero() {
			t.Errorf("%s: %q, %#v; want InvalidPhone that names phone_number", name, a.Value(), err)
		}
	}
}

// TestReceivesSMS: the kinds of numbers, one of each. Which country gets SMS is the project's.
func TestReceivesSMS(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]bool{
		"+4915112345678": true,
		"+12025550123":   true, // mobile or not: the North American plan does not tell
		"+447700900123":  true, // fiction: it reaches nobody, and tests use it
		"+15551234567":   true,
		"+493012345678":  false, // a landline
		"+499001234567":  false, // premium rate
		"+4918012345":    false, // shared cost
		"+447012345678":  false, // personal: dear, and loved by fraud
		"+445612345678":  false, // VoIP
		"+447640123456":  false, // a pager
		"+18002345678":   false, // freephone
		"+80012345678":   false, // international freephone
		"+979123456789":  false, // international premium rate
	} {
		a, err := address.ParsePhone(number)
		if err != nil {
			t.Errorf("ParsePhone(%s): %v: the table needs a number that exists", number, err)
		}
		if got := address.ReceivesSMS(a); got != want {
			t.Errorf("ReceivesSMS(%s) = %v, want %v", number, got, want)
		}
	}
	if address.ReceivesSMS(latchkey.CanonicalAddress(latchkey.Email, "a@example.com")) {
		t.Error("an email receives SMS")
	}
}

// contract.md §4: `login` is either.
// TestCountry: what an SMS costs and whether it is sent at all hangs on it.
func TestCountry(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"+4915112345678": "DE",
		"+12025550123":   "US",
		"+18765551234":   "JM", // one of the many that share the 1
		"+79161234567":   "RU",
		"+77011234567":   "KZ",
		"+447700900123":  "GB", // fiction
		"+15550001234":   "US",
		"+447400123456":  "GB",
		"+447911123456":  "GG", // Guernsey shares the 44
		"+80012345678":   "",   // of no country
		"+88212345678":   "",
		"+999123456789":  "", // there is no such code
	} {
		if got := address.Country(latchkey.CanonicalAddress(latchkey.Phone, number)); got != want {
			t.Errorf("%s is of the country %q, want %q", number, got, want)
		}
	}
	for _, value := range []string{"+4915112345678@example.com", "a@example.de", "+4915112345678"} {
		to := latchkey.CanonicalAddress(latchkey.Email, value)
		if got := address.Country(to); got != "" || address.ReceivesSMS(to) {
			t.Errorf("the email %q is of the country %q, and receives SMS: %v", value, got, address.ReceivesSMS(to))
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]latchkey.Address{
		"A@example.com": latchkey.CanonicalAddress(latchkey.Email, "a@example.com"),
		"+12025550123":  latchkey.CanonicalAddress(latchkey.Phone, "+12025550123"),
		" 12025550123":  latchkey.CanonicalAddress(latchkey.Phone, "+12025550123"),
	} {
		if a, err := address.Parse(in); err != nil || a != want {
			t.Errorf("Parse(%q) = %q, %v; want %q", in, a.Value(), err, want.Value())
		}
	}
	for in, want := range map[string]latchkey.Code{"": latchkey.InvalidPhone, "player": latchkey.InvalidPhone, "+1@": latchkey.Invalid} {
		if _, err := address.Parse(in); !errors.Is(err, want) {
			t.Errorf("Parse(%q): %v, want %v", in, err, want)
		}
	}
}

// The libraries underneath compile and cache as they go.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for _, in := range []string{"+12025550123", "+4915112345678", "+819012345678", "a@bücher.example", "+33612345678", "+919876543210"} {
		for range 8 {
			wg.Go(func() {
				if _, err := address.Parse(in); err != nil {
					t.Errorf("Parse(%q): %v", in, err)
				}
			})
		}
	}
	wg.Wait()
}

// FuzzParseEmail: parse, then print, then parse gives the same address, and the address can go into a mail's header.
func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{
		"player@example.test", " A+b@Bücher.example\n", "a@xn--bcher-kva.example", "a@例え.テスト", "a@b。c", "\u212A@x.y",
		"a@faß.example", "a@[::1]", `"a b"@c.d`, "a@1.2.3.4", "a@\u00ad.com", "a@xn--.com", "a@a\u200d.b", "a@\u05d0.com",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := address.ParseEmail(s)
		if err != nil {
			if !errors.Is(err, latchkey.Invalid) || !a.IsZero() {
				t.Fatalf("ParseEmail(%q) = %q, %v", s, a.Value(), err)
			}
			return
		}
		v := a.Value()
		if again, err := address.ParseEmail(v); err != nil || again != a {
			t.Errorf("ParseEmail(%q) = %q, parsed again %q, %v", s, v, again.Value(), err)
		}
		if len(v) > 254 || strings.Count(v, "@") != 1 || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r >= 0x7f || r >= 'A' && r <= 'Z' }) ||
			strings.ContainsAny(v, `",;:<>()[]\`) {
			t.Errorf("ParseEmail(%q) lets %q through", s, v)
		}
	})
}

// FuzzParsePhone: parse, then print, then parse gives the same address, and it is E.164.
// FuzzDomain: what is not asked of IDNA is what IDNA would have said.
func FuzzDomain(f *testing.F) {
	for _, seed := range []string{
		"example.com", "EXAMPLE.Com", "a-b.example", "a--b.example", "xn--bcher-kva.example", "XN--BCHER-KVA.example", "xn--a.example", "xn--example-.com",
		"-a.example", "a-.example", "a.-b", ".", "", "a.", ".a", "a..b", "1.2", "a_b.example", "localhost", "b\u00fccher.example", "a\u3002b", "\u05d0.1a",
		strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 200) + "b", "a\x00b", "a b", "\u212a.example",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		got, err := address.Domain(typed)
		want, failed := idna.Lookup.ToASCII(typed)
		if want = strings.ToLower(want); failed != nil {
			want = ""
		}
		if got != want || (err != nil) != (failed != nil) {
			t.Errorf("Domain(%q) is %q, %v; IDNA gives %q, %v", typed, got, err, want, failed)
		}
	})
}

func FuzzParsePhone(f *testing.F) {
	for _, s := range []string{
		"+12025550123", " 4915112345678", "+447700900123", "+390612345678", "+4407400123456", "+80012345678", "+1555", "+٣",
		"+8000000000000", "+5491123456789", "+541115123456", "+5215512345678", "+8108012345678",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := address.ParsePhone(s)
		if err != nil {
			if !errors.Is(err, latchkey.InvalidPhone) || !a.IsZero() {
				t.Fatalf("ParsePhone(%q) = %q, %v", s, a.Value(), err)
			}
			return
		}
		v := a.Value()
		if again, err := address.ParsePhone(v); err != nil || again != a {
			t.Errorf("ParsePhone(%q) = %q, parsed again %q, %v", s, v, again.Value(), err)
		}
		if len(v) < 6 || len(v) > 18 || v[0] != '+' || strings.Trim(v[1:], "0123456789") != "" {
			t.Errorf("ParsePhone(%q) = %q, which is no E.164 number", s, v)
		}
	})
}
