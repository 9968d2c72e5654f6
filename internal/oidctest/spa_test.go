package oidctest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
)

// TestSinglePageApp: the page of docs/integrate/spa.md, with npm oidc-client-ts as it comes, through a whole life of a login:
// sign in, renew, sign in again without a code, sign out.
func TestSinglePageApp(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	needNode(t)
	s, who := startDev(t), newPerson(t, "spa@example.test")
	var page string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, page)
	})
	mux.HandleFunc("GET /oidc-client-ts.min.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join("js", "node_modules", "oidc-client-ts", "dist", "browser", "oidc-client-ts.min.js"))
	})
	app := httptest.NewServer(mux)
	t.Cleanup(app.Close)
	home := app.URL + "/"
	flags := []string{"--redirect-uri", home, "--logout-uri", home}
	page = fill(t, guide(t, "spa.md", "html"), "https://login.example.com/p/PROJECT-ID", s.issuer(), "CLIENT-ID", s.client("public", flags...).ID)

	says := func(what, js string) {
		t.Helper()
		who.until(what, `location.href === "`+home+`" && (`+js+`)(document.getElementById("who").textContent)`)
	}
	hello := `(text) => text.startsWith("Hello, ` + who.address + ` (")`
	who.open(home)
	says("nobody to be signed in", `(text) => text === "Nobody is signed in."`)
	who.press("#in")
	who.signIn(s)
	says("the person's name", hello)

	const stored = `JSON.parse(sessionStorage.getItem(Object.keys(sessionStorage).find((k) => k.startsWith("oidc.user:"))))`
	before := eval[string](who, stored+".refresh_token")
	access := eval[string](who, stored+".access_token")
	who.press("#renew")
	who.until("new tokens", stored+`.refresh_token !== "`+before+`"`)
	says("the person's name after the renewal", hello)
	status := func(token string) float64 {
		return eval[float64](who, `fetch("`+s.issuer()+`/userinfo", {headers: {Authorization: "Bearer `+token+`"}}).then((r) => r.status)`)
	}
	if got := status(access); got != 200 {
		t.Errorf("before the logout, an access token gives %v", got)
	}
	// A tab that lost its tokens gets new ones without a code: the browser is still signed in.
	eval[bool](who, "sessionStorage.clear() ?? true")
	who.open(home)
	says("nobody to be signed in", `(text) => text === "Nobody is signed in."`)
	who.press("#in")
	says("the person's name without a code", hello)

	access = eval[string](who, stored+".access_token")
	who.press("#out")
	says("nobody to be signed in after the logout", `(text) => text === "Nobody is signed in."`)
	if got := status(access); got != 401 {
		t.Errorf("after the logout, an access token gives %v", got)
	}
	who.press("#in")
	who.until("an address to be asked for after the logout", `document.querySelector('`+typed+`')`)
}
