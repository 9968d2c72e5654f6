// Package limits says how often each call may be made, and by what that is counted: the one table that an operator reads
// and changes, and the Gate that asks the limiter before a call. It only computes and asks the port; how often a code may be
// guessed at is another rule, and durable (latchkey.Guesses).
package limits

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Call is what is limited.
type Call string

// The calls.
const (
	Start   Call = "start"   // a code or a link is to be sent
	Confirm Call = "confirm" // a code is given
	Poll    Call = "poll"    // a device waits for its link
	Token   Call = "token"   // tokens are asked for, refreshed, revoked, looked into
	Page    Call = "page"    // a hosted page is fetched or posted to
)

// A By is what a policy counts by.
type By string

// What is counted by, in the order in which a call asks the limiter, which stops at the first refusal. First comes where
// the call is from, because that alone cannot be made up at will: whoever is over that limit makes no further keys, with
// addresses that he invents, and touches nobody else's. Then, from the narrowest to the widest: the flood of one network at
// one address leaves the address alone, that of many networks at one address leaves the project alone, and so on.
const (
	ByClient        By = "client"             // a client network: an IPv4 address, or an IPv6 /64
	BySite          By = "site"               // an IPv6 /48, which is what one customer of a provider has (RFC 6177); IPv4 has none
	ByClientAddress By = "client and address" // one address, as far as it is one client network that signs in with it
	ByAddress       By = "address"            // an email or a phone, wherever it is signed in from
	ByRange         By = "range"              // the ten thousand phone numbers that differ in their last four digits
	ByCountry       By = "country"            // of a phone
	ByProject       By = "project"
	ByServer        By = "server" // everything
)

// A Policy is one line of the table.
type Policy struct {
	Name  string // unique: the word for it in the configuration, in metrics and in events
	Call  Call
	By    By
	Only  latchkey.Channel // limits starts on this channel only; empty: on every one
	Limit Limit
	// Beyond is what a call gets that is over the limit: RateLimited, or ChallengeRequired where a refusal would let
	// strangers lock an address's owner out.
	Beyond latchkey.Code
	Solved bool // limits starts that came with a solved CAPTCHA only
	// Apart counts starts with a solved CAPTCHA apart from the others: the start that was told to solve one is counted already,
	// and its repetition a moment later must not have to wait for that.
	Apart bool
	Why   string // this number, and no other
}

// A Table is all policies, in the order in which they are asked.
type Table []Policy

// The waits between messages to one address from one network. From a clean state messages go at 0, 30, 90, 210 and 3600 s.
const (
	waitFirst  = "start-wait-first"
	waitSecond = "start-wait-second"
	waitThird  = "start-wait-third"

	day = 24 * time.Hour
)

// Default gives the table as it is when nobody changes it.
func Default() Table {
	return slices.Concat(defaultStarts(), defaultConfirms(), defaultPolls(), defaultTokens(), defaultPages())
}

// The numbers suit a server of some million people on a busy day. Those by client are made for many people behind one
// address, a classroom or a carrier's gateway. Those by project and by server are fuses: they stand near what one node does,
// and who runs several raises them.

func defaultStarts() Table {
	return Table{
		start("start-client", ByClient, evenly(60, 10*time.Minute),
			"A class of thirty signs in at once, with a resend each; after that six logins a minute from a carrier's gateway."),
		sms("start-client-sms", ByClient, Limit{20, time.Hour, 10},
			"An SMS costs 5 to 30 cents: one network can spend no more than a few euros an hour."),
		start("start-site", BySite, evenly(600, 10*time.Minute),
			"Ten networks' worth: a site has 65,536 of them, and could otherwise be 65,536 clients."),
		pause(waitFirst, Limit{1, 30 * time.Second, 1},
			"30 s between a first message and a second: mail and SMS take so long."),
		pause(waitSecond, Limit{1, 90 * time.Second, 2},
			"60 s between the second and the third: whoever asks so often has the wrong address, or a mailbox that is slow."),
		pause(waitThird, Limit{1, 210 * time.Second, 3},
			"120 s between the third and the fourth."),
		start("start-client-address", ByClientAddress, Limit{1, time.Hour, 4},
			"At most 5 messages in any hour to one address from one network: a first one, a resend or two, and another login later."),
		challenge("start-address", ByAddress, evenly(10, time.Hour),
			"At most 20 messages in any hour to one address from everywhere; past that a CAPTCHA, not a refusal, or strangers could lock its owner out."),
		challenge("start-address-day", ByAddress, evenly(50, day),
			"At most 100 messages in any day to one address from everywhere, past which a CAPTCHA is asked for."),
		solved("start-address-solved", ByAddress, evenly(20, day),
			"At most 40 more in any day for solved CAPTCHAs: a machine that solves them all day fills no mailbox."),
		sms("start-range", ByRange, Limit{60, time.Hour, 20},
			"Fraud on SMS uses ranges of numbers that someone rented; of 10,000 honest numbers few sign in within one hour."),
		sms("start-country", ByCountry, Limit{1000, time.Hour, 300},
			"What a country can cost: 65 to 390 euros in an hour. Raise it for the countries where your people are, before a launch."),
		start("start-project", ByProject, evenly(18_000, time.Minute),
			"300 a second: two million people within two hours. So no project takes the whole server."),
		start("start-server", ByServer, Limit{60_000, time.Minute, 10_000},
			"1,000 a second: below what one node does, and above what a mail provider takes without being asked."),
	}
}

func defaultConfirms() Table {
	return Table{
		plain(Confirm, "confirm-client", ByClient, Limit{240, 10 * time.Minute, 120},
			"Four for each start: people mistype. What guessing at an address costs is counted apart, with the address."),
		plain(Confirm, "confirm-site", BySite, evenly(2400, 10*time.Minute), "Ten networks' worth."),
		plain(Confirm, "confirm-project", ByProject, evenly(36_000, time.Minute), "Twice the starts."),
		plain(Confirm, "confirm-server", ByServer, Limit{120_000, time.Minute, 20_000}, "Twice the starts."),
	}
}

func defaultPolls() Table {
	return Table{
		plain(Poll, "poll-client", ByClient, Limit{1800, time.Minute, 600},
			"256 devices of one network may wait at once, asking every 20 s and some every 10 s: 768 to 1,536 a minute."),
		plain(Poll, "poll-site", BySite, evenly(18_000, time.Minute), "Ten networks' worth. How many polls are held at once is limited apart."),
	}
}

func defaultTokens() Table {
	return Table{
		plain(Token, "token-client", ByClient, Limit{6000, time.Minute, 1000},
			"100 a second: the back end of a game asks for all its players from one address."),
		plain(Token, "token-site", BySite, evenly(60_000, time.Minute), "Ten networks' worth."),
		plain(Token, "token-project", ByProject, evenly(60_000, time.Minute), "1,000 a second: refreshes come more often than logins."),
		plain(Token, "token-server", ByServer, Limit{120_000, time.Minute, 20_000},
			"2,000 a second: an RS256 signature takes a core a millisecond."),
	}
}

func defaultPages() Table {
	return Table{
		plain(Page, "page-client", ByClient, Limit{300, time.Minute, 150}, "A login has four pages; thirty people in one room sign in at once."),
		plain(Page, "page-site", BySite, evenly(3000, time.Minute), "Ten networks' worth."),
		plain(Page, "page-server", ByServer, Limit{120_000, time.Minute, 20_000}, "2,000 a second: a page is cheap."),
	}
}

// Override gives the table with other limits: each entry is NAME=LIMIT, such as start-client=120/10m or page-server=off. The
// name all stands for every policy that no other entry names. The order stays. Its error names every mistake.
func (t Table) Override(entries ...string) (Table, error) {
	out := slices.Clone(t)
	var wrong []error
	given := map[string]Limit{}
	for _, e := range entries {
		name, text, both := strings.Cut(e, "=")
		name = strings.TrimSpace(name)
		limit, err := ParseLimit(text)
		_, twice := given[name]
		switch {
		case !both:
			wrong = append(wrong, fmt.Errorf("%q is not NAME=LIMIT, such as start-client=60/10m", e))
		case name != everyPolicy && !slices.Contains(t.names(), name):
			wrong = append(wrong, fmt.Errorf("there is no limit %q: latchkey limits show lists them", name))
		case twice:
			wrong = append(wrong, fmt.Errorf("%s is given twice", name))
		case err != nil:
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		default:
			given[name] = limit
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	for i, p := range out {
		if limit, ok := given[p.Name]; ok {
			out[i].Limit = limit
		} else if limit, ok := given[everyPolicy]; ok {
			out[i].Limit = limit
		}
	}
	return out, nil
}

// everyPolicy is the name that Override takes for all of them.
const everyPolicy = "all"

func (t Table) names() (names []string) {
	for _, p := range t {
		names = append(names, p.Name)
	}
	return names
}

func plain(c Call, name string, by By, l Limit, why string) Policy {
	return Policy{Name: name, Call: c, By: by, Limit: l, Beyond: latchkey.RateLimited, Why: why}
}

func start(name string, by By, l Limit, why string) Policy { return plain(Start, name, by, l, why) }

func sms(name string, by By, l Limit, why string) Policy {
	p := start(name, by, l, why)
	p.Only = latchkey.Phone
	return p
}

func challenge(name string, by By, l Limit, why string) Policy {
	p := start(name, by, l, why)
	p.Beyond = latchkey.ChallengeRequired
	return p
}

func solved(name string, by By, l Limit, why string) Policy {
	p := start(name, by, l, why)
	p.Solved = true
	return p
}

func pause(name string, l Limit, why string) Policy {
	p := start(name, ByClientAddress, l, why)
	p.Apart = true
	return p
}
