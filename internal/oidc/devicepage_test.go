package oidc_test

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// device goes to the page as a phone that read a QR code does, or by the query.
func (b *browser) device(query string, header ...string) {
	b.w.t.Helper()
	b.take(b.w.get("/device"+query, append([]string{"Cookie", b.cookie, "Sec-Fetch-Site", "none"}, header...)...))
}

// answer presses a button of the device page. fields are pairs.
func (b *browser) answer(step string, fields ...string) {
	b.w.t.Helper()
	b.take(b.w.post("/device", b.form(step, fields...), "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie))
}

// goes follows a 303 as a browser does, which came by a form of ours.
func (b *browser) goes(what, to string) {
	b.w.t.Helper()
	if at := b.page.header.Get("Location"); b.page.status != http.StatusSeeOther || at != to {
		b.w.t.Fatalf("%s: %d to %q, want 303 to %q:\n%s", what, b.page.status, at, to, b.page.body)
	}
	b.take(b.w.send(http.MethodGet, to, "", "Cookie", b.cookie, "Sec-Fetch-Site", "same-origin"))
}

// asks wants the question, with the code to compare.
func (b *browser) asks(what string, code string) {
	b.w.t.Helper()
	if body := string(b.page.body); b.page.status != 200 || !strings.Contains(body, `<output dir="ltr">`+code+"</output>") || !strings.Contains(body, `value="approve"`) {
		b.w.t.Fatalf("%s: status %d, want the question with %s:\n%s", what, b.page.status, code, b.page.body)
	}
}

func (b *browser) tells(what string, status int, words string) {
	b.w.t.Helper()
	if b.page.status != status || !strings.Contains(string(b.page.body), words) {
		b.w.t.Fatalf("%s: status %d, want %d with %q:\n%s", what, b.page.status, status, words, b.page.body)
	}
}

// TestRFC8628_3_3_DevicePage: the code from the QR code is filled in, the person signs in, compares, says yes; the device gets
// tokens of that person. No script, and every turn of the way.
func TestRFC8628_3_3_DevicePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.devices()
	w.client(latchkey.Client{ID: 41, Name: "Living <room>", Kind: latchkey.PublicClient, RedirectURIs: []string{callback}, DeviceLogin: true}, "")
	var got asked
	w.post("/device_authorization", url.Values{"client_id": {"41"}, "scope": {"openid email profile"}}, "User-Agent", "Mozilla/5.0 (Web0S; Linux/SmartTV)").ok(&got)
	b := &browser{w: w}
	b.device(strings.TrimPrefix(got.Complete, w.issuer+"/device"))
	b.shows("the way in", 200, "user_code")
	if typed := b.input("user_code", "value"); typed != got.User {
		t.Errorf("the field holds %q, want %q", typed, got.User)
	}
	b.answer("find", "user_code", strings.ToLower(strings.ReplaceAll(got.User, "-", " ")))
	b.signIn(player)
	b.goes("after the login", got.Complete)
	b.asks("the question", got.User)
	body := string(b.page.body)
	for _, words := range []string{"Living &lt;room&gt;", "LG TV", "192.0.2.7", "Email address · Your name and profile", player} {
		if !strings.Contains(body, words) {
			t.Errorf("the question lacks %q:\n%s", words, body)
		}
	}
	w.poll(got.Device, "client_id", "41").fails("before the yes", 400, "authorization_pending")
	asking := *b
	b.answer("approve")
	b.goes("after the yes", w.issuer+"/device?done=yes")
	b.tells("the end", 200, "The device is signed in")
	second := asking
	second.answer("approve")
	second.goes("the second of two quick presses", w.issuer+"/device?done=yes")
	asking.answer("deny")
	asking.tells("a no after the yes", 410, "This code does not work any more")
	w.clock.move(5 * time.Second)
	var tokens tokens
	w.poll(got.Device, "client_id", "41").ok(&tokens)
	if part(t, tokens.ID, 1)["email"] != player {
		t.Errorf("the device is in as %v", part(t, tokens.ID, 1)["email"])
	}

	next := w.askDevice("") // by now the browser is signed in
	b.device("")
	b.answer("find", "user_code", next.User)
	b.asks("without a login", next.User)
	b.tells("without a scope", 200, "Only that it is you")
	asking = *b
	b.answer("deny")
	b.goes("after the no", w.issuer+"/device?done=no")
	b.tells("the end", 200, "The device was kept out")
	second = asking
	second.answer("deny")
	second.goes("the second of two quick presses", w.issuer+"/device?done=no")
	asking.answer("approve")
	asking.tells("a yes after the no", 410, "This code does not work any more")
	w.poll(next.Device).fails("after the no", 400, "access_denied")
}

// TestRFC8628_5_1_CodesAreNotTried: what is no code, and what no device waits with, look alike; whether one waits is not told
// to anybody who is not signed in, and not without a page of ours.
func TestRFC8628_5_1_CodesAreNotTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.devices()
	got := w.askDevice("")
	stranger := &browser{w: w}
	for name, code := range map[string]string{"one that waits": got.User, "one that does not": "BBBB-BBBB"} {
		stranger.device("")
		stranger.answer("find", "user_code", code)
		stranger.shows(name+", nobody signed in", 200, "address")
	}
	in := &browser{w: w}
	in.device("")
	in.answer("find", "user_code", "BBBB-BBBB")
	in.signIn(player)
	in.goes("after the login", w.issuer+"/device?user_code=BBBB-BBBB")
	in.shows("a code that nobody waits with", 200, "user_code")
	in.tells("a code that nobody waits with", 200, `aria-invalid="true"`)
	for _, code := range []string{"", "hello", "WDJB-MJH", "WDJB-MJHTT", "AEIO-UAEI", "<script>"} {
		in.answer("find", "user_code", code)
		in.shows(code, 200, "user_code")
		in.tells(code, 200, "No device waits with this code")
		if in.input("user_code", "value") != "" {
			t.Errorf("%q stands in the field again", code)
		}
	}
	w.client(latchkey.Client{ID: 42, Project: w.other, Name: "other", Kind: latchkey.PublicClient, RedirectURIs: []string{callback}, DeviceLogin: true}, "")
	var foreign asked
	w.send("POST", latchkey.Issuer(publicURL, w.other)+"/device_authorization", "client_id=42").ok(&foreign)
	in.answer("find", "user_code", foreign.User)
	in.tells("another project's code", 200, "No device waits with this code")
	w.clock.move(latchkey.DeviceLoginLife)
	in.device("")
	in.answer("find", "user_code", got.User)
	in.tells("a code that has run out", 200, "No device waits with this code")
}

// TestRFC8628_5_4_NoGetDecides: neither a link nor another site can bring a person to the question, let alone past it; and a
// GET changes nothing, whoever makes it.
func TestRFC8628_5_4_NoGetDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.devices()
	got := w.askDevice("openid")
	b := &browser{w: w}
	b.device("")
	b.answer("find", "user_code", got.User)
	b.signIn(player)
	b.goes("after the login", got.Complete)
	b.asks("the question", got.User)
	question := b.form("approve")
	for _, from := range []string{"cross-site", "same-site", "none"} {
		b.device("?user_code="+got.User, "Sec-Fetch-Site", from)
		b.shows("a link from "+from, 200, "user_code")
	}
	b.device("?user_code=" + got.User + "&step=approve&done=no")
	for name, header := range map[string][]string{
		"another site":               {"Sec-Fetch-Site", "cross-site", "Cookie", b.cookie},
		"a sister host":              {"Sec-Fetch-Site", "same-site", "Cookie", b.cookie},
		"an old browser, elsewhere":  {"Origin", "https://evil.example.test", "Cookie", b.cookie},
		"a program":                  {"Cookie", b.cookie},
		"another browser":            {"Sec-Fetch-Site", "same-origin"},
		"somebody else's session":    {"Sec-Fetch-Site", "same-origin", "Cookie", sessionCookieOf(w, "other@example.test")},
		"an old browser, own origin": {"Origin", publicURL},
	} {
		if r := w.post("/device", question, header...); r.status != 400 {
			t.Errorf("%s presses the button: %d", name, r.status)
		}
	}
	other := "A"
	if question.Get("request")[40] == 'A' {
		other = "B"
	}
	changed := url.Values{"request": {question.Get("request")[:40] + other + question.Get("request")[41:]}, "step": {"approve"}}
	for name, f := range map[string]url.Values{
		"a changed box": changed, "no box": {"step": {"approve"}}, "no button": {"request": question["request"]},
		"the box of the other form": {"request": {box(b)}, "step": {"approve"}},
	} {
		if r := w.post("/device", f, "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie); r.status != 400 {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	w.poll(got.Device).fails("after all these", 400, "authorization_pending")
	if r := w.post("/device", question, "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie); r.status != 303 {
		t.Errorf("the page itself: %d %s", r.status, r.body)
	}
}

// box gives the one of the first form, in this browser.
func box(b *browser) string {
	b.w.t.Helper()
	b.device("")
	return b.box()
}

func sessionCookieOf(w *world, address string) string {
	return sessionCookie(w.project) + "=" + w.sessionOf(address).Reveal()
}

// TestDevicePressedBySomebodyElse: a second press counts as the first one only if it is the same person's.
func TestDevicePressedBySomebodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.devices()
	got := w.askDevice("openid")
	first, other := w.sessionOf(player), w.sessionOf("other@example.test")
	w.must(w.press(first, got.User, true))
	w.must(w.press(first, got.User, true))
	for name, cookie := range map[string]latchkey.Secret{"somebody else": other, "nobody": ""} {
		want := map[bool]latchkey.Code{true: latchkey.LoginRequired, false: latchkey.NotFound}[cookie == ""]
		if err := w.press(cookie, got.User, true); latchkey.CodeOf(err) != want {
			t.Errorf("a second yes by %s: %v, want %v", name, err, want)
		}
	}
	w.poll(got.Device).ok(&tokens{})
	w.must(w.press(first, got.User, true)) // the device was quicker than the second press
	w.clock.move(latchkey.DeviceLoginLife)
	if err := w.press(first, got.User, true); latchkey.CodeOf(err) != latchkey.NotFound {
		t.Errorf("ten minutes later: %v", err)
	}
}

// TestDevicePageForSomebodyElse: the person at the phone is not always the one who is signed in there.
func TestDevicePageForSomebodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.devices()
	got := w.askDevice("openid email")
	b := &browser{w: w}
	b.device("")
	b.answer("find", "user_code", got.User)
	b.signIn("parent@example.test")
	b.goes("after the login", got.Complete)
	b.answer("other")
	b.signIn("child@example.test")
	b.goes("after the second login", got.Complete)
	b.answer("approve")
	var tokens tokens
	w.poll(got.Device).ok(&tokens)
	if part(t, tokens.ID, 1)["email"] != "child@example.test" {
		t.Errorf("the device is in as %v", part(t, tokens.ID, 1)["email"])
	}
}

// TestDevicePageAfterLogout: a page that lay open while its session ended leads to the login, and not to a yes.
func TestDevicePageAfterLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.devices()
	got := w.askDevice("openid")
	b := &browser{w: w}
	b.device("")
	b.answer("find", "user_code", got.User)
	b.signIn(player)
	b.goes("after the login", got.Complete)
	w.clock.move(latchkey.DeviceLoginLife - 1)
	lay := *b
	u, err := w.store.Users(t.Context(), w.project, latchkey.CanonicalAddress(latchkey.Email, player), latchkey.UserID{}, 1)
	w.must(err)
	w.must(w.store.EndSessions(t.Context(), u[0].ID, latchkey.Event{At: w.clock.Now(), Project: w.project}))
	b.answer("approve")
	b.shows("a dead session", 200, "address")
	w.clock.move(time.Hour)
	lay.answer("approve")
	lay.tells("an hour later", 400, "")
	w.poll(got.Device).fails("none of these was a yes", 400, "expired_token")
}

// TestDeviceQR: the picture of exactly the address that the device was given, for any page; nothing else is drawn, and it does
// not tell which codes wait.
func TestDeviceQR(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.devices()
	got := w.askDevice("")
	r := w.get("/device/qr?user_code=" + got.User)
	if err := xml.Unmarshal(r.body, &struct{ XMLName xml.Name }{}); r.status != 200 || err != nil || r.header.Get("Content-Type") != "image/svg+xml" {
		t.Fatalf("%d %s: %v", r.status, r.header.Get("Content-Type"), err)
	}
	if p := r.header.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || r.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
		t.Errorf("headers %v", r.header)
	}
	if same := w.get("/device/qr?user_code=" + strings.ToLower(strings.ReplaceAll(got.User, "-", ""))); string(same.body) != string(r.body) {
		t.Error("another spelling of the code is another picture")
	}
	if other := w.get("/device/qr?user_code=BBBB-BBBB"); other.status != 200 || string(other.body) == string(r.body) {
		t.Errorf("a code that nobody waits with: %d", other.status)
	}
	for _, code := range []string{"", "hello", "WDJB-MJHT%26x=y", "https://evil.example.test"} {
		w.get("/device/qr?user_code="+code).fails(code, 400, "invalid_request")
	}
}
