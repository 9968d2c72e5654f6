package browsertest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// browser is one Chromium for all tests, in contexts that share nothing. It talks to loopback only.
var browser = sync.OnceValues(func() (context.Context, error) {
	ctx, end, err := openBrowser("profile", "")
	if err == nil {
		closeBrowser = end
	}
	return ctx, err
})

// openBrowser starts a Chromium with a folder of its own below scratch. hosts says which other hosts it finds on loopback, as
// rules of its resolver; whoever answers there need not prove who they are. It must be ended.
func openBrowser(folder, hosts string) (_ context.Context, end func(), err error) {
	path, err := findChromium()
	if err != nil {
		return nil, nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(filepath.Join(scratch, folder)),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", hosts+"MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
	)
	if hosts != "" {
		options = append(options, chromedp.Flag("ignore-certificate-errors", true))
	}
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	end = func() {
		bounded, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		chromedp.Cancel(bounded)
	}
	return ctx, end, chromedp.Do(ctx)
}

// closeBrowser ends the browser, if a test opened it.
var closeBrowser = func() {}

var errNoChromium = errors.New("Chromium is missing: install it (Debian: apt-get install chromium)")

func findChromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoChromium
}

// needBrowser skips at home when there is no browser, and fails where everything must be tested.
func needBrowser(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("drives a browser: left out of -short")
	}
	ctx, err := browser()
	switch {
	case errors.Is(err, errNoChromium) && os.Getenv("LATCHKEY_TEST_ALL") != "1":
		t.Skip(err) // Chromium is missing at home; where everything must be tested that fails
	case err != nil:
		t.Fatal(err)
	}
	return ctx
}

// A tab is one page of a browser context of its own.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// newTab opens a tab whose browser asks for a language, such as "en" or "ar". It is closed when the test ends.
func newTab(t *testing.T, language string) *tab {
	t.Helper()
	return newTabIn(t, needBrowser(t), language)
}

// newTabIn is newTab in a browser of its own.
func newTabIn(t *testing.T, browser context.Context, language string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil { // not under a deadline: the tab would end with it
		t.Fatal(err)
	}
	b.do("the language", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		headers := network.Headers{"Accept-Language": language}
		_, err := cdp.Call(ctx, target, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: headers})
		return chromedp.Void{}, err
	})
	return b
}

// withoutPolicy lets the tab's pages run and fetch what their Content-Security-Policy forbids, from the next page on: as a
// scanner may that drives its browser by the debugger.
func (b *tab) withoutPolicy() *tab {
	b.t.Helper()
	b.do("set the pages' policy aside", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true})
		return chromedp.Void{}, err
	})
	return b
}

// do runs steps that take moments.
func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.state())
	}
}

func (b *tab) open(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url))
}

// press clicks like a hand: where the element is seen, and on what lies on top there.
func (b *tab) press(css string) { b.t.Helper(); b.pressTimes(css, 1) }

// pressUntil presses again and again until an expression holds, as a person does whom nothing answers: a frame of another site's
// takes clicks only once the browser has drawn it, which no script can see, and until then the page under it gets them.
func (b *tab) pressUntil(css, what, js string) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; {
		b.press(css)
		if b.holdsWithin(time.Second, js) {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("pressed %s for %v for %s\n%s", css, patience, what, b.state())
		}
	}
}

// pressTimes clicks several times in a row, without looking what the first click did.
func (b *tab) pressTimes(css string, times int) {
	b.t.Helper()
	const spot = `(() => {
		const el = document.querySelector(%q);
		if (!el || el.disabled) return null;
		el.scrollIntoView({ block: "center", behavior: "instant" });
		const box = el.getBoundingClientRect(), at = [box.x + box.width / 2, box.y + box.height / 2];
		return el.contains(document.elementFromPoint(...at)) ? at : null;
	})()`
	find := fmt.Sprintf(spot, css)
	b.until(css+" to press", find)
	at := eval[[]float64](b, find)
	var clicks []chromedp.Action[chromedp.Void]
	for n := range times {
		clicks = append(clicks, chromedp.MouseClickXY(at[0], at[1], chromedp.ClickCount(n+1)))
	}
	b.do("press "+css, clicks...)
}

// write types into a field, in place of what is there: three clicks select it.
func (b *tab) write(css, text string) {
	b.t.Helper()
	b.pressTimes(css, 3)
	b.do("write into "+css, chromedp.KeyEvent(text))
}

// eval gives what an expression comes to on the page. A promise is waited for.
func eval[T any](b *tab, js string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", js, err, b.state())
	}
	return v
}

// until waits for an expression to hold, across navigations.
func (b *tab) until(what, js string) {
	b.t.Helper()
	b.untilWithin(patience, what, js)
}

func (b *tab) untilWithin(limit time.Duration, what, js string) {
	b.t.Helper()
	if !b.holdsWithin(limit, js) {
		b.t.Fatalf("waited %v for %s\n%s", limit, what, b.state())
	}
}

// holdsWithin says whether an expression comes to hold, across navigations.
func (b *tab) holdsWithin(limit time.Duration, js string) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	for {
		// An error means that the page is being left, or that ctx ended.
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+js+")")); err == nil && ok {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// state says what the tab shows, for failures.
func (b *tab) state() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	shown, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href + '\\n' + (document.body?.innerText ?? '')"))
	if err != nil {
		return fmt.Sprintf("the tab does not answer: %v", err)
	}
	return "the tab shows " + shown
}
