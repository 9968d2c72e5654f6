package limits

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Gate asks the limiter whether a call may go on. Its methods, one for each Call, come before anything else that the call
// does.
//
// Each gives an error for a call that is over a limit: RateLimited or ChallengeRequired, with RetryAfter and, as its private
// cause, a *Refused that names the policy. Unavailable comes from the limiter, when the operator chose that nothing passes
// while it is down. The Standing is for the caller's eyes, with and without an error. A nil Gate lets everything pass. Its
// fields stay as they are from the first call on.
type Gate struct {
	Limiter latchkey.Limiter
	Table   Table
	// Key hides addresses from whoever reads the limiter's memory. It is the same on every node; when it changes, addresses
	// are counted from nothing.
	Key []byte
	// Known reports whether the address of a start has signed in before from the network or the browser that the start comes from.
	// Strangers, who use up what the address has from everywhere, are then none of its business: it is counted by what its
	// network asks for alone. It is asked when a policy that strangers can use up would refuse, and not before. It may be nil.
	Known func(ctx context.Context, s Sign) (bool, error)
	// Screen turns away who gets no code at all; the zero value turns nobody away.
	Screen Screen
	// Limited is told of every refusal, before it is answered: for metrics and the audit trail. It may be nil.
	Limited func(ctx context.Context, p Policy, c Caller)

	once  sync.Once
	lines map[Call][]*line // what is the same for every call
	macs  sync.Pool        // of *mac: the key is taken in once
}

// A mac is one computation of hide, with space for what goes in and what comes out.
type mac struct {
	hash hash.Hash
	in   []byte
	out  [sha256.Size]byte
}

// A line is a policy of the table that limits something, and what a call asks of the limiter for it.
type line struct {
	Policy
	prefix string // of its keys
	rate   latchkey.Rate
}

// A key holds the limit too: when the operator changes one it is counted anew, and those whom the old one kept out need not
// wait for it any more.
func (g *Gate) prepare() {
	g.macs.New = func() any { return &mac{hash: hmac.New(sha256.New, g.Key)} }
	g.lines = map[Call][]*line{}
	for _, p := range g.Table {
		if !p.Limit.IsZero() {
			g.lines[p.Call] = append(g.lines[p.Call], &line{p, p.Name + ":" + p.Limit.String() + ":", p.Limit.Rate()})
		}
	}
}

// A Caller is who makes a call, and for which project.
type Caller struct {
	IP      netip.Addr
	Project latchkey.ProjectID // zero where the call names none, or none that exists
}

// A Sign is a request to sign in: who asks, and for which address.
type Sign struct {
	Caller
	To      latchkey.Address
	Country string // of a phone, as a two-letter code; empty when unknown
	// Captcha is when the project asks for a CAPTCHA. Without one, and with CaptchaNever, nothing is held to a policy that would
	// ask for one: a refusal in its place would let strangers lock an address's owner out.
	Captcha latchkey.CaptchaPolicy
	// Solution judges the solution of a CAPTCHA that came with the request; nil if none came. It is asked once, after the
	// policies by client, so that nobody has it checked as often as he likes.
	// Errors: ChallengeRequired when the solution is not good.
	Solution func(ctx context.Context) error
	// Browser is what the cookie of a known browser holds, for Gate.Known; empty: none came.
	Browser latchkey.Secret
	Test    bool // To is a test identity of the project, to which nothing is sent: nothing is counted
}

// solves reports whether a CAPTCHA has any meaning for s.
func (s Sign) solves() bool {
	return s.Captcha == latchkey.CaptchaSuspicious || s.Captcha == latchkey.CaptchaAlways
}

// A Standing is how the client network stands with the policy that leaves it least, for the RateLimit fields of the answer.
// Only policies by client have one to show: what is left of an address would tell whether somebody uses it. The zero value
// is none.
type Standing struct {
	Policy Policy
	Tally  latchkey.Tally
	// Again is until this network may ask for a message to the same address again, as far as its own asking goes: for a page
	// of ours that offers it.
	Again time.Duration
}

// Fields gives the values of the RateLimit and RateLimit-Policy fields (draft-ietf-httpapi-ratelimit-headers, §3 and §4): so
// much at once and within so many seconds, so much is left, and in so many seconds all of it is back. Both are empty where
// there is nothing to say.
func (s Standing) Fields() (rateLimit, policy string) {
	if s.Policy.Name == "" {
		return "", ""
	}
	seconds := func(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
	rate := s.Policy.Limit.Rate()
	var room [192]byte
	b := room[:0] // of both, one after the other
	field := func(first string, n int64, then string, of time.Duration) {
		b = append(strconv.AppendQuote(b, s.Policy.Name), first...)
		b = append(strconv.AppendInt(b, n, 10), then...)
		b = strconv.AppendInt(b, seconds(of), 10)
	}
	field(";r=", int64(s.Tally.Remaining), ";t=", s.Tally.Reset)
	end := len(b)
	field(";q=", int64(rate.Burst), ";w=", time.Duration(rate.Burst)*rate.Every)
	both := string(b)
	return both[:end], both[end:]
}

// A Refused is the private cause of a refusal: the policy, for metrics and events. It holds nothing of the caller.
type Refused struct{ Policy Policy }

// Error implements error.
func (r *Refused) Error() string {
	return fmt.Sprintf("over the limit %s, %s by %s", r.Policy.Name, r.Policy.Limit, r.Policy.By)
}

// Start lets a request to sign in go on. Errors: those of every call, and Invalid for an address that Screen turns away.
func (g *Gate) Start(ctx context.Context, s Sign, now time.Time) (Standing, error) {
	if s.Test {
		return Standing{}, nil
	}
	var screen Screen
	if g != nil {
		screen = g.Screen
	}
	if err := screen.listed(ctx, s); err != nil {
		return Standing{}, err
	}
	standing, err := g.start(ctx, s, now)
	if err == nil {
		err = screen.reached(ctx, s)
	}
	return standing, err
}

// start asks the policies by client first, then for the solution of a CAPTCHA, or the want of one in a project that always
// asks for it, and then everything else. So a start without one costs its address nothing.
func (g *Gate) start(ctx context.Context, s Sign, now time.Time) (Standing, error) {
	solution := s.Solution != nil && s.solves()
	if !solution && s.Captcha != latchkey.CaptchaAlways {
		return g.pass(ctx, s, g.takes(make([]count, 0, most), Start, s, false), now)
	}
	all := g.takes(make([]count, 0, most), Start, s, solution)
	first := 0
	for first < len(all) && !all[first].shared && all[first].By != ByClientAddress {
		first++
	}
	standing, err := g.pass(ctx, s, all[:first], now)
	switch {
	case err != nil:
		return standing, err
	case !solution:
		return standing, &latchkey.Error{Code: latchkey.ChallengeRequired, RetryAfter: time.Second}
	}
	if err := s.Solution(ctx); err != nil {
		return standing, err
	}
	rest, err := g.pass(ctx, s, all[first:], now)
	standing.Again = rest.Again
	return standing, err
}

// Confirm lets an answer with a code go on.
func (g *Gate) Confirm(ctx context.Context, c Caller, now time.Time) (Standing, error) {
	return g.byCaller(ctx, Confirm, c, now)
}

// Poll lets a device wait for its link.
func (g *Gate) Poll(ctx context.Context, c Caller, now time.Time) (Standing, error) {
	return g.byCaller(ctx, Poll, c, now)
}

// Token lets a call about tokens go on.
func (g *Gate) Token(ctx context.Context, c Caller, now time.Time) (Standing, error) {
	return g.byCaller(ctx, Token, c, now)
}

// Page lets a call of a hosted page go on.
func (g *Gate) Page(ctx context.Context, c Caller, now time.Time) (Standing, error) {
	return g.byCaller(ctx, Page, c, now)
}

// byCaller lets a call go on that is counted by who makes it alone.
func (g *Gate) byCaller(ctx context.Context, call Call, c Caller, now time.Time) (Standing, error) {
	const few = 4 // a poll that is held keeps the stack that it needed
	s := Sign{Caller: c}
	return g.pass(ctx, s, g.takes(make([]count, 0, few), call, s, false), now)
}

// A count is a policy that a call is held to, and the key that it counts under.
type count struct {
	*line
	key    string
	shared bool // strangers can use it up too: it is passed over for an address that is known here
}

// pass asks the limiter for all of cs, in their order. Where one that strangers share refuses an address that is known here,
// it asks for the rest: what was taken before stays taken, and nothing is counted twice.
func (g *Gate) pass(ctx context.Context, s Sign, cs []count, now time.Time) (standing Standing, err error) {
	var wait time.Duration // until what was taken can be taken again
	for len(cs) > 0 {
		tallies, err := g.Limiter.Take(ctx, takesOf(cs), now)
		if err != nil {
			return standing, err
		}
		refused := -1
		for i, t := range tallies {
			again := again(t, cs[i].rate)
			if cs[i].By == ByClient && (standing.Policy.Name == "" || !t.Allowed || t.Remaining < standing.Tally.Remaining) {
				standing.Policy, standing.Tally = cs[i].Policy, t
			}
			if cs[i].By == ByClient || cs[i].By == ByClientAddress {
				standing.Again = max(standing.Again, again)
			}
			wait = max(wait, again)
			if !t.Allowed {
				refused = i
			}
		}
		if refused < 0 {
			return standing, nil
		}
		c := cs[refused]
		known, err := g.known(ctx, s, c)
		switch {
		case err != nil:
			return standing, err
		case !known:
			if g.Limited != nil {
				g.Limited(ctx, c.Policy, s.Caller)
			}
			return standing, &latchkey.Error{Code: c.Beyond, RetryAfter: wait, Err: &Refused{c.Policy}}
		}
		cs = slices.DeleteFunc(slices.Clone(cs[refused+1:]), func(c count) bool { return c.shared })
	}
	return standing, nil
}

// known reports whether c, which refuses s, is to be passed over.
func (g *Gate) known(ctx context.Context, s Sign, c count) (bool, error) {
	if !c.shared || g.Known == nil {
		return false, nil
	}
	return g.Known(ctx, s)
}

// again is until t's key has a unit again.
func again(t latchkey.Tally, r latchkey.Rate) time.Duration {
	if !t.Allowed {
		return t.Retry
	}
	return max(0, t.Reset-time.Duration(r.Burst-1)*r.Every)
}

func takesOf(cs []count) []latchkey.Take {
	ts := make([]latchkey.Take, len(cs))
	for i, c := range cs {
		ts[i] = latchkey.Take{Key: c.key, Rate: c.rate}
	}
	return ts
}

// takes gives what a call is held to, in the order of the table, in out, which is the caller's so that it costs no allocation. solved
// says that it comes with a solved CAPTCHA.
func (g *Gate) takes(out []count, c Call, s Sign, solved bool) []count {
	if g == nil {
		return nil
	}
	g.once.Do(g.prepare)
	all := g.lines[c]
	if len(all) == 0 {
		return nil
	}
	network, hidden := string(latchkey.NetworkOf(s.IP)), ""
	if !s.To.IsZero() {
		hidden = g.hide(s.To)
	}
	var room [640]byte
	keys, ends := room[:0], make([]int, 0, most)
	for _, l := range all {
		shared := l.By == ByAddress || l.By == ByRange || l.By == ByCountry
		asks := l.Beyond == latchkey.ChallengeRequired
		switch {
		case l.Only != "" && l.Only != s.To.Channel(), l.Solved && !solved, asks && (solved || !s.solves()):
			continue
		}
		from := len(keys)
		keys = append(keys, l.prefix...)
		var ok bool
		if keys, ok = s.appendWhom(keys, l.By, network, hidden); !ok {
			keys = keys[:from]
			continue
		}
		if l.Apart && solved {
			keys = append(keys, ":solved"...)
		}
		out, ends = append(out, count{line: l, shared: shared}), append(ends, len(keys))
	}
	from := 0
	whole := string(keys) // of all of them, in one piece
	for i, end := range ends {
		out[i].key = whole[from:end]
		from = end
	}
	return out
}

// most is how many policies a call is held to without more room being made.
const most = 16

// appendWhom gives what of a call a policy counts by, behind key; ok is false when the call has none of it. network is where it is
// from, and hidden its address, if it has one, as keys have it.
func (s Sign) appendWhom(key []byte, by By, network, hidden string) (_ []byte, ok bool) {
	switch by {
	case ByClientAddress:
		return append(append(append(key, network...), ':'), hidden...), hidden != ""
	case ByClient:
		return append(key, network...), true
	case BySite:
		at, ok := site(s.IP)
		return append(key, at...), ok
	case ByAddress:
		return append(key, hidden...), hidden != ""
	case ByRange:
		numbers, ok := numberRange(s.To)
		return append(key, numbers...), ok
	case ByCountry:
		return append(key, s.Country...), s.Country != "" && s.To.Channel() == latchkey.Phone
	case ByProject:
		return append(key, s.Project.String()...), !s.Project.IsZero()
	case ByServer:
		return append(key, "all"...), true
	}
	return key, false
}

// hide gives an address as 128 bits that only the holder of the key can tie to it: what a limiter keeps may be read by
// others, and whoever signs in somewhere is nobody's business.
func (g *Gate) hide(a latchkey.Address) string {
	m, _ := g.macs.Get().(*mac) // the pool holds nothing else
	defer g.macs.Put(m)
	m.in = append(append(m.in[:0], a.Channel()...), 0)
	m.in = append(m.in, a.Value()...)
	m.hash.Reset()
	m.hash.Write(m.in)
	return base64.RawURLEncoding.EncodeToString(m.hash.Sum(m.out[:0])[:16])
}

// site gives the IPv6 /48.
func site(ip netip.Addr) (string, bool) {
	ip = ip.Unmap().WithZone("")
	if !ip.Is6() {
		return "", false
	}
	p, _ := ip.Prefix(48) // 48 is a valid length for IPv6
	return p.String(), true
}

// numberRange gives a phone number without its last four digits.
func numberRange(a latchkey.Address) (string, bool) {
	const last = 4
	v := a.Value()
	if a.Channel() != latchkey.Phone || len(v) <= last+1 {
		return "", false
	}
	return v[:len(v)-last], true
}
