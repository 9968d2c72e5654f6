package address

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"github.com/latchkey-dev/latchkey"
)

// ParsePhoneIn is ParsePhone for what people type into a page of ours: the separators that they write numbers with are
// passed over, digits may be of any script, 00 is a plus, and a number without either is one of the country that region
// names (ISO 3166-1, such as DE), where one is given.
//
// Errors: InvalidPhone, with Field phone_number.
func ParsePhoneIn(typed, region string) (latchkey.Address, error) {
	if len(typed) > maxTyped {
		return badPhone("the phone number is too long")
	}
	text := strings.Map(plain, typed)
	if rest, abroad := strings.CutPrefix(text, "00"); abroad {
		text = "+" + rest
	}
	if strings.HasPrefix(text, "+") {
		return ParsePhone(text)
	}
	if len(text) < 4 || len(text) > 25 || strings.Trim(text, "0123456789") != "" {
		return badPhone("a phone number is digits, with a plus and its country code in front where the country is not known")
	}
	if a, ok := withoutPlus(text, region); ok {
		return a, nil
	}
	n, err := phonenumbers.Parse(text, region)
	if err != nil {
		return badPhone("there is no such phone number")
	}
	return ParsePhone(phonenumbers.Format(n, phonenumbers.E164))
}

// withoutPlus takes a number that begins with its country's own calling code, and not with what numbers inside the country
// begin with, for one whose plus was left out. In a plan as loose as the German one it could be another number too, but
// nobody writes that one without its 0.
func withoutPlus(text, region string) (latchkey.Address, bool) {
	code, inside := phonenumbers.GetCountryCodeForRegion(region), phonenumbers.GetNddPrefixForRegion(region, true)
	if code == 0 || inside == "" || strings.HasPrefix(text, inside) || !strings.HasPrefix(text, strconv.Itoa(code)) {
		return latchkey.Address{}, false
	}
	a, err := ParsePhone("+" + text)
	return a, err == nil
}

// Digits gives the decimal digits in s, whatever script they are typed in, as those of ASCII: a code as people copy it, with
// spaces, dashes or marks around it.
func Digits(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsDigit(r) {
			return -1
		}
		return digit(r)
	}, s)
}

// plain drops what only makes a number easier to read, and makes its digits and its plus those of ASCII.
func plain(r rune) rune {
	switch {
	case unicode.IsSpace(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Pd, r), strings.ContainsRune("./()\u2212", r):
		return -1
	case r == '＋':
		return '+'
	case unicode.IsDigit(r):
		return digit(r)
	}
	return r
}

// digit gives the ASCII digit of the same value: the ten digits of a script follow each other (Unicode §4.6), and every
// script's zero is where a run of ten begins.
func digit(r rune) rune {
	for _, t := range unicode.Nd.R16 {
		if lo, hi := rune(t.Lo), rune(t.Hi); lo <= r && r <= hi {
			return '0' + (r-lo)%10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if lo, hi := rune(t.Lo), rune(t.Hi); lo <= r && r <= hi {
			return '0' + (r-lo)%10
		}
	}
	return r
}

// Regions gives the countries that a phone number can be of, by calling code, the main one of each first:
// "1 US AG AI …,7 RU KZ,20 EG,…". It is made for a page that offers a choice: short, and taken apart by two splits.
func Regions() string {
	all := phonenumbers.GetSupportedCallingCodes()
	var out strings.Builder
	for _, code := range slices.Sorted(maps.Keys(all)) {
		regions := phonenumbers.GetRegionCodesForCountryCode(code)
		if len(regions) == 0 || regions[0] == "001" { // of no country, such as the international freephone numbers
			continue
		}
		if out.Len() > 0 {
			out.WriteByte(',')
		}
		out.WriteString(strconv.Itoa(code))
		for _, r := range regions {
			out.WriteString(" " + r)
		}
	}
	return out.String()
}
