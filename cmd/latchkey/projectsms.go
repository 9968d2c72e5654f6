package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
)

// smsFlags are where a project sends SMS, and what it does against fraud on them.
type smsFlags struct {
	SMSCountry []string `name:"sms-country" placeholder:"CODE" help:"Country that SMS go to, such as DE, or * for every one. Default: none, and no SMS. Repeatable."`
	SMSBreaker string   `name:"sms-breaker" placeholder:"MODE" help:"What happens where too many codes are sent that nobody signs in with: enforce stops SMS there for some time, observe only tells. Default: enforce."`
	SMSBudget  int      `name:"sms-budget" placeholder:"N" help:"Codes by SMS that may be lost in an hour, by country and by client network, before that happens; raise it before a launch. Default: 20."`
}

// apply puts what was given into p.
func (f smsFlags) apply(p latchkey.Project) (latchkey.Project, error) {
	codes := slices.Clone(f.SMSCountry)
	for i, c := range codes {
		codes[i] = strings.ToUpper(strings.TrimSpace(c))
		if c := codes[i]; c != "" && c != latchkey.AnyCountry && !address.KnownCountry(c) {
			return p, wrongUsage("--sms-country: %q has no phone numbers: a country is two letters, such as DE, GB or US, or * for every one", c)
		}
	}
	replace(&p.Defence.SMS.Countries, codes)
	setIf(&p.Defence.SMS.Breaker, latchkey.BreakerMode(strings.ToLower(f.SMSBreaker)))
	setIf(&p.Defence.SMS.Budget, f.SMSBudget)
	return p, nil
}

// An smsRow is the same in JSON.
type smsRow struct {
	SMSCountries []string `json:"sms_countries"`
	SMSBreaker   string   `json:"sms_breaker"`
	SMSBudget    int      `json:"sms_budget"`
}

func rowOfSMS(s latchkey.SMSPolicy) smsRow {
	return smsRow{SMSCountries: lines(s.Countries), SMSBreaker: string(s.Breaker), SMSBudget: s.Budget}
}

// warnNoSMS tells the operator of projects whose people cannot sign in by phone though that is on.
func warnNoSMS(ctx context.Context, store latchkey.Store, log *slog.Logger) error {
	projects, err := store.Projects(ctx)
	for _, p := range projects {
		if p.Has(latchkey.Phone) && len(p.Defence.SMS.Countries) == 0 {
			log.Warn("no SMS go out: people of this project cannot sign in by phone until you name the countries that SMS go to, "+
				"with latchkey project update --sms-country, or take the channel away with --channel email",
				"project", p.ID.String(), "name", p.Name)
		}
	}
	return err
}
