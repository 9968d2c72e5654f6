package browsertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// A form is one that a page holds, as a browser would send it after a press of one of its buttons.
type form struct {
	Action   string      `json:"action"`
	Fields   [][2]string `json:"fields"`
	approves bool
}

// An attacker is a web site elsewhere that knows the links, as a mail scanner's own pages do, and submits every form it
// found behind them, by script.
type attacker struct {
	*httptest.Server
	forms []form
	calls []call
}

// A call is GET /otc/push for a link. A project whose settings let pages of this machine call is not safe from a script that
// calls, which is what the call is for; it is from everything else.
type call struct {
	URL     string `json:"url"`
	Allowed bool   `json:"allowed"`
}

// serveAttacker reads the pages behind the marks, as a scanner's back end does.
func serveAttacker(t *testing.T, all []mark) *attacker {
	t.Helper()
	a := &attacker{}
	for _, m := range all {
		found := formsOf(t, m.mail.Link)
		if len(found) < 2 {
			t.Fatalf("%d forms found behind the link to %s: there is nothing to submit", len(found), m.address)
		}
		for _, f := range found {
			f.approves = m.number == "" && !slices.Contains(f.Fields, [2]string{"action", "deny"}) || slices.Contains(f.Fields, [2]string{"number", m.number})
			a.forms = append(a.forms, f)
		}
		for _, action := range []string{"approve", "deny"} {
			token := m.mail.Link[strings.LastIndexByte(m.mail.Link, '/')+1:]
			query := url.Values{"projectId": {m.project}, "state": {token}, "action": {action}, "link_url": {m.s.url + "/demo/callback"}}
			a.calls = append(a.calls, call{m.s.url + "/api/otc/push?" + query.Encode(), m.project == demoProject})
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		raw, err := json.Marshal(map[string]any{"forms": a.forms, "calls": a.calls})
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "<!doctype html><title>elsewhere</title><body><script>const { forms, calls } = %s</script><script src=/attack.js></script>", raw)
	})
	mux.HandleFunc("GET /attack.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "testdata/attack.js") })
	// A form that is first sent here and then on: the method and the body stay (307), and so must what is known of its origin.
	mux.HandleFunc("POST /onward", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusTemporaryRedirect)
	})
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	return a
}

// origins are the attacker's two faces: another port of the server's host, which is the same site, and another name,
// which is not.
func (a *attacker) origins() []string {
	return []string{a.URL, strings.Replace(a.URL, "127.0.0.1", "localhost", 1)}
}

// TestFormsSubmittedFromElsewhereLetNobodyIn: every form behind every link is submitted from other origins, in every way
// that a script has. And, to know that the test would notice: the same form, pressed where it belongs, lets somebody in.
func TestFormsSubmittedFromElsewhereLetNobodyIn(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	all := slices.Delete(marks(s), 1, 2) // a phone's link is a mail's
	a := serveAttacker(t, all)
	for _, origin := range a.origins() {
		b := newTab(t, "en")
		b.open(origin + "/")
		sent := eval[int](b, `behindTheBack()`)
		if least := 8 * len(a.forms); sent < least {
			t.Errorf("%s sent %d requests, want at least %d: this tests less than it says", origin, sent, least)
		}
		approving := 0
		for i, f := range a.forms {
			if !f.approves {
				continue // went behind the back
			}
			approving++
			for _, way := range []string{"sandbox", "popup", "top", "onward", "without a referrer"} {
				b.submit(a, origin, i, way)
			}
		}
		if approving != len(all) {
			t.Errorf("%d forms approve %d logins: this tests less than it says", approving, len(all))
		}
		for _, call := range a.calls {
			b.open(origin + "/")
			eval[bool](b, fmt.Sprintf("leave(%q)", call.URL))
			b.until("the answer to a call as a navigation", fmt.Sprintf("location.origin === %q && document.readyState === 'complete'", s.url))
		}
	}
	for _, m := range all[1:] {
		m.isIntact(m.waiting)
	}
	owner := newTab(t, "en")
	owner.open(all[0].mail.Link)
	owner.turn("the answer to the press", func() { owner.press(approve) })
	all[0].isApprovedOnce(all[0].waiting)
}

// submit sends one form from the attacker's page, and holds that the answer, where it is seen, is a refusal.
func (b *tab) submit(a *attacker, origin string, i int, way string) {
	b.t.Helper()
	if !eval[bool](b, fmt.Sprintf("location.origin === %q", origin)) {
		b.open(origin + "/")
	}
	eval[bool](b, fmt.Sprintf("openly(%d, %q)", i, way))
	if way == "popup" || way == "sandbox" {
		return
	}
	server, _, _ := strings.Cut(a.forms[i].Action, "/l/")
	b.until("the answer to a form from "+origin, fmt.Sprintf("location.origin === %q && document.readyState === 'complete'", server))
	if status := eval[int](b, `performance.getEntriesByType("navigation")[0].responseStatus`); status != http.StatusForbidden {
		b.t.Errorf("a form submitted from %s (%s) is answered with %d, want 403\n%s", origin, way, status, b.state())
	}
}

// formsOf gives every form of the page behind a link, once for each of its buttons.
func formsOf(t *testing.T, link string) []form {
	t.Helper()
	res, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	doc, err := html.Parse(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out []form
	for n := range doc.Descendants() {
		if n.Data != "form" || n.Type != html.ElementNode {
			continue
		}
		action, err := url.Parse(attribute(n, "action"))
		if err != nil {
			t.Fatal(err)
		}
		target := res.Request.URL.ResolveReference(action).String()
		var fields, buttons [][2]string
		for e := range n.Descendants() {
			switch field := [2]string{attribute(e, "name"), attribute(e, "value")}; {
			case e.Data == "button" || e.Data == "input" && attribute(e, "type") == "submit":
				buttons = append(buttons, field)
			case e.Data == "input" && field[0] != "":
				fields = append(fields, field)
			}
		}
		for _, button := range buttons {
			pressed := append([][2]string{}, fields...)
			if button[0] != "" {
				pressed = append(pressed, button)
			}
			out = append(out, form{Action: target, Fields: pressed})
		}
	}
	return out
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
