package latchkey

import (
	"slices"
	"strings"
	"time"
)

// A Defence is what a project does about those who want none of its service: robots, floods, fraud on SMS, strangers.
// Limits by rate are not in it: they are the server's (internal/limits).
type Defence struct {
	Captcha        CaptchaPolicy  `json:"captcha"`
	SignUp         SignUp         `json:"sign_up"`
	SMS            SMSPolicy      `json:"sms"`
	TestIdentities []TestIdentity `json:"test_identities"`
}

// A CaptchaPolicy says when whoever asks for a code must solve a CAPTCHA first.
type CaptchaPolicy string

// The captcha policies.
const (
	CaptchaSuspicious CaptchaPolicy = "suspicious" // when a limit says so
	CaptchaNever      CaptchaPolicy = "never"
	CaptchaAlways     CaptchaPolicy = "always"
)

// A SignUp says whether an address that never signed in may. The zero value lets everybody in.
type SignUp struct {
	Closed bool `json:"closed"`
	// Contact tells an unknown address, by message, how to ask for access: an address, a URL, some words on one line. Empty: it
	// gets no message. The answer to the start call is the same in every case.
	Contact string `json:"contact"`
}

// Refuses reports whether u, who is zero for an address that nobody proved, is kept out.
func (s SignUp) Refuses(u User) bool { return s.Closed && u.ID.IsZero() }

// An SMSPolicy says where codes may be sent by SMS, and how many may be lost before that looks like fraud.
type SMSPolicy struct {
	Countries []string    `json:"countries"` // two-letter codes (ISO 3166-1); AnyCountry is every one; none: no SMS at all
	Breaker   BreakerMode `json:"breaker"`
	Budget    int         `json:"budget"` // codes that may be lost in any case, by country and by client network
}

// AnyCountry stands for every country in SMSPolicy.Countries.
const AnyCountry = "*"

// A BreakerMode says what happens when more codes are lost than the budget allows.
type BreakerMode string

// The breaker modes.
const (
	BreakerEnforce BreakerMode = "enforce" // no more SMS there for some time
	BreakerObserve BreakerMode = "observe" // an event, a metric, and nothing else
)

// A TestIdentity is an address with a fixed code, for the reviewers of app stores and for automatic tests: nothing is sent to
// it, and no rate limit applies.
type TestIdentity struct {
	Channel Channel   `json:"channel"`
	Address string    `json:"address"` // canonical
	Code    string    `json:"code"`    // 6–10 digits
	Until   time.Time `json:"until"`   // UTC; at this instant it is an address like any other
}

// To is the address of t.
func (t TestIdentity) To() Address { return CanonicalAddress(t.Channel, t.Address) }

// The bounds of a Defence.
const (
	MaxTestIdentities = 50
	maxSMSBudget      = 1_000_000
)

func defaultDefence() Defence {
	return Defence{Captcha: CaptchaSuspicious, SMS: SMSPolicy{Breaker: BreakerEnforce, Budget: 20}}
}

func (d Defence) validate() error {
	switch {
	case d.Captcha != CaptchaSuspicious && d.Captcha != CaptchaNever && d.Captcha != CaptchaAlways:
		return BadField("defence.captcha", "a captcha is asked for never, when suspicious, or always")
	case len(d.SignUp.Contact) > 200 || !printable(d.SignUp.Contact):
		return BadField("defence.sign_up.contact", "how to ask for access has 200 bytes at the most, on one line")
	case d.SMS.Breaker != BreakerEnforce && d.SMS.Breaker != BreakerObserve:
		return BadField("defence.sms.breaker", "the breaker enforces or observes")
	case d.SMS.Budget < 1 || d.SMS.Budget > maxSMSBudget:
		return BadField("defence.sms.budget", "the budget is 1 to 1,000,000 codes")
	case len(d.TestIdentities) > MaxTestIdentities:
		return BadField("defence.test_identities", "50 test identities at the most")
	}
	for _, c := range d.SMS.Countries {
		if c != AnyCountry && (len(c) != 2 || strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
			return BadField("defence.sms.countries", "a country is two letters, such as DE, or * for every one")
		}
	}
	for _, t := range d.TestIdentities {
		if err := t.validate(); err != nil {
			return err
		}
	}
	return nil
}

func (t TestIdentity) validate() error {
	switch {
	case !t.Channel.Valid() || t.Address == "":
		return BadField("defence.test_identities", "a test identity has an email or a phone number")
	case len(t.Code) < MinDigits || len(t.Code) > MaxDigits || strings.Trim(t.Code, "0123456789") != "":
		return BadField("defence.test_identities", "the code of a test identity has 6 to 10 digits")
	case t.Until.IsZero():
		return BadField("defence.test_identities", "a test identity has an end")
	}
	return nil
}

// TestIdentity gives the test identity that to is at now.
func (p Project) TestIdentity(to Address, now time.Time) (t TestIdentity, ok bool) {
	i := slices.IndexFunc(p.Defence.TestIdentities, func(t TestIdentity) bool { return t.To() == to && now.Before(t.Until) })
	if i < 0 {
		return TestIdentity{}, false
	}
	return p.Defence.TestIdentities[i], true
}

// SendsTo reports whether SMS to a country are on; country is a two-letter code, or empty when it is not known.
func (p SMSPolicy) SendsTo(country string) bool {
	return slices.Contains(p.Countries, AnyCountry) || country != "" && slices.Contains(p.Countries, country)
}
