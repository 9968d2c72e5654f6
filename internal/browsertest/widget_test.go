package browsertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// appPage is a login form of an app's own, on another origin, with the widget of ALTCHA in it. What the person types goes to the
// published call, with what the widget puts into the form.
const appPage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>App</title><script type="module" src="/altcha.js"></script>
<form><label>Email <input name="email" value="%s"></label>
<altcha-widget %s="%s" auto="onload"></altcha-widget><button>Sign in</button></form>
<script>
document.querySelector("form").addEventListener("submit", async (e) => {
	e.preventDefault();
	const body = JSON.stringify(Object.fromEntries(new FormData(e.target)));
	const answer = await fetch("%s", { method: "POST", headers: { "Content-Type": "application/json" }, body });
	document.title = "answered " + answer.status + " " + answer.headers.get("x-captcha-enabled");
});
</script>`

// TestTheWidgetOfALTCHA: its makers' own, of both versions in use, solves a puzzle of this server on a page of an app's, and the
// start with what it gives is taken, once. Without it the start is refused.
func TestTheWidgetOfALTCHA(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	for name, tt := range map[string]struct{ file, attribute string }{
		"2": {"altcha-2/dist/altcha.js", "challengeurl"},
		"3": {"altcha/dist/main/altcha.js", "challenge"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := *s
			s.t = t
			widget, err := fromNPM(tt.file)
			if err != nil {
				t.Fatal(err)
			}
			who := "widget" + name + "@example.test"
			var puzzles, start string
			app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/altcha.js":
					w.Header().Set("Content-Type", "text/javascript")
					_, _ = w.Write(widget)
				case "/":
					w.Header().Set("Content-Type", "text/html; charset=utf-8")
					fmt.Fprintf(w, appPage, who, tt.attribute, puzzles, start)
				default:
					http.NotFound(w, r)
				}
			}))
			defer app.Close()
			project := s.project("App "+name, "--captcha", "always", "--allowed-origin", app.URL)
			query := "?" + url.Values{"projectId": {project}}.Encode()
			puzzles, start = s.url+"/api/captcha"+query, s.url+"/api/login/email/request"+query

			b := newTab(t, "en")
			b.open(app.URL)
			b.until("the widget to solve its puzzle", `document.querySelector('input[name="altcha"]')?.value`)
			b.shoot("altcha-widget-" + name)
			press := func(what, want string) {
				t.Helper()
				b.press("form > button")
				b.until(what, fmt.Sprintf(`document.title === %q`, want))
			}
			press("the start to be taken", "answered 200 null")
			if got := s.message(who); got.Code == "" {
				t.Error("no code was sent")
			}
			press("the same solution to be refused", "answered 429 1")
			b.run("take the solution out", `document.querySelector('input[name="altcha"]').remove(); document.title = "App"`)
			press("a start without a solution to be refused", "answered 429 1")
		})
	}
}
