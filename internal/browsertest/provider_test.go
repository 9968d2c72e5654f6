package browsertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// A provider of CAPTCHAs that is made up. Its script does in a page what the documentation of the one it stands for says: it looks
// for elements of a class, puts a frame of its own into each, and the answer into a field beside it.
type provider struct {
	name, class, field string
	script, frame      string // hosts
	path               string // of the script
	style              bool   // it brings a style sheet
}

var providers = []provider{
	{
		name: "turnstile", class: "cf-turnstile", field: "cf-turnstile-response", script: "challenges.cloudflare.com",
		frame: "challenges.cloudflare.com", path: "/turnstile/v0/api.js",
	},
	{
		name: "hcaptcha", class: "h-captcha", field: "h-captcha-response", script: "js.hcaptcha.com",
		frame: "newassets.hcaptcha.com", path: "/1/api.js", style: true,
	},
}

const (
	providerScript = `(() => {
	const render = () => document.querySelectorAll(".%[1]s").forEach(async (el) => {
		const frame = document.createElement("iframe"), field = document.createElement("textarea");
		frame.src = "https://%[3]s/frame?" + new URLSearchParams(el.dataset);
		frame.title = "I am a person";
		frame.width = 300;
		frame.height = 78;
		field.name = "%[2]s";
		field.style.display = "none";
		addEventListener("message", (e) => {
			if (e.origin !== "https://%[3]s" || e.source !== frame.contentWindow) return;
			if (e.data === "ready") el.dataset.ready = "yes";
			else field.value = e.data;
		});
		if (%[4]v) {
			const sheet = document.createElement("link");
			sheet.rel = "stylesheet";
			sheet.href = "https://%[3]s/style.css";
			document.head.append(sheet);
		}
		await fetch("https://%[3]s/config");
		el.append(frame, field);
	});
	document.readyState === "loading" ? addEventListener("DOMContentLoaded", render) : render();
})();`
	providerFrame = `<!doctype html><html lang="en"><title>I am a person</title>
<body style="margin: 0; font: 16px sans-serif"><button style="width: 100%; height: 78px">I am a person</button>
<script>
document.querySelector("button").addEventListener("click", (e) => {
	e.target.textContent = "Thank you";
	parent.postMessage("solved " + location.search + " " + performance.now(), "*");
});
parent.postMessage("ready", "*");
</script>`
)

// serve is what the provider answers, in browsers and to the server.
func (p provider) serve(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host == p.script && r.URL.Path == p.path:
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprintf(w, providerScript, p.class, p.field, p.frame, p.style)
		case r.Host == p.frame && r.URL.Path == "/frame":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, providerFrame)
		case r.Host == p.frame && r.URL.Path == "/config":
			w.Header().Set("Access-Control-Allow-Origin", "*")
		case r.Host == p.frame && r.URL.Path == "/style.css":
			w.Header().Set("Content-Type", "text/css")
		case r.URL.Path == "/siteverify":
			p.judge(w, r)
		default:
			t.Errorf("%s is asked for %s%s", p.name, r.Host, r.URL)
			http.NotFound(w, r)
		}
	}
}

func (p provider) judge(w http.ResponseWriter, r *http.Request) {
	words := strings.Fields(r.PostFormValue("response"))
	answer := map[string]any{"success": false, "error-codes": []string{"invalid-input-response"}}
	if r.PostFormValue("secret") == "hush" && len(words) == 3 && words[0] == "solved" {
		told, _ := url.ParseQuery(strings.TrimPrefix(words[1], "?"))
		if told.Get("sitekey") == "0x4AAAAAAA-site_key" {
			answer = map[string]any{"success": true, "cdata": told.Get("cdata")}
		}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// TestPagesOfOtherProviders: the hosted page shows the provider's own CAPTCHA under its policy, with nothing kept back, and goes on
// with what that gives; a press before it is solved leads back to it.
func TestPagesOfOtherProviders(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	for _, p := range providers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			pages, judge := httptest.NewTLSServer(p.serve(t)), httptest.NewServer(p.serve(t))
			defer pages.Close()
			defer judge.Close()
			at := strings.TrimPrefix(pages.URL, "https://")
			browser, end, err := openBrowser(p.name, fmt.Sprintf("MAP %s %s, MAP %s %[2]s, ", p.script, at, p.frame))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(end)
			s := startDev(t, "--captcha", p.name+"://0x4AAAAAAA-site_key:hush@?url="+url.QueryEscape(judge.URL+"/siteverify"))
			client := s.site("Careful", "--captcha", "always")
			b := newTabIn(t, browser, "en")
			b.early(`addEventListener("securitypolicyviolation", (e) => (window.kept ??= []).push(e.violatedDirective + " " + e.blockedURI))`)
			who := p.name + "@example.test"
			client.authorize(b)
			b.write(typed, who)
			b.press(goOn)
			ready := `document.readyState === "complete" && document.querySelector(".` + p.class + `[data-ready]")`
			b.until("the provider's frame", ready)
			b.shoot("captcha-" + p.name)
			b.turn("the CAPTCHA again", func() { b.press(goOn) })
			b.until("the provider's frame", ready)
			b.pressUntil("."+p.class+" iframe", "the answer in the form",
				`document.querySelector("form textarea[name='`+p.field+`']")?.value`)
			if kept := eval[[]string](b, `window.kept ?? []`); len(kept) > 0 {
				t.Errorf("the page's policy kept back %q", kept)
			}
			b.shoot("captcha-" + p.name + "-solved")
			b.press(goOn)
			b.until("the code to be asked for", atCode)
			b.write(entered, s.message(who).Code)
			b.until("the way back to the client", arrived)
		})
	}
}
