package address

import (
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/latchkey-dev/latchkey"
)

// ParsePhone reads an international phone number: a plus and 5 to 25 digits (contract.md §1.8) that the numbering plan
// of their country knows. A leading space is a plus that a query lost on the way. Nothing else is guessed at: no
// spaces or dashes inside, and no country for a number without a plus, or one person's number would be another's.
//
// A number passes if its country's plan has assigned its range. That is stricter than having the right length: it
// keeps typing mistakes from becoming paid messages, and shuts out unassigned ranges, which toll fraud likes. It lags
// behind a new range by as long as the library's data. Numbers kept for fiction pass too: see fictional.
//
// Errors: InvalidPhone, with Field phone_number.
func ParsePhone(s string) (latchkey.Address, error) {
	if len(s) > maxTyped {
		return badPhone("the phone number is too long")
	}
	typed := strings.TrimSpace(s)
	if strings.HasPrefix(s, " ") && !strings.HasPrefix(typed, "+") {
		typed = "+" + typed
	}
	digits, plus := strings.CutPrefix(typed, "+")
	switch {
	case !plus:
		return badPhone("a phone number starts with a plus and its country code")
	case len(digits) < 5 || len(digits) > 25 || strings.Trim(digits, "0123456789") != "":
		return badPhone("a phone number is a plus and 5 to 25 digits")
	}
	n, err := phonenumbers.Parse(typed, "")
	if err != nil {
		return badPhone("there is no such phone number")
	}
	value := phonenumbers.Format(n, phonenumbers.E164)
	if !phonenumbers.IsValidNumber(n) && !fictional(value) {
		return badPhone("there is no such phone number")
	}
	return latchkey.CanonicalAddress(latchkey.Phone, value), nil
}

// fictional reports the numbers that reach nobody and never will, which people therefore use in examples and tests:
// Ofcom's mobile numbers for drama, 07700 900000 to 900999, and the North American area code 555.
func fictional(e164 string) bool {
	return strings.HasPrefix(e164, "+447700900") && len(e164) == len("+447700900000") ||
		strings.HasPrefix(e164, "+1555") && len(e164) == len("+15550000000")
}

// fictionalCountry is where the fiction plays.
func fictionalCountry(e164 string) string {
	if strings.HasPrefix(e164, "+44") {
		return "GB"
	}
	return "US"
}

// ReceivesSMS reports whether codes go to a phone number: it is of a mobile phone, or of a plan that does not tell those from
// others (the North American one). To all others an SMS is lost, or dear, or read by nobody in particular: landlines, VoIP,
// pagers, freephone, premium and shared-cost numbers, and the personal numbers that lead on to any of them.
func ReceivesSMS(a latchkey.Address) bool {
	if a.Channel() != latchkey.Phone {
		return false
	}
	n, err := phonenumbers.Parse(a.Value(), "")
	if err != nil {
		return false
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
		return true
	}
	return fictional(a.Value())
}

// KnownCountry reports whether there are phone numbers of a country, given by its two-letter code (ISO 3166-1).
func KnownCountry(code string) bool { return phonenumbers.GetSupportedRegions()[code] }

// Country gives the country that a phone number belongs to, as a two-letter code; empty for an email, and for a number that
// belongs to none or to several, such as one for calls that cost nothing.
func Country(a latchkey.Address) string {
	switch {
	case a.Channel() != latchkey.Phone:
		return ""
	case fictional(a.Value()):
		return fictionalCountry(a.Value())
	}
	n, err := phonenumbers.Parse(a.Value(), "")
	if err != nil {
		return ""
	}
	if region := phonenumbers.GetRegionCodeForNumber(n); len(region) == 2 && region != "ZZ" {
		return region
	}
	return ""
}

func badPhone(message string) (latchkey.Address, error) {
	return latchkey.Address{}, &latchkey.Error{Code: latchkey.InvalidPhone, Field: "phone_number", Message: message}
}
