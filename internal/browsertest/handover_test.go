package browsertest_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// What a test knows of the approval page: its buttons, as a person finds them.
const (
	approve = `main form button[value="approve"]`
	deny    = `main form button[value="deny"]`
	asks    = `document.querySelector("main form button") !== null`
	settled = `document.readyState === "complete" && document.querySelector("main h1") && !document.querySelector("main form button")`
)

// demo starts a login on the demonstration page, as a person on the device that waits.
func demo(t *testing.T, s *server, address string) *tab {
	t.Helper()
	b := newTab(t, "en")
	b.open(s.url + "/demo/calls")
	b.write("#address", address)
	b.press("#start-form .primary")
	b.until("the page to wait", `!document.querySelector("#code").hidden`)
	return b
}

// isIn waits for the demonstration page to be signed in, by itself.
func (b *tab) isIn(address string) {
	b.t.Helper()
	b.untilWithin(wakes, "the waiting page to be in", `!document.querySelector("#in").hidden && document.querySelector("#verdict").textContent !== ""`)
	if who := eval[string](b, `document.querySelector("#who").textContent`); who != address {
		b.t.Errorf("signed in as %q, want %q", who, address)
	}
}

// The headline: one device asks and waits, another opens the link and presses one button, and the first is in.
func TestHandOver(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	waiting := demo(t, s, "ann@example.test")
	phone := newTab(t, "en")
	phone.open(s.message("ann@example.test").Link)
	phone.press(approve)
	waiting.isIn("ann@example.test")
	phone.until("the phone to be sent to link_url", `location.pathname === "/demo/callback" && !document.querySelector("#landed").hidden`)
	if eval[bool](phone, `!document.querySelector("#in").hidden`) {
		t.Error("the phone that approved was signed in as well")
	}
}

// OAuth 2.0 takes the same way, and so does a phone number.
func TestHandOverByPhoneOAuth2(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	waiting := newTab(t, "en")
	waiting.open(s.url + "/demo/calls")
	waiting.press(`label:has([value="phone"])`)
	waiting.press(`label:has([value="oauth2"])`)
	waiting.write("#address", "+12025550123")
	waiting.press("#start-form .primary")
	phone := newTab(t, "en")
	phone.open(s.message("+12025550123").Link)
	phone.press(approve)
	waiting.isIn("+12025550123")
}

// The page needs no script and no mouse: Tab reaches the buttons, in view and in order, and Enter presses.
func TestLinkPageWithoutScriptByKeyboard(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	d := s.signIn(demoProject, "ann@example.test", "")
	waiting := d.wait()
	phone := newTab(t, "en")
	phone.do("no scripts", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return chromedp.Void{}, err
	})
	phone.open(d.mail.Link)
	var reached []string
	for range 2 {
		phone.do("Tab", chromedp.KeyEvent(kb.Tab))
		reached = append(reached, eval[string](phone, `(() => {
			const el = document.activeElement, style = getComputedStyle(el);
			return el.value + (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 ? "" : ", not to be seen");
		})()`))
	}
	if want := []string{"approve", "deny"}; !slices.Equal(reached, want) {
		t.Fatalf("Tab reaches %q, want %q", reached, want)
	}
	phone.do("Shift-Tab, Enter", chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift)), chromedp.KeyEvent(kb.Enter))
	phone.until("link_url", `location.pathname === "/demo/callback"`)
	d.isApprovedOnce(waiting)
}

// Denied: the waiting device is told nothing, and the code is as good as wrong.
func TestDenyEndsTheLogin(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	waiting := demo(t, s, "ann@example.test")
	mail := s.message("ann@example.test")
	phone := newTab(t, "en")
	phone.open(mail.Link)
	phone.press(deny)
	phone.until("the page of a denial", settled)
	phone.saysAgain("denied")

	if held := eval[bool](waiting, `[...document.querySelectorAll("#calls li")].some((li) => li.textContent.includes("/otc/code") && li.querySelector(".wait")?.textContent === "…")`); !held {
		t.Errorf("the waiting device's poll was answered\n%s", waiting.state())
	}
	waiting.write("#otp", mail.Code)
	waiting.until("the code to be refused", `!document.querySelector("#code-error").hidden`)
	if said := eval[string](waiting, `document.querySelector("#code-error").textContent`); said != "Wrong authorization code." {
		t.Errorf("after a denial the right code is refused with %q, which is not what a wrong one gets", said)
	}
	if !eval[bool](waiting, `document.querySelector("#in").hidden`) {
		t.Error("the waiting device is in after a denial")
	}
}

// saysAgain holds that the page stays what it is when it is loaded again, and asks for nothing to be sent twice.
func (b *tab) saysAgain(what string) {
	b.t.Helper()
	before := eval[string](b, `document.querySelector("h1").textContent`)
	b.do("reload", chromedp.Reload())
	b.until("the page of "+what+" again", settled)
	if after := eval[string](b, `document.querySelector("h1").textContent`); after != before {
		b.t.Errorf("%s: the page says %q, and reloaded %q", what, before, after)
	}
	if how := eval[string](b, `performance.getEntriesByType("navigation")[0].type`); how != "reload" {
		b.t.Errorf("%s: the page came by %q, want a reload", what, how)
	}
}

// The number that the waiting device shows lets it in; pressing happens on the other device.
func TestNumberMatchingRight(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	d := s.signIn(s.project("Number game", "--link-approval", "number"), "ann@example.test", "")
	if len(d.number) != 2 {
		t.Fatalf("match_number is %q, want two digits", d.number)
	}
	waiting := d.wait()
	phone := newTab(t, "en")
	phone.open(d.mail.Link)
	choices := eval[[]string](phone, `[...document.querySelectorAll("main form button[name=number]")].map((b) => b.value)`)
	if len(choices) != 3 {
		t.Fatalf("the page offers %v, want three numbers", choices)
	}
	phone.press(`main form button[value="` + d.number + `"]`)
	d.getsIn(waiting)
}

// Another number denies, and there is no second try.
func TestNumberMatchingWrongDenies(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	d := s.signIn(s.project("Number game", "--link-approval", "number"), "ann@example.test", "")
	waiting := d.wait()
	phone := newTab(t, "en")
	phone.open(d.mail.Link)
	phone.press(`main form button[name=number]:not([value="` + d.number + `"])`)
	phone.until("the page of a denial", settled)
	phone.back()
	if eval[bool](phone, asks) { // a copy that the browser kept
		phone.press(`main form button[value="` + d.number + `"]`)
		phone.until("the page of a denial, again", settled)
	}
	d.isDenied(waiting)
}

// isDenied fails the test unless the login is denied, once, and its code dead.
func (d *device) isDenied(waiting <-chan string) {
	d.s.t.Helper()
	if n := d.s.happened(d.operation, "challenge.denied"); n != 1 {
		d.s.t.Errorf("the audit trail has %d denials, want 1", n)
	}
	if n := d.s.happened(d.operation, "challenge.approved"); n != 0 {
		d.s.t.Errorf("the audit trail has %d approvals, want none", n)
	}
	select {
	case <-waiting:
		d.s.t.Error("the waiting device got the code")
	default:
	}
	if status := d.confirm(); status != http.StatusUnauthorized {
		d.s.t.Errorf("after a denial the code is answered with %d, want 401", status)
	}
}

// back presses the browser's back button until the link's page is there: loaded anew, or a copy that the browser kept as
// it was, in which case nothing is loaded.
func (b *tab) back() {
	b.t.Helper()
	eval[bool](b, `(setTimeout(() => history.back()), true)`)
	b.until("the link's page, by the back button", `location.pathname.startsWith("/l/") && document.readyState === "complete"`)
}

// Going back from an approval shows the approval, and pressing what the browser may have kept does no harm.
func TestBackButtonAfterApproval(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	d := s.signIn(demoProject, "ann@example.test", "")
	waiting := d.wait()
	phone := newTab(t, "en")
	phone.open(d.mail.Link)
	phone.press(approve)
	phone.until("link_url", `location.pathname === "/demo/callback"`)
	phone.back()
	if eval[bool](phone, asks) { // a copy that the browser kept
		phone.press(approve)
		phone.until("link_url again", `location.pathname === "/demo/callback"`)
		phone.open(d.mail.Link)
	}
	phone.until("the page of an approval", settled)
	d.isApprovedOnce(waiting)
}

// Two presses, as of an impatient thumb, are one approval.
func TestDoublePressIsOne(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	byThumb := s.signIn(demoProject, "ann@example.test", "")
	waiting := byThumb.wait()
	phone := newTab(t, "en")
	phone.open(byThumb.mail.Link)
	phone.pressTimes(approve, 2)
	phone.until("link_url", `location.pathname === "/demo/callback"`)
	byThumb.isApprovedOnce(waiting)

	// A browser drops the first of two quick submissions. Here both arrive, at the same time.
	atOnce := s.signIn(demoProject, "bob@example.test", "")
	waiting = atOnce.wait()
	phone.withoutPolicy().open(atOnce.mail.Link)
	for _, status := range eval[[]string](phone, `Promise.all([1, 2].map(() => fetch(location.href, {
		method: "POST", redirect: "manual", body: new URLSearchParams({ action: "approve" }),
	}).then((r) => r.type === "opaqueredirect" ? "303" : String(r.status))))`) {
		if status != "303" {
			t.Errorf("one of two presses at once is answered with %s, want 303", status)
		}
	}
	atOnce.isApprovedOnce(waiting)
}

// isApprovedOnce fails the test unless one press counted and the waiting device gets in.
func (d *device) isApprovedOnce(waiting <-chan string) {
	d.s.t.Helper()
	if n := d.s.happened(d.operation, "challenge.approved"); n != 1 {
		d.s.t.Errorf("the audit trail has %d approvals, want 1", n)
	}
	if n := d.s.happened(d.operation, "challenge.denied"); n != 0 {
		d.s.t.Errorf("the audit trail has %d denials, want none", n)
	}
	d.getsIn(waiting)
}

// A used link says so and changes nothing: it has no form, and a page that was open before is too late. Its Yes leads
// where the first one led; its No does not pretend that anybody was kept out.
func TestLinkAfterUse(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	d := s.signIn(demoProject, "ann@example.test", "")
	yes, no, late := newTab(t, "en"), newTab(t, "en"), newTab(t, "en")
	yes.open(d.mail.Link)
	no.open(d.mail.Link)
	if status := d.confirm(); status != http.StatusOK {
		t.Fatalf("confirm: %d", status)
	}
	late.open(d.mail.Link)
	late.until("the page of a used link", settled)
	late.saysAgain("a used link")
	used := eval[string](late, `document.querySelector("h1").textContent`)
	yes.press(approve)
	yes.until("link_url", `location.pathname === "/demo/callback"`)
	no.press(deny)
	no.until("the page of a used link", settled)
	if said := eval[string](no, `document.querySelector("h1").textContent`); said != used {
		t.Errorf("a No after the use says %q, want %q", said, used)
	}
	for _, kind := range []string{"challenge.approved", "challenge.denied"} {
		if s.happened(d.operation, kind) != 0 {
			t.Errorf("presses after the use left %s", kind)
		}
	}
}
