package oidc_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// foreign sends what a fuzzer made up and holds the answer to what every one promises: no fault is the server's, nothing is sent,
// the browser goes to a registered place or stays here, and a page is made of our own markup alone.
func (w *world) foreign(t *testing.T, own map[string]bool, method, target, raw string, header ...string) (reply, bool) {
	w.t, w.http.Transport.(*wire).t = t, t
	if strings.ContainsFunc(target, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return reply{}, false // a request line that net/http takes apart or refuses
	}
	if _, err := url.Parse(target); err != nil {
		return reply{}, false
	}
	got := w.send(method, target, raw, header...)
	if got.status >= 500 || len(w.outbox) > 0 {
		t.Errorf("%d and %d messages: %s\n%s", got.status, len(w.outbox), got.body, w.log.b.String())
	}
	to := got.header.Get("Location")
	if to != "" && !strings.HasPrefix(to, callback+"?") {
		t.Errorf("the browser is sent to %q", to)
	}
	if q, err := url.Parse(to); err != nil || to != "" && q.Query().Get("iss") != w.issuer {
		t.Errorf("%q does not say who answers: %v", to, err)
	}
	kind := got.header.Get("Content-Type")
	switch {
	case strings.HasPrefix(kind, "text/html"):
		ourMarkup(t, own, string(got.body))
	case len(got.body) > 0 && (kind != "application/json" || strings.ContainsAny(string(got.body), "<>")):
		t.Errorf("an answer of type %q that a browser could take for a page: %s", kind, got.body)
	}
	return got, true
}

// ourMarkup wants a page without elements that the templates do not have, handlers of events, and scripts of others.
func ourMarkup(t *testing.T, own map[string]bool, page string) {
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.CommentNode || n.Type == html.ElementNode && !own[n.Data] {
			t.Errorf("the page has the foreign <%s>:\n%s", n.Data, page)
		}
		for _, a := range n.Attr {
			v := strings.ToLower(strings.TrimSpace(a.Val))
			link := a.Key == "href" || a.Key == "src" || a.Key == "action"
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || link && strings.HasPrefix(v, "javascript:") {
				t.Errorf("the page has the attribute %s=%q:\n%s", a.Key, a.Val, page)
			}
			if n.Data == "form" && a.Key == "action" && a.Val != callback && a.Val != "login" {
				t.Errorf("the form goes to %q", a.Val)
			}
			if n.Data == "script" && a.Key == "src" && !strings.HasPrefix(a.Val, "/static/") {
				t.Errorf("a script of %q", a.Val)
			}
		}
		if n.Data == "script" && n.FirstChild != nil && n.FirstChild.Data != "document.forms[0].submit()" {
			t.Errorf("the page has the script %q", n.FirstChild.Data)
		}
	}
}

// elements are those that the templates have.
func elements(f *testing.F) map[string]bool {
	files, err := filepath.Glob("templates/*.html")
	if err != nil || len(files) < 5 {
		f.Fatalf("found only the templates %v: %v", files, err)
	}
	own := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`<([a-z][a-z0-9]*)`).FindAllStringSubmatch(string(text), -1) {
			own[m[1]] = true
		}
	}
	return own
}

// FuzzAuthorize: whatever a link or a form asks for, by GET or POST.
func FuzzAuthorize(f *testing.F) {
	w, own := newWorld(f), elements(f)
	for _, change := range [][]string{
		{}, {"response_mode", "form_post", "state", `"><b onclick=x>`}, {"response_mode", "form_post", "scope", "<b>", "response_type", "<b>"},
		{"client_id", "<b>"}, {"redirect_uri", "javascript:alert(1)"}, {"redirect_uri", callback + "#<b>"}, {"prompt", "none"}, {"prompt", "<b>"},
		{"max_age", "-1"}, {"ui_locales", `ar de"><b>`}, {"login_hint", `"><b>@example.test`}, {"id_token_hint", "e30.e30."}, {"request", "e30"},
		{"request_uri", requestURN + "AAAA"}, {"request_uri", "https://evil.example"}, {"code_challenge", ""}, {"code_challenge_method", "plain"},
		{"response_type", "token"}, {"state", "\x00\xff"}, {"redirect_uri", "http://127.0.0.1:8080/cb"},
	} {
		f.Add(request(change...).Encode(), false)
		f.Add(request(change...).Encode(), true)
	}
	f.Add(request().Encode()+"&state=x&response_mode=form_post&state=<b>", false)
	f.Fuzz(func(t *testing.T, parameters string, post bool) {
		if post {
			w.foreign(t, own, http.MethodPost, w.issuer+"/authorize", parameters)
		} else {
			w.foreign(t, own, http.MethodGet, w.issuer+"/authorize?"+parameters, "")
		}
	})
}

// FuzzPushed: whatever is pushed is refused, or is taken at the authorization endpoint as well (RFC 9126 §2.1).
func FuzzPushed(f *testing.F) {
	w, own := newWorld(f), elements(f)
	for _, change := range [][]string{
		{}, {"state", `"><b onclick=x>`, "response_mode", "form_post"}, {"prompt", "none"}, {"max_age", "00"}, {"ui_locales", "<b>"},
		{"request_uri", requestURN}, {"redirect_uri", callback + "/"}, {"scope", strings.Repeat("openid ", 500)}, {"client_id", "4"}, {"nonce", "\xff"},
	} {
		f.Add(wanted(change...).Encode(), "")
		f.Add(wanted(change...).Encode(), basic(confidentialID, secret))
	}
	f.Add("client_id=1&client_secret=<b>&x=%zz", "Basic %%%")
	f.Fuzz(func(t *testing.T, form, authorization string) {
		got, sent := w.foreign(t, own, http.MethodPost, w.issuer+"/par", form, "Authorization", authorization)
		if !sent || got.status != http.StatusCreated {
			return
		}
		uri := regexp.MustCompile(`"request_uri":"([^"]+)"`).FindSubmatch(got.body)
		if uri == nil {
			t.Fatalf("no request_uri: %s", got.body)
		}
		pushed, err := url.ParseQuery(form)
		if err != nil || authorization != "" {
			return // who authenticates by the head need not say who it is in the form
		}
		q := url.Values{"client_id": {pushed.Get("client_id")}, "request_uri": {string(uri[1])}}
		if again, _ := w.foreign(t, own, http.MethodGet, w.issuer+"/authorize?"+q.Encode(), ""); again.status == http.StatusBadRequest {
			t.Errorf("%q was pushed, and brought back it is refused: %s", form, again.body)
		}
	})
}
