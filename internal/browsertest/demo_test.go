package browsertest_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestDevHostedLogin clicks through the first page of latchkey dev as a developer does: its link, the login page, what the
// tokens say, a second login without a code, and the logout.
func TestDevHostedLogin(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	b := newTab(t, "en")
	in := `!document.querySelector("#in").hidden && document.querySelector("#verdict").textContent !== ""`
	b.open(s.url)
	b.until("the link to be made", `document.querySelector("#begin").href.includes("/authorize?")`)
	b.look("dev-hosted")
	b.do("open what folds", chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach((d) => { d.open = true; })`))
	b.look("dev-hosted-open")
	b.press("#begin")
	b.until("the login page", `document.querySelector('input[name="address"]')`)
	b.write(typed, "ann@example.test")
	b.press(goOn)
	b.until("the code to be asked for", `document.querySelector('input[name="code"]')`)
	b.write(entered, s.message("ann@example.test").Code)
	b.until("to be in", in)
	if verdict := eval[string](b, `document.querySelector("#verdict").textContent`); !strings.Contains(verdict, "issuer, audience and nonce are right") {
		t.Errorf("the verdict on the ID token is %q", verdict)
	}
	if search := eval[string](b, `location.search`); search != "" {
		t.Errorf("the code stays in the address bar: %q", search)
	}
	b.look("dev-hosted-in")
	answers := func(button, want string) {
		t.Helper()
		b.press(button)
		b.until(button+" to say "+want, `document.querySelector("#answer").textContent.includes(`+"`"+want+"`"+`)`)
	}
	answers("#userinfo", `"email": "ann@example.test"`)
	answers("#me", `"is_user_active": true`)
	old := eval[string](b, `document.querySelector("#raw").textContent`)
	b.press("#refresh")
	b.until("another token", `document.querySelector("#raw").textContent !== "`+old+`"`)

	b.press("#again")
	b.until("to be in again, without a code", in+` && document.querySelector("#raw").textContent !== "`+old+`"`)
	if n := eval[int](b, `fetch("/dev/inbox/messages").then((r) => r.json()).then((ms) => ms.length)`); n != 1 {
		t.Errorf("%d messages were sent for two logins in one browser, want 1", n)
	}
	b.press("#out")
	b.until("the first page, or a question", `location.pathname === "/demo" && document.querySelector("#begin")?.href.includes("/authorize?") || document.querySelector("main form button.primary")`)
	if eval[bool](b, `location.pathname !== "/demo"`) {
		b.press("main form button.primary")
		b.until("the first page", `location.pathname === "/demo" && document.querySelector("#begin")?.href.includes("/authorize?")`)
	}
	b.press("#begin")
	b.until("the login page: nobody is signed in any more", `document.querySelector('input[name="address"]')`)
}

// TestDevTelevision: the first page is a television, and a phone signs it in.
func TestDevTelevision(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	tv, phone := newTab(t, "en"), newTab(t, "en")
	tv.open(s.url + "/demo")
	tv.until("the link to be made", `document.querySelector("#begin").href.includes("/authorize?")`)
	tv.press("#tv-begin")
	tv.until("a code to show", `document.querySelector("#tv-code").textContent !== ""`)
	tv.look("dev-television")
	phone.open(eval[string](tv, `document.querySelector("#tv-complete").href`))
	phone.press(`button[value="find"]`)
	phone.until("the login page", `document.querySelector('input[name="address"]')`)
	phone.write(typed, "ann@example.test")
	phone.press(goOn)
	phone.until("the code to be asked for", `document.querySelector('input[name="code"]')`)
	phone.write(entered, s.message("ann@example.test").Code)
	phone.press(`button[value="approve"]`)
	tv.until("the television to be in", `!document.querySelector("#in").hidden && document.querySelector("#who").textContent === "ann@example.test"`)
}

// TestDevHostedLoginRefused: what the server refuses is said, and a state that this tab did not ask with is not believed.
func TestDevHostedLoginRefused(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	b := newTab(t, "en")
	b.open(s.url + "/demo")
	b.until("the link to be made", `document.querySelector("#begin").href.includes("/authorize?")`)
	b.do("prompt=none", setValue("#prompt", "none"))
	b.until("the link to be made anew", `document.querySelector("#begin").href.includes("prompt=none")`)
	b.press("#begin")
	b.until("the refusal", `document.querySelector("#failure")?.textContent.startsWith("login_required")`)
	b.look("dev-hosted-failed")
	b.open(s.url + "/demo/signed-in?code=x&state=y&iss=" + s.url + "/p/" + demoProject)
	b.until("the refusal", `document.querySelector("#failure")?.textContent.includes("no login with this state")`)
}

// setValue chooses in a list, as a person who changes it does.
func setValue(css, value string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](`(() => {
		const list = document.querySelector("` + css + `");
		list.value = "` + value + `";
		list.dispatchEvent(new Event("change"));
	})()`)
}
