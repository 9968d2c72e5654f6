package limits_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/memory"
)

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

// A spy is a limiter that remembers the keys it counted.
type spy struct {
	latchkey.Limiter
	taken map[string]int // allowed, by key
	asked [][]latchkey.Take
	err   error
}

func (s *spy) Take(ctx context.Context, ts []latchkey.Take, now time.Time) ([]latchkey.Tally, error) {
	s.asked = append(s.asked, ts)
	if s.err != nil {
		return nil, s.err
	}
	out, err := s.Limiter.Take(ctx, ts, now)
	for i, t := range out {
		if t.Allowed {
			s.taken[ts[i].Key]++
		}
	}
	return out, err
}

// A world is a gate over a limiter of its own.
type world struct {
	*testing.T
	limits.Gate
	spy *spy
	now time.Time
}

func newWorld(t *testing.T, change ...string) *world {
	t.Helper()
	table, err := limits.Default().Override(change...)
	if err != nil {
		t.Fatal(err)
	}
	s := &spy{Limiter: memory.NewLimiter(1 << 16), taken: map[string]int{}}
	return &world{T: t, Gate: limits.Gate{Limiter: s, Table: table, Key: []byte("a key")}, spy: s, now: noon}
}

func email(s string) latchkey.Address { return latchkey.CanonicalAddress(latchkey.Email, s) }
func phone(s string) latchkey.Address { return latchkey.CanonicalAddress(latchkey.Phone, s) }

var game = latchkey.ProjectID{UUID: latchkey.UUID{1}}

// from is a sign-in at an address from an IP.
func from(ip string, to latchkey.Address) limits.Sign {
	s := limits.Sign{Caller: limits.Caller{IP: netip.MustParseAddr(ip), Project: game}, To: to, Captcha: latchkey.CaptchaSuspicious}
	if to.Channel() == latchkey.Phone {
		s.Country = "DE"
	}
	return s
}

// start makes one start and gives the policy that refused it, or "".
func (w *world) start(s limits.Sign) string {
	w.Helper()
	_, err := w.Start(w.Context(), s, w.now)
	return w.refusedBy(err)
}

func (w *world) refusedBy(err error) string {
	w.Helper()
	if err == nil {
		return ""
	}
	var r *limits.Refused
	var e *latchkey.Error
	if !errors.As(err, &r) || !errors.As(err, &e) || e.RetryAfter <= 0 {
		w.Fatalf("a refusal names its policy and says when to come again: %v", err)
	}
	if e.Code != r.Policy.Beyond {
		w.Errorf("%s gives %q, want %q", r.Policy.Name, e.Code, r.Policy.Beyond)
	}
	return r.Policy.Name
}

func TestEachPolicyStopsWhatItIsFor(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		policy string
		limit  string // in place of the default, to get there
		sign   func(i int) limits.Sign
	}{
		"many addresses from one network": {"start-client", "", func(i int) limits.Sign {
			return from("192.0.2.7", email(fmt.Sprint("p", i, "@example.com")))
		}},
		"many addresses from one IPv6 network": {"start-client", "", func(i int) limits.Sign {
			return from(fmt.Sprintf("2001:db8:1:2:%x::1", i), email(fmt.Sprint("p", i, "@example.com")))
		}},
		"IPv4 written as IPv6": {"start-client", "", func(i int) limits.Sign {
			return from([]string{"192.0.2.7", "::ffff:192.0.2.7"}[i%2], email(fmt.Sprint("p", i, "@example.com")))
		}},
		"many numbers from one network": {"start-client-sms", "", func(i int) limits.Sign {
			return from("192.0.2.7", phone(fmt.Sprintf("+4915%02d2345678", i)))
		}},
		"many networks of one site": {"start-site", "", func(i int) limits.Sign {
			return from(fmt.Sprintf("2001:db8:1:%x::1", i), email(fmt.Sprint("p", i, "@example.com")))
		}},
		"one address from one network": {"start-client-address", "", func(int) limits.Sign {
			return from("192.0.2.7", email("person@example.com"))
		}},
		"one address from many networks": {"start-address", "", func(i int) limits.Sign {
			return from(fmt.Sprintf("10.0.%d.%d", i/256, i%256), email("person@example.com"))
		}},
		"a range of numbers from many networks": {"start-range", "", func(i int) limits.Sign {
			return from(fmt.Sprintf("10.0.%d.%d", i/256, i%256), phone(fmt.Sprintf("+49151123%04d", i*487)))
		}},
		"a country from many networks": {"start-country", "", func(i int) limits.Sign {
			return from(fmt.Sprintf("10.0.%d.%d", i/256, i%256), phone(fmt.Sprintf("+491511%04d000", i)))
		}},
		"one project": {"start-project", "100/1m", func(i int) limits.Sign {
			return from(fmt.Sprintf("10.0.%d.%d", i/256, i%256), email(fmt.Sprint("p", i, "@example.com")))
		}},
		"many projects": {"start-server", "100/1m", func(i int) limits.Sign {
			s := from(fmt.Sprintf("10.0.%d.%d", i/256, i%256), email(fmt.Sprint("p", i, "@example.com")))
			s.Project.UUID[5] = byte(i)
			return s
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var change []string
			if tt.limit != "" {
				change = append(change, tt.policy+"="+tt.limit)
			}
			w := newWorld(t, append(change, "start-wait-first=off", "start-wait-second=off", "start-wait-third=off")...)
			burst := policy(t, w.Table, tt.policy).Limit.Burst
			for i := range burst {
				if by := w.start(tt.sign(i)); by != "" {
					t.Fatalf("start %d is refused by %s, want %d to pass", i+1, by, burst)
				}
			}
			if by := w.start(tt.sign(burst)); by != tt.policy {
				t.Errorf("start %d is refused by %q, want %s", burst+1, by, tt.policy)
			}
		})
	}
}

// TestASVS_6_1_1_NoLockOut: what strangers send to an address asks its owner for a challenge at the most, and not even for
// that where the address has signed in before.
func TestASVS_6_1_1_NoLockOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim := email("victim@example.com")
	for i := range 5000 {
		w.start(from(fmt.Sprintf("10.0.%d.%d", i/256, i%256), victim))
	}
	w.Known = ownersBrowser
	owner := from("198.51.100.1", victim)
	if by := w.start(owner); by != "start-address" {
		t.Errorf("a flood from 5,000 networks, and the next start is refused by %q, want a challenge by start-address", by)
	}
	solved, known := owner, from("198.51.100.2", victim)
	solved.Solution, known.Browser = right, "of the owner"
	for what, s := range map[string]limits.Sign{"with a solved CAPTCHA": solved, "in a known browser": known} {
		if by := w.start(s); by != "" {
			t.Errorf("the owner %s is refused by %s", what, by)
		}
		w.now = w.now.Add(30 * time.Second)
	}
	w.start(solved)
	if by := w.start(solved); !strings.HasPrefix(by, "start-wait-") {
		t.Errorf("a second solved CAPTCHA at once, and the next start is refused by %q, want a wait", by)
	}
}

// TestAFloodFromOneNetworkTouchesNobody: what one network is refused for leaves the addresses alone that it aims at, the
// project, the server, and other networks.
func TestAFloodFromOneNetworkTouchesNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim := email("victim@example.com")
	for range 1000 {
		w.start(from("192.0.2.7", victim))
	}
	for key, n := range w.spy.taken {
		if n > 3 && !strings.HasPrefix(key, "start-client:") {
			t.Errorf("a thousand starts at one address from one network took %d of %s, want 3 at the most", n, key)
		}
	}
	if by := w.start(from("198.51.100.1", victim)); by != "" {
		t.Errorf("its owner, elsewhere, is refused by %s", by)
	}
}

// TestInventedAddressesMakeFewKeys: the limiter's memory is not for whoever sends names that he makes up.
func TestInventedAddressesMakeFewKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 10_000 {
		w.start(from("192.0.2.7", email(fmt.Sprint(i, "@example.com"))))
	}
	if n := len(w.spy.taken); n > 6*60+10 { // of each that passed: three waits, the hour of its network, its own hour and day
		t.Errorf("10,000 invented addresses from one network made %d keys", n)
	}
}

func TestEveryCallHasItsOwnCount(t *testing.T) {
	t.Parallel()
	calls := map[string]func(*world, limits.Caller) (limits.Standing, error){
		"confirm": func(w *world, c limits.Caller) (limits.Standing, error) { return w.Confirm(w.Context(), c, w.now) },
		"poll":    func(w *world, c limits.Caller) (limits.Standing, error) { return w.Poll(w.Context(), c, w.now) },
		"token":   func(w *world, c limits.Caller) (limits.Standing, error) { return w.Token(w.Context(), c, w.now) },
		"page":    func(w *world, c limits.Caller) (limits.Standing, error) { return w.Page(w.Context(), c, w.now) },
		"start": func(w *world, c limits.Caller) (limits.Standing, error) {
			return w.Start(w.Context(), limits.Sign{Caller: c, To: email(fmt.Sprint(len(w.spy.asked), "@example.com"))}, w.now)
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := from("192.0.2.7", latchkey.Address{}).Caller
			burst := policy(t, w.Table, name+"-client").Limit.Burst
			for i := range burst {
				if _, err := call(w, c); err != nil {
					t.Fatalf("call %d of %d: %v", i+1, burst, err)
				}
			}
			_, err := call(w, c)
			if by := w.refusedBy(err); by != name+"-client" {
				t.Errorf("call %d is refused by %q, want %s-client", burst+1, by, name)
			}
			for other, call := range calls {
				if _, err := call(w, c); (err == nil) == (other == name) {
					t.Errorf("after all of %s were used, %s gives %v", name, other, err)
				}
			}
		})
	}
}

// TestWhatACallLacksIsNotCounted: a call without a project, an address or a country is not counted under an empty one,
// which all such calls would share.
func TestWhatACallLacksIsNotCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := from("192.0.2.7", latchkey.Address{})
	s.Project = latchkey.ProjectID{}
	if by := w.start(s); by != "" {
		t.Fatalf("refused by %s", by)
	}
	if got := keys(w); got != "start-client start-server" {
		t.Errorf("a start that says nothing takes from %q, want start-client start-server", got)
	}
	s = from("192.0.2.7", phone("+4915112345678"))
	s.Country = ""
	w.start(s)
	if got := keys(w); strings.Contains(got, "start-country") {
		t.Errorf("a number of an unknown country takes from %q", got)
	}
	w.start(from("::ffff:192.0.2.7", email("a@example.com")))
	if got := keys(w); strings.Contains(got, "start-site") {
		t.Errorf("an IPv4 address written as IPv6 has a site, which is that of all others; it takes from %q", got)
	}
	w.start(limits.Sign{Caller: limits.Caller{Project: game}, To: email("a@example.com")})
	if got := keys(w); !strings.HasPrefix(got, "start-client ") {
		t.Errorf("a caller without an address is counted with others of its kind; it takes from %q", got)
	}
}

// TestOrder holds the whole order of a start by phone over IPv6, which has everything that is counted by.
func TestOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(from("2001:db8::1", phone("+4915112345678")))
	const want = "start-client start-client-sms start-site start-wait-first start-wait-second start-wait-third " +
		"start-client-address start-address start-address-day start-range start-country start-project start-server"
	if got := keys(w); got != want {
		t.Errorf("asked in the order\n%s, want\n%s", got, want)
	}
	w.start(from("2001:db8::1", email("a@example.com")))
	if got := keys(w); got != "start-client start-site start-wait-first start-wait-second start-wait-third start-client-address start-address start-address-day start-project start-server" {
		t.Errorf("a start by email asks %s", got)
	}
}

// keys gives the policies that the last call asked, in order.
func keys(w *world) string {
	var names []string
	for _, t := range w.spy.asked[len(w.spy.asked)-1] {
		name, _, _ := strings.Cut(t.Key, ":")
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// TestASVS_16_2_5_KeysHideAddresses: what a limiter keeps, others may read. Without the key nobody can tell whose it is.
func TestASVS_16_2_5_KeysHideAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := email(strings.Repeat("x", 64) + "@" + strings.Repeat("y", 180) + ".example.com")
	for _, to := range []latchkey.Address{email("person@example.com"), phone("+4915112345678"), long} {
		_, err := w.Start(w.Context(), from("2001:db8:1111:2222:3333:4444:5555:6666", to), w.now)
		if err != nil {
			t.Fatal(err)
		}
		for _, take := range w.spy.asked[len(w.spy.asked)-1] {
			if strings.Contains(take.Key, to.Value()) || strings.Contains(take.Key, "person") {
				t.Errorf("the key %q holds the address", take.Key)
			}
			if len(take.Key) > 200 {
				t.Errorf("the key %q has %d bytes, more than 200", take.Key, len(take.Key))
			}
		}
	}
	other := limits.Gate{Limiter: w.spy, Table: w.Table, Key: []byte("another key")}
	_, _ = other.Start(t.Context(), from("2001:db8::1", email("person@example.com")), w.now)
	last := w.spy.asked[len(w.spy.asked)-1]
	for _, before := range w.spy.asked[0] {
		for _, after := range last {
			if before.Key == after.Key && strings.HasPrefix(after.Key, "start-address:") {
				t.Error("another key hides an address in the same way: the hash does not depend on it")
			}
		}
	}
}

// TestStandingIsTheClientsAlone: what is left of an address would tell whether somebody uses it.
func TestStandingIsTheClientsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim := email("victim@example.com")
	for i := range 9 {
		w.start(from(fmt.Sprintf("10.0.0.%d", i), victim))
	}
	got, err := w.Start(t.Context(), from("192.0.2.7", victim), w.now)
	if err != nil || got.Policy.Name != "start-client" || got.Tally.Remaining != 59 {
		t.Errorf("standing %+v, %v; want start-client with 59 left, whatever the address has left", got, err)
	}
	sms, err := w.Start(t.Context(), from("192.0.2.7", phone("+4915112345678")), w.now)
	if err != nil || sms.Policy.Name != "start-client-sms" || sms.Tally.Remaining != 9 {
		t.Errorf("standing %+v, %v; want start-client-sms, which leaves less", sms, err)
	}
	got, err = w.Start(t.Context(), from("192.0.2.8", victim), w.now)
	if w.refusedBy(err) != "start-address" || got.Policy.By != limits.ByClient || !got.Tally.Allowed {
		t.Errorf("refused for its address a call has the standing %+v, want that of its client", got)
	}
	for range 60 {
		got, err = w.Start(t.Context(), from("192.0.2.7", victim), w.now)
	}
	if w.refusedBy(err) != "start-client" || got.Policy.Name != "start-client" || got.Tally.Allowed || got.Tally.Retry <= 0 {
		t.Errorf("refused for its client a call has the standing %+v", got)
	}
}

func TestOffIsOff(t *testing.T) {
	t.Parallel()
	var all []string
	for _, p := range limits.Default() {
		all = append(all, p.Name+"=off")
	}
	w := newWorld(t, all...)
	for range 500 {
		if by := w.start(from("192.0.2.7", email("a@example.com"))); by != "" {
			t.Fatalf("everything is off, and %s refuses", by)
		}
	}
	if len(w.spy.asked) != 0 {
		t.Error("everything is off, and the limiter is asked")
	}
}

// TestTestIdentitiesAreNotCounted: no limit applies to them, and they use up nobody's.
func TestTestIdentitiesAreNotCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := from("192.0.2.7", email("reviewer@example.com"))
	s.Test = true
	for range 500 {
		if by := w.start(s); by != "" {
			t.Fatalf("a test identity is refused by %s", by)
		}
	}
	if len(w.spy.asked) != 0 {
		t.Error("the limiter is asked for a test identity")
	}
}

// TestAChangedLimitHoldsAtOnce: whoever raises a limit that keeps honest people out sees them come in.
func TestAChangedLimitHoldsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "start-client=1/1d")
	s := from("192.0.2.7", email("a@example.com"))
	w.start(s)
	if by := w.start(s); by != "start-client" {
		t.Fatalf("refused by %q, want start-client", by)
	}
	table, err := w.Table.Override("start-client=100/1m")
	if err != nil {
		t.Fatal(err)
	}
	restarted := &world{T: t, Gate: limits.Gate{Limiter: w.spy, Table: table, Key: w.Key}, spy: w.spy, now: w.now}
	restarted.now = w.now.Add(time.Minute)
	if by := restarted.start(s); by != "" {
		t.Errorf("the limit was raised, and %s goes on refusing", by)
	}
}

func TestUnavailableComesThrough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.spy.err = &latchkey.Error{Code: latchkey.Unavailable, RetryAfter: time.Second}
	if _, err := w.Token(t.Context(), limits.Caller{IP: netip.MustParseAddr("192.0.2.7")}, w.now); !errors.Is(err, latchkey.Unavailable) {
		t.Errorf("the limiter is down, and the gate gives %v", err)
	}
}

// TestARefusalSaysNothingOfTheCaller: its words go to logs.
func TestARefusalSaysNothingOfTheCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := from("192.0.2.7", email("person@example.com"))
	var err error
	for range 4 {
		_, err = w.Start(t.Context(), s, w.now)
	}
	if err == nil || !strings.Contains(err.Error(), "start-wait-first") {
		t.Fatalf("the refusal is %v", err)
	}
	if strings.Contains(err.Error(), "person") || strings.Contains(err.Error(), "192.0.2") {
		t.Errorf("the refusal shows the caller: %v", err)
	}
}

// TestFields: what is left, and when it is back, for whoever calls from that network; nothing without a policy by client.
func TestFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "confirm-client=240/10m burst 120", "poll-client=off", "poll-site=off")
	c := from("192.0.2.7", latchkey.Address{}).Caller
	for i, want := range []string{`"confirm-client";r=119;t=3`, `"confirm-client";r=118;t=5`, `"confirm-client";r=117;t=8`} {
		standing, err := w.Confirm(t.Context(), c, w.now)
		if got, policy := standing.Fields(); err != nil || got != want || policy != `"confirm-client";q=120;w=300` {
			t.Errorf("call %d: %q, %q, %v, want %q", i+1, got, policy, err, want)
		}
	}
	standing, err := w.Poll(t.Context(), c, w.now)
	if left, policy := standing.Fields(); left != "" || policy != "" || err != nil {
		t.Errorf("without a limit: %q, %q, %v", left, policy, err)
	}
	var open *limits.Gate
	if standing, err := open.Start(t.Context(), from("192.0.2.7", email("a@example.com")), w.now); err != nil || standing.Policy.Name != "" {
		t.Errorf("no gate: %+v, %v", standing, err)
	}
}

// TestOverrideAll: all stands for what is not named.
func TestOverrideAll(t *testing.T) {
	t.Parallel()
	table, err := limits.Default().Override("start-client=5/1m", "all=off")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range table {
		if want := p.Name == "start-client"; p.Limit.IsZero() == want {
			t.Errorf("%s is %s", p.Name, p.Limit)
		}
	}
	if _, err := limits.Default().Override("all=off", "all=1/1s"); err == nil {
		t.Error("all twice is no mistake")
	}
}

// TestASVS_6_1_1_NobodyIsLockedOut: where no challenge can be asked for, what others do to an address never refuses its owner.
func TestASVS_6_1_1_NobodyIsLockedOut(t *testing.T) {
	t.Parallel()
	g := &limits.Gate{Limiter: memory.NewLimiter(memory.DefaultKeys), Table: limits.Default(), Key: []byte("a key")}
	to := latchkey.CanonicalAddress(latchkey.Email, "ann@example.com")
	for n := range 500 {
		from := limits.Caller{IP: netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)})}
		if _, err := g.Start(t.Context(), limits.Sign{Caller: from, To: to}, noon); err != nil {
			t.Fatalf("start %d, each from another network: %v", n+1, err)
		}
	}
}
