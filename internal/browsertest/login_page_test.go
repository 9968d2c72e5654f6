package browsertest_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// insert puts text into the focused field at once, as autofill and a keyboard's suggestions do.
func (b *tab) insert(text string) {
	b.t.Helper()
	b.until("a field with the focus", focused)
	b.do("insert "+text, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, input.InsertText, input.InsertTextParams{Text: text})
		return chromedp.Void{}, err
	})
}

// early runs a script on every page of the tab before the page's own.
func (b *tab) early(js string) {
	b.t.Helper()
	b.do("an early script", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: js})
		return chromedp.Void{}, err
	})
}

// keys types where the focus is.
func (b *tab) keys(text string) {
	b.t.Helper()
	b.until("something with the focus", focused)
	b.do("type", chromedp.KeyEvent(text))
}

func (b *tab) run(what, js string) {
	b.t.Helper()
	b.do(what, chromedp.Evaluate[chromedp.Void]("{"+js+"}"))
}

// count gives how often something happened on the server, to anybody.
func (s *server) count(kind string) int {
	s.t.Helper()
	var all []event
	if err := json.Unmarshal(s.command("events", "--json", "--limit", "1000"), &all); err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, e := range all {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// TestCodeSubmitsItself: however the code comes, whole and with what people copy along, and then the login is complete.
func TestCodeSubmitsItself(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	for name, give := range map[string]func(b *tab, code string){
		"typed":                     func(b *tab, code string) { b.write(entered, code) },
		"autofilled":                func(b *tab, code string) { b.insert(code) },
		"autofilled with a space":   func(b *tab, code string) { b.insert(code[:3] + " " + code[3:]) },
		"in the digits of Arabic":   func(b *tab, code string) { b.insert(arabic(code)) },
		"pasted with a dash":        func(b *tab, code string) { b.paste(" " + code[:3] + "-" + code[3:] + "\n") },
		"pasted, the whole message": func(b *tab, code string) { b.paste("Your code for Demo 2 is " + code + ". It works for 3 minutes.") },
		"typed with slips":          func(b *tab, code string) { b.keys(code[:2] + "x9" + kb.Backspace + code[2:]) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTab(t, "en")
			who := strings.NewReplacer(" ", "-", ",", "").Replace(name) + "@example.test"
			sent := s.demoSite().ask(b, who)
			give(b, sent.Code)
			b.until("the way back to the client", arrived)
		})
	}
}

func arabic(code string) string {
	return strings.Map(func(r rune) rune { return r - '0' + '٠' }, code)
}

// paste hands a text to the field as the clipboard does.
func (b *tab) paste(text string) {
	b.t.Helper()
	raw, err := json.Marshal(text)
	if err != nil {
		b.t.Fatal(err)
	}
	b.run("paste", `const clipboardData = new DataTransfer();
		clipboardData.setData("text", `+string(raw)+`);
		document.querySelector('`+entered+`').dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));`)
}

// TestCodeSubmitsItselfOnce: a code that did not get through waits for its person, and one that was refused is not tried
// again; another one is.
func TestCodeSubmitsItselfOnce(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	b := newTab(t, "en")
	sent := s.demoSite().ask(b, "ann@example.test")
	b.turn("refuse the code", func() { b.write(entered, wrongCode(sent.Code)) })
	if got := eval[string](b, `document.activeElement.id + document.activeElement.value + document.activeElement.getAttribute("aria-describedby")`); got != "codealert" {
		t.Errorf("after a wrong code %q has the focus, its value and its description; want the empty field and the alert", got)
	}
	if n := s.count("login.refused"); n != 1 {
		t.Errorf("a wrong code was tried %d times", n)
	}
	b.run("hold forms back", `window.held = 0; document.getElementById("login").addEventListener("submit", (e) => { e.preventDefault(); window.held++; });`)
	comeBack := func() {
		b.run("come back to the page", `dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`)
	}
	held := func(what string, want int) {
		t.Helper()
		if got := eval[int](b, `window.held`); got != want {
			t.Errorf("%s: the form was sent %d times, want %d", what, got, want)
		}
	}
	b.insert(sent.Code)
	held("a whole code", 1)
	comeBack()
	b.run("an event without a change", `document.getElementById("code").dispatchEvent(new Event("input", { bubbles: true }))`)
	held("the same code", 1)
	b.keys(kb.Backspace + "0" + kb.Backspace + "1")
	held("another code", 2)
}

// TestDoublePressSendsOnce: an impatient hand costs no second message.
func TestDoublePressSendsOnce(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	b := newTab(t, "en")
	s.demoSite().authorize(b)
	b.write(typed, "ann@example.test")
	b.run("count the forms that leave, and keep them here", `window.left = 0;
		addEventListener("submit", (e) => { if (!e.defaultPrevented) window.left++; e.preventDefault(); });`)
	b.pressTimes(goOn, 3)
	b.until("a form to leave", `window.left > 0`)
	if got := eval[int](b, `window.left`); got != 1 {
		t.Errorf("three presses in a row sent %d forms", got)
	}
}

// TestLinkOpenedElsewhere: the page goes on by itself, with the number that it shows where the project asks for one.
func TestLinkOpenedElsewhere(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	for name, at := range map[string]site{"button": s.demoSite(), "number": s.site("Number game", "--link-approval", "number")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, phone := newTab(t, "en"), newTab(t, "en")
			sent := at.ask(b, name+"@example.test")
			phone.open(sent.Link)
			if name == "number" {
				number := eval[string](b, `document.querySelector("#match output").textContent`)
				phone.press(`main form button[name=number][value="` + number + `"]`)
			} else {
				phone.press(approve)
			}
			b.untilWithin(wakes, "the waiting page to be in", arrived)
			phone.until("a page that says to go back", settled)
		})
	}
}

// TestFrozenPageAsksAgain: a phone drops what a page waits for while nobody looks at it. It asks again when it is seen.
func TestFrozenPageAsksAgain(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	b, phone := newTab(t, "en"), newTab(t, "en")
	b.early(`{ const real = fetch;
		window.fetch = (to, how) => window.thawed ? real(to, how) : new Promise((_, no) => how.signal.addEventListener("abort", no)); }`)
	sent := s.demoSite().ask(b, "ann@example.test")
	phone.open(sent.Link)
	phone.press(approve)
	phone.until("a page that says to go back", settled)
	b.run("look at the page again", `window.thawed = true; document.dispatchEvent(new Event("visibilitychange"))`)
	b.untilWithin(wakes, "the waiting page to be in", arrived)
}

// TestCodeRunsOut: the page counts down by the server's time, says when it is over, and has a new code sent.
func TestCodeRunsOut(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	at := s.site("Short game", "--code-life", "30s")
	b := newTab(t, "en")
	b.early(`Date.now = () => 0`) // a clock that stands still, and is wrong
	sent := at.ask(b, "ann@example.test")
	first := eval[string](b, `document.getElementById("left").textContent`)
	if !strings.Contains(first, "0:30") && !strings.Contains(first, "0:2") {
		t.Errorf("of 30 s the page says %q", first)
	}
	b.until("the time to go by", `!document.getElementById("left").textContent.includes(`+"`"+first+"`"+`)`)
	b.untilWithin(time.Minute, "the page to say that it is over", `document.querySelector("#gone").checkVisibility()`)
	if got := eval[string](b, `[...document.querySelectorAll("main :is(input, button, .alert)")].filter((e) => e.checkVisibility()).map((e) => e.id || e.value).join()`); got != "gone,new,change" {
		t.Errorf("the page shows %s, want that it is over and two ways on", got)
	}
	if got := eval[string](b, `document.activeElement.id`); got != "new" {
		t.Errorf("%q has the focus, want the way on", got)
	}
	b.turn("send a new code", func() { b.press(goOn) })
	var fresh message
	eventually(t, "the new code", func() bool { fresh = s.message("ann@example.test"); return fresh.Code != sent.Code })
	b.insert(fresh.Code)
	b.until("the way back to the client", arrived)
}

// TestSendAgain: not at once, and then the same code once more.
func TestSendAgain(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	b := newTab(t, "en")
	sent := s.demoSite().ask(b, "ann@example.test")
	if got := eval[string](b, `document.getElementById("again").disabled + " " + document.getElementById("again").textContent`); !strings.HasPrefix(got, "true ") || !strings.ContainsAny(got, "23") {
		t.Errorf("the button to send again is %q, want it to wait for half a minute, and to say so", got)
	}
	b.run("let half a minute go by", `document.getElementById("login").dataset.pause = 0`)
	b.until("the button", `!document.getElementById("again").disabled`)
	b.turn("send it again", func() { b.press(again) })
	var second message
	eventually(t, "the second message", func() bool { second = s.message("ann@example.test"); return second.ID != sent.ID })
	if second.Code != sent.Code || s.count("challenge.resent") != 1 {
		t.Errorf("the code was %s and is %s, with %d resends", sent.Code, second.Code, s.count("challenge.resent"))
	}
	b.press(change)
	b.until("the first page", atStart)
	if got := eval[string](b, `document.querySelector('`+typed+`').value`); got != "ann@example.test" {
		t.Errorf("the address to change is %q", got)
	}
}

// TestWebOTP: what the browser reads from the SMS is taken, and nothing is waited for once a form is on its way.
func TestWebOTP(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	fake := `window.OTPCredential = class {};
		navigator.credentials.get = ({ otp, signal }) => new Promise((done, failed) => {
			if (otp.transport.join() !== "sms") throw new Error("another transport");
			window.hand = (code) => done({ code });
			signal.addEventListener("abort", () => { sessionStorage.setItem("stopped", "yes"); failed(signal.reason); });
		});`
	b := newTab(t, "en")
	b.early(fake)
	sent := s.demoSite().ask(b, "+12025550123")
	b.turn("refuse the code", func() { b.write(entered, wrongCode(sent.Code)) })
	if got := eval[string](b, `sessionStorage.getItem("stopped") ?? ""`); got != "yes" {
		t.Error("a form is on its way, and the browser still waits for an SMS")
	}
	b.run("the SMS comes", `window.hand("`+sent.Code+`")`)
	b.until("the way back to the client", arrived)

	mail := newTab(t, "en")
	mail.early(fake)
	s.demoSite().ask(mail, "ann@example.test")
	if eval[bool](mail, `"hand" in window`) {
		t.Error("the browser is asked to wait for an SMS, where a mail was sent")
	}
}

// TestRememberMe: nothing is kept unasked, and the code never; what is kept is offered, and forgotten when it is not them.
func TestRememberMe(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	at := s.demoSite()
	b := newTab(t, "en")
	kept := func() string {
		t.Helper()
		return eval[string](b, `Object.values(localStorage).join()`)
	}
	logIn := func(address string) {
		t.Helper()
		b.write(typed, address)
		b.press(goOn)
		b.until("the code to be asked for", atCode)
		b.insert(s.message(address).Code)
		b.until("the way back to the client", arrived)
	}
	at.authorize(b)
	if eval[bool](b, `document.getElementById("remember").checked`) {
		t.Error("the address is remembered unasked")
	}
	logIn("bob@example.test")
	b.open(s.url + "/static/icon.svg")
	if got := kept(); got != "" {
		t.Errorf("unasked, the browser keeps %q", got)
	}

	at.authorize(b, "prompt", "login")
	b.write(typed, "ann@example.test")
	b.press("#remember")
	if got := kept(); got != "" {
		t.Errorf("before a code showed whose address it is, the browser keeps %q", got)
	}
	logIn("ann@example.test")
	b.open(s.url + "/static/icon.svg")
	if got := kept(); got != "ann@example.test" {
		t.Errorf("the browser keeps %q, want the address and nothing else", got)
	}

	at.authorize(b, "prompt", "login")
	shown := `document.querySelector('` + typed + `').value + document.getElementById("remember").checked + document.getElementById("forget").checkVisibility()`
	b.until("the next page", atStart)
	if got := eval[string](b, shown); got != "ann@example.testtruetrue" {
		t.Errorf("the page offers %s", got)
	}
	at.site("Other game").authorize(b)
	if got := eval[string](b, shown); got != "falsefalse" {
		t.Errorf("another project's page offers %s", got)
	}
}

// TestNotYou: the address that is offered can be taken away.
func TestNotYou(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	b := newTab(t, "en")
	at := s.demoSite()
	at.authorize(b)
	b.run("as remembered before", `localStorage.setItem("latchkey:address:`+demoProject+`", "ann@example.test")`)
	at.authorize(b, "login_hint", "cid@example.test")
	if got := eval[string](b, `document.querySelector('`+typed+`').value`); got != "cid@example.test" {
		t.Errorf("the page offers %s, though the client named another address", got)
	}
	b.turn("ask for a code", func() { b.press(goOn) })
	if got := eval[string](b, `Object.values(localStorage).join()`); got != "ann@example.test" {
		t.Errorf("somebody else's login leaves %q in the memory", got)
	}
	at.authorize(b)
	b.until("the address to be offered", `document.querySelector('`+typed+`').value === "ann@example.test" && document.getElementById("remember").checked`)
	if got := eval[int](b, `document.querySelector('`+typed+`').selectionStart`); got != len("ann@example.test") {
		t.Errorf("the caret stands after letter %d of what is offered, want the end", got)
	}
	b.look("login-en-remembered")
	b.press("#forget")
	if got := eval[string](b, `document.querySelector('`+typed+`').value + Object.values(localStorage).join() + document.activeElement.id + document.getElementById("remember").checked`); got != "addressfalse" {
		t.Errorf("afterwards the field, the memory, the focus and the choice are %q", got)
	}
}

// TestCountryOfAPhoneNumber: of the place where the browser is, or as it is typed, or as it is chosen.
func TestCountryOfAPhoneNumber(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	country := `document.getElementById("region").hidden ? "" : document.getElementById("region").value`
	for name, c := range map[string]struct{ language, zone, want string }{
		"language and clock agree":         {"en-GB", "Europe/London", "GB"},
		"an English browser in Germany":    {"en-US", "Europe/Berlin", "DE"},
		"a clock of no country":            {"de-AT", "UTC", "AT"},
		"two languages of two countries":   {"en-US,fr-CA", "America/Toronto", "CA"},
		"neither":                          {"en", "UTC", ""},
		"a clock under its older name":     {"en", "Asia/Calcutta", "IN"},
		"a language of a larger continent": {"es-419", "America/Bogota", "CO"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTab(t, c.language).in(c.zone)
			b.early(`Object.defineProperty(navigator, "languages", { value: "` + c.language + `".split(",") })`)
			s.demoSite().authorize(b)
			b.write(typed, "ann@example.test")
			if got := eval[string](b, country); got != "" {
				t.Errorf("an email is of the country %q", got)
			}
			b.write(typed, "0123456")
			if got := eval[string](b, country); got != c.want {
				t.Errorf("a number is of the country %q, want %q", got, c.want)
			}
			b.write(typed, "+44 7700")
			if got := eval[string](b, country); got != "GB" {
				t.Errorf("a number that begins with +44 is of the country %q", got)
			}
			b.write(typed, "+1 20")
			if got, same := eval[string](b, country), c.want; got != "US" && got != same {
				t.Errorf("a number that begins with +1 is of the country %q", got)
			}
		})
	}
	b := newTab(t, "en").in("Europe/Berlin")
	s.demoSite().authorize(b)
	b.write(typed, "+43 664 1234567")
	b.run("another country", `const r = document.getElementById("region"); r.value = "DE"; r.dispatchEvent(new Event("change"))`)
	if got := eval[string](b, `document.querySelector('`+typed+`').value`); got != "+49 664 1234567" {
		t.Errorf("after the choice of another country the number is %q", got)
	}
	b.write(typed, "0664 1234567")
	b.run("another country", `const r = document.getElementById("region"); r.value = "AT"; r.dispatchEvent(new Event("change"))`)
	b.press(goOn)
	b.until("the code to be asked for", atCode)
	s.message("+436641234567")
}

// TestOnlyWhatTheProjectTakes: where one channel is on, the page asks for that one.
func TestOnlyWhatTheProjectTakes(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	for channel, want := range map[string]string{"email": "email email Email address", "phone": "tel tel Phone number"} {
		b := newTab(t, "en").in("Europe/Berlin")
		s.site("One way", "--channel", channel).authorize(b)
		got := eval[string](b, `((f) => f.inputMode + " " + f.autocomplete + " " + f.labels[0].textContent)(document.getElementById("address"))`)
		if got != want {
			t.Errorf("%s: the field is %q, want %q", channel, got, want)
		}
		b.write(typed, map[string]string{"email": "0151 23456789", "phone": "ann@example.test"}[channel])
		b.turn("refuse the other one", func() { b.press(goOn) })
		b.look("login-en-only-" + channel)
	}
}

// TestKeyboardOnly signs in without a mouse, and comes by everything on the way.
func TestKeyboardOnly(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	b := newTab(t, "en")
	at := s.site("Star Harbour", "--terms", "https://game.example.test/terms", "--privacy", "https://game.example.test/privacy")
	at.authorize(b)
	stops := func(n int) string {
		t.Helper()
		var out []string
		for range n {
			b.keys(kb.Tab)
			out = append(out, eval[string](b, `document.activeElement.id || document.activeElement.value || document.activeElement.textContent`))
			if eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`) == "none" {
				t.Errorf("%s has the focus and does not show it", out[len(out)-1])
			}
		}
		return strings.Join(out, " ")
	}
	if got := stops(4); got != "remember address Terms of use Privacy" {
		t.Errorf("from the address, Tab leads to %s", got)
	}
	b.run("back to the field", `document.getElementById("address").focus()`)
	b.turn("ask for the code", func() { b.keys("ann@example.test" + kb.Enter) })
	if got := eval[string](b, `document.activeElement.id`); got != "code" {
		t.Errorf("on the second page %q has the focus", got)
	}
	if got := stops(2); got != "enter change" { // not the button that waits
		t.Errorf("from the code, Tab leads to %s", got)
	}
	b.turn("change the address", func() { b.keys(kb.Enter) })
	b.turn("ask for the code", func() { b.keys(kb.Enter) })
	b.keys("12" + kb.Enter)
	b.until("the code to be refused", alerted)
	var sent message
	eventually(t, "the second code", func() bool { sent = s.message("ann@example.test"); return s.count("message.sent") == 2 })
	b.keys(sent.Code)
	b.until("the way back to the client", arrived)
}
