package oidctest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// guide gives the one block of a language in a page of docs/integrate.
func guide(t *testing.T, page, language string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "integrate", page))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(text, -1)
	if len(found) != 1 {
		t.Fatalf("%s has %d blocks of %s, want 1", page, len(found), language)
	}
	return string(found[0][1])
}

// fill puts what a reader would put into a guide's program. What is not there to be replaced is a mistake.
func fill(t *testing.T, program string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(program, pairs[i]) {
			t.Fatalf("the guide's program does not contain %q", pairs[i])
		}
		program = strings.ReplaceAll(program, pairs[i], pairs[i+1])
	}
	return program
}

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
