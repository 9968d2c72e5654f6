package limits_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
)

// order is how a call asks: see the constants of limits.By.
var order = []limits.By{
	limits.ByClient, limits.BySite, limits.ByClientAddress, limits.ByAddress, limits.ByRange, limits.ByCountry, limits.ByProject,
	limits.ByServer,
}

func TestTheDefaultTable(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)
	seen, last := map[string]bool{}, map[limits.Call]int{}
	for _, p := range limits.Default() {
		if !name.MatchString(p.Name) || !strings.HasPrefix(p.Name, string(p.Call)+"-") || seen[p.Name] {
			t.Errorf("%q: a name is unique, begins with its call, and has letters and dashes only", p.Name)
		}
		seen[p.Name] = true
		if len(p.Why) < 10 || !strings.HasSuffix(p.Why, ".") {
			t.Errorf("%s: why %s? It says %q", p.Name, p.Limit, p.Why)
		}
		if got, err := limits.ParseLimit(p.Limit.String()); err != nil || got != p.Limit || p.Limit.IsZero() {
			t.Errorf("%s: the limit %+v cannot be written down: %v", p.Name, p.Limit, err)
		}
		rank := slices.Index(order, p.By)
		if rank < last[p.Call] {
			t.Errorf("%s counts by %s and comes after a wider one", p.Name, p.By)
		}
		last[p.Call] = rank
		if p.By == limits.ByAddress && p.Beyond != latchkey.ChallengeRequired && !p.Solved {
			t.Errorf("%s refuses an address, wherever it is signed in from: whoever floods it locks its owner out (ASVS 6.1.1)", p.Name)
		}
		if p.Beyond != latchkey.RateLimited && p.Beyond != latchkey.ChallengeRequired {
			t.Errorf("%s: beyond it a call gets %q", p.Name, p.Beyond)
		}
		if (p.By == limits.ByRange || p.By == limits.ByCountry) != (p.Only == latchkey.Phone && p.By != limits.ByClient) {
			t.Errorf("%s counts by %s on the channel %q", p.Name, p.By, p.Only)
		}
	}
	for _, c := range []limits.Call{limits.Start, limits.Confirm, limits.Poll, limits.Token, limits.Page} {
		if !slices.ContainsFunc(limits.Default(), func(p limits.Policy) bool { return p.Call == c && p.By == limits.ByClient }) {
			t.Errorf("nothing limits what one client asks of %s", c)
		}
	}
}

// TestMessagesToOneAddress holds the numbers that are promised to the people who receive them.
func TestMessagesToOneAddress(t *testing.T) {
	t.Parallel()
	for name, most := range map[string]int{"start-client-address": 5, "start-address": 20} {
		if got := policy(t, limits.Default(), name).Limit.Most(time.Hour); got != most {
			t.Errorf("%s lets %d messages pass in an hour, want %d", name, got, most)
		}
	}
}

func TestOverride(t *testing.T) {
	t.Parallel()
	table := limits.Default()
	got, err := table.Override("start-client=120/10m burst 5", " page-server = off ")
	if err != nil {
		t.Fatal(err)
	}
	if l := policy(t, got, "start-client").Limit; l != (limits.Limit{Count: 120, Per: 10 * time.Minute, Burst: 5}) {
		t.Errorf("start-client is %s", l)
	}
	if l := policy(t, got, "page-server").Limit; !l.IsZero() {
		t.Errorf("page-server is %s, want off", l)
	}
	for i, p := range limits.Default() {
		changed := got[i]
		changed.Limit = p.Limit
		if changed != p {
			t.Errorf("line %d was %+v and is %+v", i, p, got[i])
		}
	}
	if policy(t, table, "start-client").Limit.Count != 60 {
		t.Error("the table changed with its copy")
	}
	_, err = limits.Default().Override("start-client", "nobody=1/1s", "start-client=1/1s", "start-client=2/1s", "page-client=often")
	if err == nil {
		t.Fatal("no error for five mistakes")
	}
	for _, want := range []string{`"start-client" is not NAME=LIMIT`, `no limit "nobody"`, "limits show", "start-client is given twice", "page-client: a limit is"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

func policy(t *testing.T, table limits.Table, name string) limits.Policy {
	t.Helper()
	i := slices.IndexFunc(table, func(p limits.Policy) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("there is no policy %s", name)
	}
	return table[i]
}
