package limits_test

import (
	"context"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
)

// anHour is a policy of starts that lets so many through at once.
func anHour(name string, by limits.By, burst int) limits.Policy {
	return limits.Policy{
		Name: name, Call: limits.Start, By: by, Limit: limits.Limit{Count: 1, Per: time.Hour, Burst: burst}, Beyond: latchkey.RateLimited,
	}
}

// TestOnlyPhonesHaveCountriesAndRanges: whatever a policy is for and a caller says.
func TestOnlyPhonesHaveCountriesAndRanges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		to   latchkey.Address
		want string
	}{
		"a phone":             {phone("+4915112345678"), "range country server"},
		"an email":            {email("+4915112345678@example.com"), "server"},
		"the shortest number": {phone("+12345"), "range country server"},
		"nothing but its end": {phone("+1234"), "country server"},
		"less than its end":   {phone("+12"), "country server"},
		"no address":          {latchkey.Address{}, "server"},
	} {
		w := newWorld(t)
		w.Table = limits.Table{anHour("range", limits.ByRange, 9), anHour("country", limits.ByCountry, 9), anHour("server", limits.ByServer, 9)}
		s := from("192.0.2.7", c.to)
		s.Country = "DE"
		if by := w.start(s); by != "" {
			t.Errorf("%s is refused by %s", name, by)
		}
		if got := keys(w); got != c.want {
			t.Errorf("%s is counted by %q, want %q", name, got, c.want)
		}
	}
}

// TestStandingIsOfWhatLeavesLeast: of several policies by client the first of those that leave least, or the one that refuses.
func TestStandingIsOfWhatLeavesLeast(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, second int // what they let through at once
		want          string
	}{
		"the first":                 {1, 5, "first"},
		"the second":                {5, 1, "second"},
		"both, and it is the first": {3, 3, "first"},
	} {
		w := newWorld(t)
		w.Table = limits.Table{anHour("first", limits.ByClient, c.first), anHour("second", limits.ByClient, c.second)}
		got, err := w.Start(t.Context(), from("192.0.2.7", email("a@example.com")), w.now)
		if err != nil || got.Policy.Name != c.want {
			t.Errorf("%s leaves least: the standing is with %q, %v; want %q", name, got.Policy.Name, err, c.want)
		}
	}
	w := newWorld(t)
	w.Table = limits.Table{anHour("last one", limits.ByClient, 2), anHour("refuses", limits.ByClient, 1)}
	s := from("192.0.2.7", email("a@example.com"))
	first, err := w.Start(t.Context(), s, w.now)
	if err != nil || first.Again != time.Hour {
		t.Errorf("the client has nothing left for an hour, and may ask again in %v, %v", first.Again, err)
	}
	got, err := w.Start(t.Context(), s, w.now)
	if w.refusedBy(err) != "refuses" || got.Policy.Name != "refuses" || got.Tally.Allowed {
		t.Errorf("refused by %v, beside a policy that gave its last one: the standing is %+v", err, got)
	}
}

// TestRefusalsAreReported: each one once, with the policy and the caller, before it is answered. What passes is not, and nor is a
// refusal that a known address passes over.
func TestRefusalsAreReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Table = limits.Table{anHour("client", limits.ByClient, 3), anHour("address", limits.ByAddress, 1)}
	var told []limits.Policy
	s := from("192.0.2.7", email("a@example.com"))
	w.Limited = func(_ context.Context, p limits.Policy, c limits.Caller) {
		if c != s.Caller {
			t.Errorf("told of a refusal of %+v, want %+v", c, s.Caller)
		}
		told = append(told, p)
	}
	known := false
	w.Known = func(context.Context, limits.Sign) (bool, error) { return known, nil }
	for i, step := range []struct {
		known bool
		by    string
	}{{false, ""}, {false, "address"}, {true, ""}, {true, "client"}} {
		known, told = step.known, nil
		by := w.start(s)
		if by != step.by {
			t.Fatalf("start %d is refused by %q, want %q", i+1, by, step.by)
		}
		if by == "" && len(told) != 0 || by != "" && (len(told) != 1 || told[0].Name != by) {
			t.Errorf("start %d is refused by %q, and told of are %v", i+1, by, told)
		}
	}
}
