package login

import (
	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
)

// checkSMS refuses a phone number to which the project sends no SMS. It comes before anything is counted for the number, and
// it looks at nothing but the number, so that it tells nothing of who has it. To a test identity nothing is sent at all.
// Errors: PhoneCannotSMS.
func (s *Service) checkSMS(p latchkey.Project, to latchkey.Address) error {
	if to.Channel() != latchkey.Phone {
		return nil
	}
	if _, test := s.TestIdentity(p, to); test {
		return nil
	}
	refused := &latchkey.Error{Code: latchkey.PhoneCannotSMS, Field: "phone_number"}
	switch {
	case len(p.Defence.SMS.Countries) == 0:
		refused.Message = "This project sends no SMS: its operator has named no country yet (latchkey project update --sms-country)."
	case !p.Defence.SMS.SendsTo(address.Country(to)):
		refused.Message = "This project sends no SMS to the country of this number."
	case !address.ReceivesSMS(to):
		refused.Message = "This number is not one of a mobile phone."
	default:
		return nil
	}
	return refused
}
