package front_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/front"
)

func proxies(t *testing.T, networks ...string) (out front.Proxies) {
	t.Helper()
	for _, n := range networks {
		p, ok := front.ParseNetwork(n)
		if !ok {
			t.Fatalf("%s is no network", n)
		}
		out = append(out, p)
	}
	return out
}

// ask makes a request from a peer with lines of a header, in their order.
func ask(peer string, header front.Header, lines ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = peer
	for _, l := range lines {
		r.Header.Add(string(header), l)
	}
	return r
}

const (
	proxy    = "192.0.2.9:1234"
	client   = "203.0.113.1" // who the proxy says it is
	evil     = "198.51.100.66"
	evilPeer = evil + ":99"
)

// TestBehindProxies: what X-Forwarded-For gives, whatever a client wrote into it before.
func TestBehindProxies(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(evil+", ", 10_000)
	for name, tt := range map[string]struct {
		peer  string
		lines []string
		want  string
	}{
		"a trusted proxy":                             {proxy, []string{client}, client},
		"what stands left anybody wrote":              {proxy, []string{"1.1.1.1, " + client}, client},
		"a chain of trusted ones":                     {proxy, []string{"1.1.1.1, " + client + ", 192.0.2.7"}, client},
		"a chain that names a trusted one as client":  {proxy, []string{"192.0.2.1, 192.0.2.2"}, "192.0.2.1"},
		"a stranger who sends the header":             {evilPeer, []string{client}, evil},
		"nonsense":                                    {proxy, []string{client + ", who knows"}, "192.0.2.9"},
		"nonsense on the left":                        {proxy, []string{"who knows, \", " + client}, client},
		"nothing":                                     {proxy, nil, "192.0.2.9"},
		"an empty line":                               {proxy, []string{""}, "192.0.2.9"},
		"an empty entry at the end":                   {proxy, []string{client + ", "}, "192.0.2.9"},
		"the header twice":                            {proxy, []string{evil, client}, client},
		"lists over several lines":                    {proxy, []string{"1.1.1.1, " + evil, "2.2.2.2," + client, "192.0.2.7, 192.0.2.8"}, client},
		"10,000 entries":                              {proxy, []string{many + client}, client},
		"10,000 lines":                                {proxy, append(strings.Split(many, ", "), client), client},
		"10,000 trusted entries":                      {proxy, []string{evil + strings.Repeat(", 192.0.2.7", 10_000)}, evil},
		"an IPv4 address in IPv6 clothes":             {"[::ffff:192.0.2.9]:1", []string{"::ffff:" + client}, client},
		"IPv6":                                        {proxy, []string{"2001:db8::1"}, "2001:db8::1"},
		"IPv6 in brackets":                            {proxy, []string{"[2001:db8::1]"}, "2001:db8::1"},
		"with a port":                                 {proxy, []string{client + ":4711"}, client},
		"IPv6 with a port":                            {proxy, []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		"with a zone":                                 {proxy, []string{"fe80::1%eth0"}, "fe80::1"},
		"a proxy with a zone":                         {"[fe80::2%eth0]:1", []string{client}, client},
		"half an address":                             {proxy, []string{"203.0.113"}, "192.0.2.9"},
		"a number":                                    {proxy, []string{"3405803777"}, "192.0.2.9"},
		"leading zeros, which some read as octal":     {proxy, []string{"0203.0.0113.1"}, "192.0.2.9"},
		"a peer that is no address":                   {"@", []string{client}, "invalid IP"},
		"tabs and blanks":                             {proxy, []string{"\t" + evil + " ,\t " + client + "\t "}, client},
		"brackets around IPv4":                        {proxy, []string{"[" + client + "]"}, "192.0.2.9"},
		"a NUL and other signs that a proxy let pass": {proxy, []string{"\x00\xff" + evil + ", " + client}, client},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := front.Clients{Proxies: proxies(t, "192.0.2.0/24", "fe80::2"), Header: front.XForwardedFor}
			if got := c.Of(ask(tt.peer, front.XForwardedFor, tt.lines...)).String(); got != tt.want {
				t.Errorf("the request is from %s, want %s", got, tt.want)
			}
		})
	}
}

// TestRFC7239_Forwarded: the same for Forwarded, whose elements have names, quotes and made-up nodes.
func TestRFC7239_Forwarded(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lines []string
		want  string
	}{
		"one":                                       {[]string{"for=" + client}, client},
		"any case, any order":                       {[]string{"Proto=https;FOR=" + client + ";by=192.0.2.9"}, client},
		"quoted":                                    {[]string{`for="` + client + `"`}, client},
		"with a port":                               {[]string{`for="` + client + `:4711"`}, client},
		"with a port, without quotes":               {[]string{`for=` + client + `:4711`}, client},
		"with a made-up port":                       {[]string{`for="` + client + `:_a.b-c"`}, client},
		"IPv6":                                      {[]string{`for="[2001:db8:cafe::17]"`}, "2001:db8:cafe::17"},
		"IPv6 with a port":                          {[]string{`for="[2001:db8:cafe::17]:4711"`}, "2001:db8:cafe::17"},
		"IPv4 in IPv6 clothes":                      {[]string{`for="[::ffff:` + client + `]"`}, client},
		"with a zone":                               {[]string{`for="[fe80::1%25eth0]"`}, "fe80::1"},
		"quoted pairs":                              {[]string{`for="\2\0\3.0.113.1"`}, client},
		"what stands left anybody wrote":            {[]string{"for=" + evil + ", for=" + client}, client},
		"the header twice":                          {[]string{"for=" + evil, "for=" + client}, client},
		"a chain of trusted ones":                   {[]string{"for=" + evil + ",for=" + client, "for=192.0.2.7;proto=http"}, client},
		"a quote that a client never closes":        {[]string{`for="` + evil + `, for=` + client}, client},
		"a quote around what the proxy adds":        {[]string{`for=` + evil + `;x=", for=` + client}, client},
		"a quote that hides another, and a comma":   {[]string{`x="\", for=` + evil + `", for="` + client + `"`}, client},
		"a quote with a backslash at its end":       {[]string{`for=` + evil + `;x="\`, "for=" + client}, client},
		"commas and semicolons in quotes":           {[]string{`for=` + client + `;host="a, for=` + evil + `; for=` + evil + `"`}, client},
		"escaped quotes in the proxy's own":         {[]string{`for=` + client + `;host="a\", for=` + evil + `;x=\""`}, client},
		"unknown":                                   {[]string{"for=" + evil + ", for=unknown"}, "192.0.2.9"},
		"hidden":                                    {[]string{"for=" + evil + ", for=_hidden"}, "192.0.2.9"},
		"no for":                                    {[]string{"for=" + evil + ", proto=https"}, "192.0.2.9"},
		"for twice":                                 {[]string{"for=" + evil + ";for=" + client}, "192.0.2.9"},
		"IPv6 without brackets":                     {[]string{`for="2001:db8::1"`}, "192.0.2.9"},
		"a bare address":                            {[]string{client}, "192.0.2.9"},
		"a port that is none":                       {[]string{`for="` + client + `:"`}, "192.0.2.9"},
		"an empty element":                          {[]string{"for=" + client + ", "}, "192.0.2.9"},
		"no value":                                  {[]string{"for="}, "192.0.2.9"},
		"blanks around the equals sign":             {[]string{"for = " + client}, "192.0.2.9"},
		"blanks around the semicolon":               {[]string{"for=" + client + " ; proto=https"}, client},
		"something behind a closed quote":           {[]string{`for="` + client + `"x`}, "192.0.2.9"},
		"only a quote":                              {[]string{`for="`}, "192.0.2.9"},
		"a backslash at the end":                    {[]string{`for="\`}, "192.0.2.9"},
		"10,000 entries":                            {[]string{strings.Repeat("for="+evil+", ", 10_000) + "for=" + client}, client},
		"10,000 quotes":                             {[]string{strings.Repeat(`"`, 10_001) + ", for=" + client}, client},
		"10,000 backslashes and an element":         {[]string{`x="` + strings.Repeat(`\`, 10_001) + `", for=` + client}, client},
		"X-Forwarded-For in the clothes of another": {[]string{evil + ", " + client}, "192.0.2.9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := front.Clients{Proxies: proxies(t, "192.0.2.0/24"), Header: front.Forwarded}
			if got := c.Of(ask(proxy, front.Forwarded, tt.lines...)).String(); got != tt.want {
				t.Errorf("the request is from %s, want %s", got, tt.want)
			}
			if got := c.Of(ask(evilPeer, front.Forwarded, tt.lines...)).String(); got != evil {
				t.Errorf("a stranger is taken for %s, want %s", got, evil)
			}
		})
	}
}

// TestOneHeaderCounts: the one that was not chosen, which a proxy passes on as it came, is nothing; whoever is told of it can
// tell a stranger from a proxy that was set up otherwise.
func TestOneHeaderCounts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		peer    string
		chosen  front.Header
		sent    map[front.Header]string
		want    string
		ignored front.Header
	}{
		"the chosen one":           {proxy, front.Forwarded, map[front.Header]string{front.Forwarded: "for=" + client, front.XForwardedFor: evil}, client, ""},
		"the chosen one, reversed": {proxy, front.XForwardedFor, map[front.Header]string{front.Forwarded: "for=" + evil, front.XForwardedFor: client}, client, ""},
		"the other one":            {proxy, front.Forwarded, map[front.Header]string{front.XForwardedFor: evil}, "192.0.2.9", front.XForwardedFor},
		"the other one, reversed":  {proxy, front.XForwardedFor, map[front.Header]string{front.Forwarded: "for=" + evil}, "192.0.2.9", front.Forwarded},
		"none":                     {proxy, front.NoHeader, map[front.Header]string{front.Forwarded: "for=" + evil, front.XForwardedFor: evil}, "192.0.2.9", ""},
		"from a stranger":          {evilPeer, front.XForwardedFor, map[front.Header]string{front.XForwardedFor: client}, evil, front.XForwardedFor},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ignored front.Header
			c := front.Clients{Proxies: proxies(t, "192.0.2.9"), Header: tt.chosen, Ignored: func(_ netip.Addr, h front.Header) { ignored = h }}
			r := ask(tt.peer, tt.chosen)
			r.Header[""] = []string{evil} // what no header may stand for
			for h, v := range tt.sent {
				r.Header.Set(string(h), v)
			}
			if got := c.Of(r).String(); got != tt.want || ignored != tt.ignored {
				t.Errorf("the request is from %s, and %q is told of; want %s, %q", got, ignored, tt.want, tt.ignored)
			}
		})
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "10.1.2.3/8": "10.0.0.0/8", "192.0.2.1": "192.0.2.1/32", "::1": "::1/128", "fe80::1%eth0": "fe80::1/128",
		"::ffff:192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.0/120": "192.0.2.0/24", "::/0": "::/0",
		"10.0.0.0/99": "", "": "", "proxy": "", "10.0.0": "",
	} {
		p, ok := front.ParseNetwork(text)
		if ok != (want != "") || ok && p.String() != want {
			t.Errorf("%q is %v (%v), want %q", text, p, ok, want)
		}
	}
}

// fuzz holds what is true of any header: no panic, an answer that is the peer's, a trusted proxy's or somebody named in the header,
// and that whatever stands before what a proxy adds changes nothing.
func fuzz(f *testing.F, header front.Header, added string) {
	for _, seed := range []string{
		"", client, "for=" + client, `for="[2001:db8::1]:4711"`, `x="\", for=1.1.1.1`, `for="\`, "for=unknown, for=_x", `for=a;for="b`, ",,,", " , ",
		"[::1]:80", "fe80::1%eth0", strings.Repeat(`\"`, 50), "for=1.1.1.1;host=\"a,b\";proto=https",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		c := front.Clients{Proxies: front.Proxies{netip.MustParsePrefix("192.0.2.0/24")}, Header: header}
		if got := c.Of(ask(proxy, header, given+", "+added)).String(); got != client {
			t.Errorf("%q before what the proxy adds makes it %s", given, got)
		}
		if got := c.Of(ask(proxy, header, given, added)).String(); got != client {
			t.Errorf("a line %q before the proxy's makes it %s", given, got)
		}
		if got := c.Of(ask(evilPeer, header, given)).String(); got != evil {
			t.Errorf("%q of a stranger makes it %s", given, got)
		}
		if ip := c.Of(ask(proxy, header, given)); !ip.IsValid() || ip.Zone() != "" || ip.Is4In6() {
			t.Errorf("%q gives %v, which is not as addresses are compared", given, ip)
		}
	})
}

func FuzzXForwardedFor(f *testing.F) { fuzz(f, front.XForwardedFor, client) }
func FuzzForwarded(f *testing.F)     { fuzz(f, front.Forwarded, `for="`+client+`:80";by=192.0.2.9`) }
