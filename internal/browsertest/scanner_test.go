package browsertest_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"
)

// lingering is how long a mail scanner stays on a page that it opened, for scripts that act late. It is part of what a
// scanner is, not a wait for anything. $LATCHKEY_SCANNER_LINGERS shortens it for quick rounds.
func lingering(t *testing.T) time.Duration {
	text := os.Getenv("LATCHKEY_SCANNER_LINGERS")
	if text == "" {
		return 5 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("LATCHKEY_SCANNER_LINGERS: %v", err)
	}
	return d
}

// A mark is a login that something may try to approve.
type mark struct {
	*device
	waiting <-chan string
}

// marks starts a login of every kind that has a link. The last one is of a project whose calls browser pages may make.
func marks(s *server) []mark {
	s.t.Helper()
	button := s.project("Button game")
	number := s.project("Number game", "--link-approval", "number", "--color", "#7a1fa2")
	var out []mark
	for _, d := range []*device{
		s.signIn(button, "ann@example.test", ""),
		s.signIn(button, "+12025550123", "de"),
		s.signIn(number, "bob@example.test", "ar"),
		s.signIn(demoProject, "cid@example.test", ""),
	} {
		out = append(out, mark{d, d.wait()})
	}
	return out
}

// TestMailScannerLetsNobodyIn: what looks into mails opens every link of every message in a browser, lets the scripts
// run, follows where it is sent, stays, and asks again by every other method. It presses nothing, and nothing happens.
func TestMailScannerLetsNobodyIn(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	all := marks(s)
	var links []string
	for _, m := range all {
		found := linksOf(t, m.mail)
		if !slices.Contains(found, m.mail.Link) {
			t.Fatalf("the links found in the message to %s are %q, without %s: the test would test nothing", m.address, found, m.mail.Link)
		}
		links = append(links, found...)
	}
	stay := lingering(t)
	scans := make(chan error, len(links))
	for _, link := range links {
		b := newTab(t, "en").withoutPolicy()
		go func() { scans <- b.scan(link, stay) }()
	}
	for range links {
		if err := <-scans; err != nil {
			t.Error(err)
		}
	}
	for _, link := range links {
		probe(t, link)
	}
	for _, m := range all {
		m.isIntact(m.waiting)
	}
}

// scan opens a link and stays. Then it asks again from within the page, where a request is same-origin, and tells the
// browser to load the link ahead of time, in every way there is.
func (b *tab) scan(link string, stay time.Duration) error {
	const askAgain = `Promise.all(["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "PROPFIND", "LOCK"].map((method) =>
		fetch(location.href, { method }).then(() => "", (err) => method + ": " + err))).then((all) => all.filter(Boolean))`
	const loadAhead = `(() => {
		for (const rel of ["prefetch", "preload", "prerender", "modulepreload"]) {
			const el = document.createElement("link");
			Object.assign(el, { rel, href: location.href, as: rel === "preload" ? "fetch" : "" });
			document.head.append(el);
		}
		const rules = document.createElement("script");
		rules.type = "speculationrules";
		rules.textContent = JSON.stringify({ prerender: [{ urls: [location.href + "?again"], eagerness: "immediate" }] });
		document.head.append(rules);
	})()`
	ctx, cancel := context.WithTimeout(b.ctx, stay+patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(link), chromedp.Sleep(stay)); err != nil {
		return fmt.Errorf("open %s: %w", link, err)
	}
	lost, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](askAgain, chromedp.EvalAwaitPromise))
	if err == nil && len(lost) > 0 {
		err = fmt.Errorf("calls that did not arrive test nothing: %v", lost)
	}
	if err != nil {
		return fmt.Errorf("ask %s again: %w", link, err)
	}
	err = chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](loadAhead), chromedp.Reload(), chromedp.Navigate("about:blank"))
	if err != nil {
		return fmt.Errorf("open %s again: %w", link, err)
	}
	return nil
}

// probe asks for a link by everything that is not a press of its button: without a browser, as most scanners do.
func probe(t *testing.T, link string) {
	t.Helper()
	for _, method := range []string{
		http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodPatch, http.MethodDelete, "PROPFIND",
		"LOCK", "QUERY", http.MethodTrace, http.MethodPost,
	} {
		for _, extra := range []map[string]string{
			{"User-Agent": "Mozilla/5.0 (compatible; link scanner)"},
			{"Purpose": "prefetch", "X-Moz": "prefetch"},
			{"Sec-Purpose": "prefetch;prerender", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", "Sec-Fetch-User": "?1"},
			{"X-HTTP-Method-Override": "POST", "X-Method-Override": "POST"},
		} {
			if method == http.MethodPost && extra["Sec-Fetch-Site"] == "" && extra["User-Agent"] == "" {
				continue
			}
			body := strings.NewReader("action=approve&_method=POST")
			req, err := http.NewRequestWithContext(t.Context(), method, link, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for name, value := range extra {
				req.Header.Set(name, value)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatalf("%s: %v", method, err)
			}
			res.Body.Close()
			if method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions && res.StatusCode < 400 {
				t.Errorf("%s %v of a link is answered with %d, want a refusal", method, extra, res.StatusCode)
			}
		}
	}
}

// linksOf gives every link of a message: those in its text and those that its HTML refers to.
func linksOf(t *testing.T, m message) []string {
	t.Helper()
	out := regexp.MustCompile(`https?://[^\s<>"]+`).FindAllString(m.Text, -1)
	doc, err := html.Parse(strings.NewReader(m.HTML))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		for _, a := range n.Attr {
			if (a.Key == "href" || a.Key == "src" || a.Key == "action") && strings.HasPrefix(a.Val, "http") {
				out = append(out, a.Val)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
