package oidctest_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser is one Chromium for all tests, in contexts that share nothing. It talks to loopback only.
var browser = sync.OnceValues(func() (context.Context, error) {
	path, err := findChromium()
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(filepath.Join(scratch, "profile")),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
	)
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	closeBrowser = func() {
		bounded, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		chromedp.Cancel(bounded)
	}
	return ctx, chromedp.Do(ctx)
})

// closeBrowser ends the browser, if a test opened it.
var closeBrowser = func() {}

var errNoChromium = errors.New("not found")

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
	case errors.Is(err, errNoChromium):
		missing(t, "Chromium", "install it (Debian: apt-get install chromium)")
	case err != nil:
		t.Fatal(err)
	}
	return ctx
}

// A person has a browser of their own: a context that shares no cookie and no storage with another's.
type person struct {
	t       *testing.T
	ctx     context.Context
	address string
}

// newPerson opens a tab, which is closed when the test ends.
func newPerson(t *testing.T, address string) *person {
	t.Helper()
	ctx, cancel := chromedp.NewContext(needBrowser(t), chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // not under a deadline: the tab would end with it
		t.Fatal(err)
	}
	return &person{t: t, ctx: ctx, address: address}
}

// do runs steps that take moments.
func (b *person) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.state())
	}
}

func (b *person) open(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url))
}

// press clicks like a hand: where the element is seen, and on what lies on top there.
func (b *person) press(css string) {
	b.t.Helper()
	find := fmt.Sprintf(`(() => {
		const el = document.querySelector(%q);
		if (!el || el.disabled) return null;
		el.scrollIntoView({ block: "center", behavior: "instant" });
		const box = el.getBoundingClientRect(), at = [box.x + box.width / 2, box.y + box.height / 2];
		return el.contains(document.elementFromPoint(...at)) ? at : null;
	})()`, css)
	b.until(css+" to press", find)
	at := eval[[]float64](b, find)
	b.do("press "+css, chromedp.MouseClickXY(at[0], at[1]))
}

// write types into a field, in place of what is there.
func (b *person) write(css, text string) {
	b.t.Helper()
	b.until(css, fmt.Sprintf(`document.querySelector(%q)`, css))
	eval[bool](b, fmt.Sprintf(`(() => { const el = document.querySelector(%q); el.focus(); el.select(); return true })()`, css))
	b.do("write into "+css, chromedp.KeyEvent(text))
}

// eval gives what an expression comes to on the page. A promise is waited for.
func eval[T any](b *person, js string) T {
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
func (b *person) until(what, js string) {
	b.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		// An error means that the page is being left, or that ctx ended.
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+js+")")); err == nil && ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.t.Fatalf("waited %v for %s\n%s", patience, what, b.state())
		}
	}
}

// state says what the tab shows, for failures.
func (b *person) state() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	shown, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href + '\\n' + (document.body?.innerText ?? '')"))
	if err != nil {
		return fmt.Sprintf("the tab does not answer: %v", err)
	}
	return "the tab shows " + shown
}

// What a test knows of the hosted login page.
const (
	typed   = `main form input[name="address"]`
	entered = `main form input[name="code"]`
	goOn    = `main form button.primary`
	approve = `main form button[name="step"][value="approve"]`
)

// signIn goes through the login page of s, to which the tab is being led.
func (b *person) signIn(s *server) {
	b.t.Helper()
	b.write(typed, b.address)
	b.press(goOn)
	b.until("the code to be asked for", `document.querySelector('`+entered+`')`)
	b.write(entered, s.code(b.address)) // the page goes on by itself at the last digit
}

// approve says yes to a device that waits, at the address that it shows.
func (b *person) approve(s *server, at string) {
	b.t.Helper()
	b.open(at)
	b.press(goOn) // the code stands there already
	b.signIn(s)
	b.press(approve)
	b.until("the device to be let in", `new URLSearchParams(location.search).get("done") === "yes"`)
}

// signOut leaves by the end-session endpoint, the way a client's "sign out" leads (OIDC RP-Initiated Logout §2).
func (b *person) signOut(endpoint, idToken string, home site) {
	b.t.Helper()
	b.open(endpoint + "?" + url.Values{
		"id_token_hint": {idToken}, "post_logout_redirect_uri": {home.signedOut()}, "state": {"a state"},
	}.Encode())
	if got := query(b.t, b.endsAt(home.signedOut())).Get("state"); got != "a state" {
		b.t.Errorf("the logout came back with the state %q", got)
	}
}

// endsAt waits until the tab is at an address that begins so, and gives the address.
func (b *person) endsAt(prefix string) string {
	b.t.Helper()
	b.until("the way to "+prefix, fmt.Sprintf(`location.href.startsWith(%q) && document.readyState === "complete"`, prefix))
	return eval[string](b, "location.href")
}
