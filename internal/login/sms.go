package login

import (
	"cmp"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
)

// checkSMS refuses a phone number to which the project sends no SMS, and gives the country of one to which it does, for its codes
// to be counted by; empty for what is no phone number. It comes before anything is counted for the number, and looks at nothing
// but the number, so that it tells nothing of who has it. To a test identity nothing is sent at all.
// Errors: PhoneCannotSMS.
func (s *Service) checkSMS(p latchkey.Project, to latchkey.Address) (country string, err error) {
	country = s.smsCountry(p, to)
	if country == "" {
		return "", nil
	}
	refused := &latchkey.Error{Code: latchkey.PhoneCannotSMS, Field: "phone_number"}
	switch {
	case len(p.Defence.SMS.Countries) == 0:
		refused.Message = "This project sends no SMS: its operator has named no country yet (latchkey project update --sms-country)."
	case !p.Defence.SMS.SendsTo(country):
		refused.Message = "This project sends no SMS to the country of this number."
	case !address.ReceivesSMS(to):
		refused.Message = "This number is not one of a mobile phone."
	default:
		return country, nil
	}
	return "", refused
}

// tellSMS tells what a start did to the breaker.
func (s *Service) tellSMS(out latchkey.Started, err error) {
	if err != nil {
		return
	}
	if out.Verdict != nil && s.SMSRefused != nil {
		s.SMSRefused()
	}
	for _, t := range out.SMS.Trips {
		if t.Scope != "" && s.SMSTripped != nil {
			s.SMSTripped(t.Scope.By(), t.Until)
		}
	}
}

// smsCountry gives the country that the codes to an address are counted by; empty where none is sent by SMS.
func (s *Service) smsCountry(p latchkey.Project, to latchkey.Address) string {
	if to.Channel() != latchkey.Phone {
		return ""
	}
	if _, test := s.TestIdentity(p, to); test {
		return ""
	}
	return cmp.Or(address.Country(to), latchkey.NoCountry)
}
