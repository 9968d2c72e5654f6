package browsertest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// What a test knows of the page where a person leads a device in.
const (
	deviceCode = `main form input[name="user_code"]`
	deviceNext = `main form button[value="find"]`
	deviceYes  = `main form button[value="approve"]`
	deviceNo   = `main form button[value="deny"]`
	atQuestion = `document.readyState === "complete" && document.querySelector('main form button[value="approve"]')`
	atEnd      = `document.readyState === "complete" && document.querySelector("main h1") && !document.querySelector("main form")`
)

// A television is a client that signs in devices, and its project.
type television struct {
	*server
	project, client string
}

func (s *server) television(project string) television {
	s.t.Helper()
	var made struct {
		ID int `json:"id"`
	}
	raw := s.command("client", "create", "Living room", "--json", "--project", project, "--device-login")
	if err := json.Unmarshal(raw, &made); err != nil || made.ID == 0 {
		s.t.Fatalf("client create gave no id: %v", err)
	}
	return television{s, project, strconv.Itoa(made.ID)}
}

// call posts to the issuer as the television and gives the answer's strings.
func (tv television) call(path string, f url.Values) map[string]string {
	tv.t.Helper()
	f.Set("client_id", tv.client)
	req, err := http.NewRequestWithContext(tv.t.Context(), http.MethodPost, tv.url+"/p/"+tv.project+path, strings.NewReader(f.Encode()))
	if err != nil {
		tv.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		tv.t.Fatal(err)
	}
	defer res.Body.Close()
	var all map[string]any
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
		tv.t.Fatalf("%s: status %d, %v", path, res.StatusCode, err)
	}
	out := map[string]string{}
	for name, v := range all {
		out[name] = fmt.Sprint(v)
	}
	return out
}

func (tv television) begin(scope string) map[string]string {
	tv.t.Helper()
	got := tv.call("/device_authorization", url.Values{"scope": {scope}})
	if got["user_code"] == "" {
		tv.t.Fatalf("the television got %v", got)
	}
	return got
}

// poll asks for the tokens, once: what a test waits for is the page.
func (tv television) poll(asked map[string]string) map[string]string {
	tv.t.Helper()
	return tv.call("/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {asked["device_code"]}})
}

// picture is what the television shows for the phone to read.
func (tv television) picture(asked map[string]string) []byte {
	tv.t.Helper()
	res, err := http.Get(tv.url + "/p/" + tv.project + "/device/qr?user_code=" + asked["user_code"])
	if err != nil {
		tv.t.Fatal(err)
	}
	defer res.Body.Close()
	svg, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		tv.t.Fatalf("the picture: status %d, %v", res.StatusCode, err)
	}
	return svg
}

// reads gives what a reader that knows nothing of our encoder makes of a picture, seen at a size in pixels.
func (b *tab) reads(svg []byte, size int) string {
	b.t.Helper()
	reader, err := fromNPM("jsqr/dist/jsQR.js")
	if err != nil {
		b.t.Fatal(err)
	}
	b.open("about:blank")
	b.do("the reader", chromedp.Evaluate[chromedp.Void](string(reader)))
	return eval[string](b, fmt.Sprintf(`new Promise((done, broken) => {
		const picture = new Image(%d, %[1]d);
		picture.onerror = () => broken(new Error("no picture"));
		picture.onload = () => {
			const seen = document.createElement("canvas").getContext("2d");
			seen.canvas.width = seen.canvas.height = %[1]d;
			seen.fillStyle = "#123";
			seen.fillRect(0, 0, %[1]d, %[1]d);
			seen.drawImage(picture, 0, 0, %[1]d, %[1]d);
			done(jsQR(seen.getImageData(0, 0, %[1]d, %[1]d).data, %[1]d, %[1]d)?.data ?? "nothing");
		};
		picture.src = "data:image/svg+xml;base64,%s";
	})`, size, base64.StdEncoding.EncodeToString(svg)))
}

// TestDeviceFlow: a television shows a code and a picture, the phone does the rest: it types or reads the code, signs in,
// compares, and says yes or no. Every page in every state is looked at.
func TestDeviceFlow(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	tv := s.television(s.project("Star Harbour", "--color", "#ffd23f"))
	for language, direction := range map[string]string{"en": "en ltr", "ar": "ar rtl"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			server := *s
			server.t = t
			tv := television{&server, tv.project, tv.client}
			page := tv.url + "/p/" + tv.project + "/device"
			b := newTab(t, language)
			look := func(state string) {
				t.Helper()
				if got := eval[string](b, `document.documentElement.lang + " " + getComputedStyle(document.body).direction`); got != direction {
					t.Errorf("%s: the page is %s, want %s", state, got, direction)
				}
				b.look("device-" + language + "-" + state)
			}
			asked := tv.begin("openid email profile offline_access")
			if read := b.reads(tv.picture(asked), 300); read != asked["verification_uri_complete"] {
				t.Fatalf("the picture reads %q, want %q", read, asked["verification_uri_complete"])
			}
			b.open(asked["verification_uri_complete"])
			if code := eval[string](b, `document.querySelector('`+deviceCode+`').value`); code != asked["user_code"] {
				t.Errorf("the code from the picture is typed as %q", code)
			}
			look("start")
			b.press(deviceNext)
			tv.signsIn(b, "ann-"+language+"@example.test")
			b.until("the question", atQuestion)
			look("ask")
			if got := tv.poll(asked); got["error"] != "authorization_pending" {
				t.Errorf("before the yes the television got %v", got)
			}
			b.pressTimes(deviceYes, 2)
			b.until("the end", atEnd)
			b.until("the end of a yes", `location.search === "?done=yes"`)
			look("done")

			b.open(page)
			b.write(deviceCode, "bbbb bbbb")
			b.turn("another page", func() { b.press(deviceNext) })
			b.until("the alert", alerted)
			look("wrong")

			denied := tv.begin("openid")
			b.write(deviceCode, strings.ToLower(strings.ReplaceAll(denied["user_code"], "-", "")))
			b.press(deviceNext)
			b.until("the question, without a login", atQuestion)
			look("ask-little")
			b.press(deviceNo)
			b.until("the end of a no", `location.search === "?done=no" && (`+atEnd+`)`)
			look("denied")
			if got := tv.poll(denied); got["error"] != "access_denied" {
				t.Errorf("after the no the television got %v", got)
			}

			late := tv.begin("openid")
			b.open(late["verification_uri_complete"])
			b.press(deviceNext)
			b.until("the question", atQuestion)
			other := newTab(t, "de")
			other.open(late["verification_uri_complete"])
			other.press(deviceNext)
			tv.signsIn(other, "bob-"+language+"@example.test")
			other.until("the question", atQuestion)
			other.press(deviceNo)
			other.until("the end", atEnd)
			b.press(deviceYes)
			b.until("the end of what somebody else ended", atEnd)
			look("over")
			b.press("main a.button")
			b.until("the way to another code", `document.querySelector('`+deviceCode+`')`)

			got := tv.poll(asked)
			if got["error"] == "slow_down" { // a fast machine: the interval is now twice as long
				<-time.After(10 * time.Second)
				got = tv.poll(asked)
			}
			if got["access_token"] == "" || got["refresh_token"] == "" || got["id_token"] == "" {
				t.Errorf("after the yes the television got %v", got)
			}
		})
	}
}

// TestDevicePageWithoutScript: the page is nothing but forms.
func TestDevicePageWithoutScript(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	tv := s.television(demoProject)
	b := newTab(t, "en").without("script")
	asked := tv.begin("openid")
	b.open(asked["verification_uri"])
	b.write(deviceCode, asked["user_code"])
	b.press(deviceNext)
	b.until("the first page of the login", atStart)
	b.write(typed, "ann@example.test")
	b.press(goOn)
	b.until("the code to be asked for", atCode)
	b.write(entered, s.message("ann@example.test").Code)
	b.press(goOn)
	b.until("the question", atQuestion)
	b.press(deviceYes)
	b.until("the end", atEnd)
	if got := tv.poll(asked); got["access_token"] == "" {
		t.Errorf("the television got %v", got)
	}
}
