package blocklist_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
	"github.com/latchkey-dev/latchkey/internal/blocklist"
)

const sample = "\ufeff# providers of mailboxes for an hour\r\n" +
	"Mailinator.test\r\n" + // 2
	"\tb\u00fccher.test   # with an umlaut\n" + // 3
	"*@exact.test\n" + // 4
	"*.below.test\n" + // 5
	"spam*+*@*.test\n" + // 6
	"Jane#1@example.test #1\n" + // 7
	"+49 #\n" + // 8: a country
	"+44770090012\n" + // 9
	"192.0.2.0/24\n" + // 10
	"2001:db8:1::/48\n" + // 11
	"::ffff:198.51.100.7\n" + // 12
	"203.0.113.9/16\n" + // 13: bits behind the length
	"under_score.test\n" + // 14
	"zip\n" + // 15: a top-level domain
	"\n   \n"

func list(t *testing.T, text string) *blocklist.List {
	t.Helper()
	l, err := blocklist.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestListMatches: each kind of entry finds what it names, however that is spelled, and no neighbour of it.
func TestListMatches(t *testing.T) {
	t.Parallel()
	l := list(t, sample)
	if l.Len() != 14 {
		t.Errorf("%d entries, want 14", l.Len())
	}
	for typed, want := range map[string]int{
		"a@mailinator.test": 2, "A@MAILINATOR.TEST": 2, "a@x.y.mailinator.test": 2, "a@notmailinator.test": 0, "a@mailinator.test.example": 0,
		"a@B\u00dcCHER.test": 3, "a@xn--bcher-kva.test": 3, "a@sub.b\u00fccher.test": 3,
		"a@exact.test": 4, "a@sub.exact.test": 0,
		"a@below.test": 0, "a@x.below.test": 5, "a@x.y.below.test": 5, "a@xbelow.test": 0,
		"spam1+2@free.test": 6, "spam+@free.test": 6, "spam@free.test": 0, "xspam+@free.test": 0, "spam1+2@free.example": 0, "SPAM1+2@free.test": 6,
		"jane#1@example.test": 7, "jane@example.test": 0, "jane#1@sub.example.test": 0,
		"+4915112345678": 8, "+447700900123": 9, "+447700900133": 0, "+12025550123": 0,
		"a@free.zip": 15, "a@zip.test": 0,
	} {
		to, err := address.Parse(typed)
		if err != nil {
			t.Fatalf("%s: %v", typed, err)
		}
		line, ok := l.Address(to)
		if line != want || ok != (want > 0) {
			t.Errorf("%s is found on line %d (%v), want %d", typed, line, ok, want)
		}
	}
	for ip, want := range map[string]int{
		"192.0.2.1": 10, "::ffff:192.0.2.255": 10, "192.0.3.1": 0, "2001:db8:1:2::3": 11, "2001:db8:2::": 0, "198.51.100.7": 12,
		"::ffff:198.51.100.7": 12, "198.51.100.8": 0, "203.0.1.1": 13, "2001:db8:1::1%eth0": 11, "::": 0,
	} {
		line, ok := l.Network(netip.MustParseAddr(ip))
		if line != want || ok != (want > 0) {
			t.Errorf("%s is found on line %d (%v), want %d", ip, line, ok, want)
		}
	}
	if _, ok := l.Network(netip.Addr{}); ok {
		t.Error("an unknown client is in a network")
	}
	mail, err := address.ParseEmail("a@exact.test")
	if err != nil {
		t.Fatal(err)
	}
	if what, line, ok := l.Find(netip.MustParseAddr("192.0.2.1"), mail); what != blocklist.Network || line != 10 || !ok {
		t.Errorf("Find: %s, line %d, %v; want the network first", what, line, ok)
	}
	if what, line, ok := l.Find(netip.MustParseAddr("192.1.2.1"), mail); what != blocklist.Email || line != 4 || !ok {
		t.Errorf("Find: %s, line %d, %v; want the email", what, line, ok)
	}
	var nobody blocklist.List
	if _, _, ok := nobody.Find(netip.MustParseAddr("192.0.2.1"), mail); ok {
		t.Error("an empty list blocks somebody")
	}
}

// TestListsWithMistakes: the error names the line and says what is right; it quotes nothing, for an entry may be an address.
func TestListsWithMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a.test b.test":                "one entry a line",
		"0.0.0.0 a.test":               "one entry a line",
		"a.test,b.test":                "one entry a line",
		"@a.test":                      "both sides of its one @",
		"a@":                           "both sides of its one @",
		"a@b@c.test":                   "both sides of its one @",
		"*":                            "would block everybody",
		"*@*":                          "would block everybody",
		"*@*.*":                        "would block everybody",
		"0.0.0.0/0":                    "would block everybody",
		"::/0":                         "would block everybody",
		"+":                            "a + and 1 to 15 digits",
		"+49*":                         "a + and 1 to 15 digits",
		"+49-151":                      "a + and 1 to 15 digits",
		"+1234567890123456":            "a + and 1 to 15 digits",
		"4915":                         "begins with +",
		"10.0.0":                       "neither a domain nor a network",
		"10.0.0.0/33":                  "neither a domain nor a network",
		"a..test":                      "neither a domain",
		".test":                        "neither a domain",
		"http://a.test/":               "neither a domain",
		"a@b..test":                    "neither a domain",
		"\xff.test":                    "neither a domain",
		"m\u00fcll@a.test":             "no such characters",
		"*.m\u00fcll.test":             "ASCII form",
		strings.Repeat("a", 2000):      "longer than any entry",
		strings.Repeat("a*\n", 1001):   "line 1001: is one pattern more",
		"ok.test\n\njane doe@x.test\n": "line 3: ",
		strings.Repeat("a b\n", 9):     "and 4 more lines",
	} {
		_, err := blocklist.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "jane") {
			t.Errorf("the error quotes the list: %v", err)
		}
	}
}

// TestLongLists: with 200,000 domains, and networks of every length, a look-up touches a handful of them.
func TestLongLists(t *testing.T) {
	var text strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&text, "mail%d.test\n", i)
	}
	for i := range 20_000 {
		fmt.Fprintf(&text, "10.%d.%d.0/24\n2001:db8:%x::/48\n", i>>8, i&0xff, i)
	}
	l := list(t, text.String())
	to := latchkey.CanonicalAddress(latchkey.Email, "a@b.c.mail199999.test")
	if line, ok := l.Address(to); !ok || line != 200_000 {
		t.Errorf("found on line %d, %v", line, ok)
	}
	ip := netip.MustParseAddr("2001:db8:4e1f:2:3::4")
	if line, ok := l.Network(ip); !ok || line != 240_000 {
		t.Errorf("found on line %d, %v", line, ok)
	}
	if n := testing.AllocsPerRun(100, func() { l.Find(ip, to) }); n > 0 {
		t.Errorf("a look-up allocates %v times, want none", n)
	}
}

func BenchmarkFind(b *testing.B) {
	var text strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&text, "mail%d.test\n", i)
	}
	for bits := 8; bits <= 32; bits++ {
		fmt.Fprintf(&text, "10.0.0.0/%d\n", bits)
	}
	l, err := blocklist.Parse(text.String())
	if err != nil {
		b.Fatal(err)
	}
	to, ip := latchkey.CanonicalAddress(latchkey.Email, "a@gmail.example"), netip.MustParseAddr("192.0.2.1")
	for b.Loop() {
		l.Find(ip, to)
	}
}

// FuzzParse: no list makes the parser panic, and what it takes is found again where it stands.
func FuzzParse(f *testing.F) {
	for line := range strings.Lines(sample) {
		f.Add(line)
	}
	f.Add(sample)
	f.Add("a**b@c\n*a*a*a*@*.x\n1.2.3.4/31\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := blocklist.Parse(text)
		if err != nil {
			return
		}
		lines := slices.Collect(strings.Lines(text))
		if l.Len() > len(lines) {
			t.Errorf("%d entries of %d lines", l.Len(), len(lines))
		}
		for _, line := range lines {
			entry := strings.ToLower(strings.TrimSpace(line))
			if to, err := address.ParseEmail("x@" + entry); err == nil {
				if _, ok := l.Address(to); !ok {
					t.Errorf("%q is on the list and is not found", entry)
				}
			}
			if ip, err := netip.ParseAddr(entry); err == nil {
				if _, ok := l.Network(ip); !ok {
					t.Errorf("%q is on the list and is not found", entry)
				}
			}
		}
	})
}
