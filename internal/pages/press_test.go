package pages_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

func byNumber(p *latchkey.Project) { p.Approval = latchkey.ByNumber }

// match is what number matching shows for the login of a link.
func (f *fixture) match(t *testing.T, id latchkey.ChallengeID) (right int, others []int) {
	t.Helper()
	m, ok := f.service.Secrets.Match(id, project, latchkey.CanonicalAddress(latchkey.Email, "player@example.test"))
	if !ok {
		t.Fatal("no match number")
	}
	for _, n := range m.Choices {
		if n != m.Number {
			others = append(others, n)
		}
	}
	return m.Number, others
}

// TestScannerGETChangesNothing: ASVS 7.6.2. Mail scanners fetch links, with any method and headers; nothing may follow.
func TestScannerGETChangesNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*latchkey.Project){"button": func(*latchkey.Project) {}, "number": byNumber} {
		f := newFixture(t, change)
		id, path := f.start(t, "app://game")
		right, _ := f.match(t, id)
		for _, query := range []string{"", "?action=approve", "?action=deny", fmt.Sprintf("?number=%d", right)} {
			for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "PROPFIND"} {
				for _, headers := range [][]string{
					{"Sec-Fetch-Site", "same-origin", "Origin", own}, {"Purpose", "prefetch"}, {"Sec-Purpose", "prefetch;prerender"},
					{"X-Moz", "prefetch"}, {"X-HTTP-Method-Override", "POST", "Sec-Fetch-Site", "same-origin"},
				} {
					f.do(method, path+query, headers...)
					if got := f.state(t, id); got != latchkey.Waiting {
						t.Fatalf("%s: %s %s with %v made the challenge %s", name, method, query, headers, got)
					}
				}
			}
		}
		if got := f.do("HEAD", path); got.Code != 200 {
			t.Errorf("%s: HEAD gives %d, want 200", name, got.Code)
		}
	}
}

// TestASVS_7_6_2_LinkNeedsAnExplicitAct: a script that sends the form presses no button.
func TestASVS_7_6_2_LinkNeedsAnExplicitAct(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*latchkey.Project){"button": func(*latchkey.Project) {}, "number": byNumber} {
		f := newFixture(t, change)
		id, path := f.start(t, "app://game")
		for _, form := range []string{"", "action=", "action=ok", "number=", "x=1", "%zz", "action=approve&x=" + strings.Repeat("x", 1<<10)} {
			w := f.press(path, form)
			if w.Code != 422 || !strings.Contains(w.Body.String(), `role="alert"`) || !strings.Contains(w.Body.String(), "<form") {
				t.Errorf("%s: %.30q gives %d, want 422 with the page and what to do", name, form, w.Code)
			}
			if got := f.state(t, id); got != latchkey.Waiting {
				t.Fatalf("%s: %.30q made the challenge %s", name, form, got)
			}
		}
		f.press(path+"?action=approve", "")
		if got := f.state(t, id); got != latchkey.Waiting {
			t.Errorf("%s: an action in the query made the challenge %s", name, got)
		}
	}
}

func TestOnlyTheOwnPageCanPress(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		headers []string
		want    int
	}{
		"the page itself":              {[]string{"Sec-Fetch-Site", "same-origin"}, 303},
		"the page, no-referrer":        {[]string{"Sec-Fetch-Site", "same-origin", "Origin", "null"}, 303},
		"an old browser":               {[]string{"Origin", own}, 303},
		"another site":                 {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		"another site, our Origin":     {[]string{"Sec-Fetch-Site", "cross-site", "Origin", own}, 403},
		"a sibling domain":             {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"typed into the address bar":   {[]string{"Sec-Fetch-Site", "none"}, 403},
		"an old browser, another site": {[]string{"Origin", "https://evil.example"}, 403},
		"an old browser, hidden":       {[]string{"Origin", "null"}, 403},
		"a bare request":               {[]string{"Accept", "*/*"}, 403},
	} {
		for action, after := range map[string]latchkey.State{"approve": latchkey.Approved, "deny": latchkey.Denied} {
			t.Run(name+", "+action, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				id, path := f.start(t, "app://game")
				w := f.press(path, "action="+action, tt.headers...)
				if w.Code != tt.want {
					t.Errorf("status %d, want %d", w.Code, tt.want)
				}
				want := latchkey.Waiting
				if tt.want == 303 {
					want = after
				}
				if got := f.state(t, id); got != want {
					t.Errorf("the challenge is %s, want %s", got, want)
				}
				if tt.want == 403 && !strings.Contains(w.Body.String(), "nothing was done") {
					t.Errorf("the page does not say that nothing was done:\n%s", w.Body)
				}
			})
		}
	}
}

// TestRFC9700_303AfterPost: what follows a press is a GET, so that to reload or to go back presses nothing again.
func TestRFC9700_303AfterPost(t *testing.T) {
	t.Parallel()
	const game = "https://game.example.com/in"
	for name, tt := range map[string]struct {
		linkURL, form string
		to            string // empty: the link itself
		says          string // on that page
	}{
		"approve, with a page to go to": {game, "action=approve", game, ""},
		"approve, with an app to go to": {"app://game", "action=approve", "app://game", ""},
		"approve, nowhere to go":        {"", "action=approve", "", "You are in"},
		"deny":                          {game, "action=deny", "", "Nobody got in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			_, path := f.linkFirst(t)
			if tt.linkURL != "" {
				_, path = f.start(t, tt.linkURL)
			}
			want := tt.to
			if want == "" {
				want = path
			}
			for i := range 3 { // a double press, or back and again, is no mistake
				w := f.press(path, tt.form)
				if w.Code != http.StatusSeeOther || w.Header().Get("Location") != want {
					t.Errorf("press %d: %d to %q, want a 303 to %q", i+1, w.Code, w.Header().Get("Location"), want)
				}
			}
			if w := f.do("GET", path); w.Code != 200 || strings.Contains(w.Body.String(), "<form") || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("the page afterwards: %d, want %q and no buttons\n%s", w.Code, tt.says, w.Body)
			}
		})
	}
}

// TestPressesAfterTheFirst: whoever says no is right for good, and a yes can still be taken back until it is used.
func TestPressesAfterTheFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id, path := f.start(t, "https://game.example.com/in")
	f.press(path, "action=approve")
	if w := f.press(path, "action=deny"); w.Code != 303 || w.Header().Get("Location") != path || f.state(t, id) != latchkey.Denied {
		t.Errorf("deny after approve: %d to %q, the challenge is %s", w.Code, w.Header().Get("Location"), f.state(t, id))
	}
	if w := f.press(path, "action=approve"); w.Code != 200 || f.state(t, id) != latchkey.Denied || !strings.Contains(w.Body.String(), "Nobody got in") {
		t.Errorf("approve after deny: %d, the challenge is %s\n%s", w.Code, f.state(t, id), w.Body)
	}
}

// spend completes the login of a link, as the device that waited does.
func (f *fixture) spend(t *testing.T, id latchkey.ChallengeID) {
	t.Helper()
	to := latchkey.CanonicalAddress(latchkey.Email, "player@example.test")
	code, _ := f.service.Secrets.Code(id, project, to, 6)
	out, err := f.store.CompleteChallenge(t.Context(), latchkey.Attempt{
		ID: id, Project: project, Protocol: latchkey.JWT, To: to, Given: code, Right: code, NewUser: latchkey.UserID{UUID: latchkey.UUID{7}},
	}, f.now)
	if err != nil || out.Verdict != nil {
		t.Fatal(err, out.Verdict)
	}
}

func TestUsedLink(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id, path := f.start(t, "https://game.example.com/in")
	f.press(path, "action=approve")
	f.spend(t, id)
	for name, w := range map[string]func() (int, string){
		"opened": func() (int, string) { w := f.do("GET", path); return w.Code, w.Body.String() },
		"denied": func() (int, string) { w := f.press(path, "action=deny"); return w.Code, w.Body.String() },
	} {
		if code, body := w(); code != 410 || !strings.Contains(body, "This link has been used") || strings.Contains(body, "<form") {
			t.Errorf("%s: %d, want 410 and kind words without buttons\n%s", name, code, body)
		}
	}
	// The second of two quick presses comes after the device that waited is in.
	if w := f.press(path, "action=approve"); w.Code != 303 || w.Header().Get("Location") != "https://game.example.com/in" {
		t.Errorf("a double press: %d to %q, want where the first press leads", w.Code, w.Header().Get("Location"))
	}
	f.now = f.now.Add(time.Hour)
	if w := f.press(path, "action=approve"); w.Code != 410 {
		t.Errorf("a press an hour later: %d, want 410", w.Code)
	}
	if got := f.state(t, id); got != latchkey.Spent {
		t.Errorf("the challenge became %s", got)
	}
}

func TestDeadLinks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id, path := f.start(t, "app://game")
	for _, unknown := range []string{"/l/x", path + "x", "/l/%00", "/l/" + strings.Repeat("a", 5000)} {
		for _, form := range []string{"", "action=approve", "action=deny", "number=42"} {
			if w := f.press(unknown, form); w.Code != 404 {
				t.Errorf("POST %q of an unknown link: %d, want 404", form, w.Code)
			}
		}
		if w := f.do("GET", unknown); w.Code != 404 || !strings.Contains(w.Body.String(), "There is nothing here") {
			t.Errorf("GET of an unknown link: %d, want 404 with a page", w.Code)
		}
	}
	f.now = noon.Add(180 * time.Second) // at this instant it is dead
	for _, form := range []string{"action=approve", "action=deny"} {
		if w := f.press(path, form); w.Code != 410 || strings.Contains(w.Body.String(), "<form") {
			t.Errorf("%s of an expired link: %d, want 410 without buttons", form, w.Code)
		}
	}
	if w := f.do("GET", path); w.Code != 410 || !strings.Contains(w.Body.String(), "This link has run out") {
		t.Errorf("an expired link: %d\n%s", w.Code, w.Body)
	}
	if got := f.state(t, id); got != latchkey.Waiting {
		t.Errorf("an expired challenge became %s", got)
	}
}

// TestNIST_3_1_3_NumberMatching: the right one of three numbers approves, a wrong one denies, and none does nothing.
func TestNIST_3_1_3_NumberMatching(t *testing.T) {
	t.Parallel()
	const game = "https://game.example.com/in"
	for name, tt := range map[string]struct {
		pick  func(right int, others []int) string
		code  int
		to    string
		state latchkey.State
		says  string // on the page of the link afterwards
	}{
		"the right number":         {func(n int, _ []int) string { return fmt.Sprintf("number=%d", n) }, 303, game, latchkey.Approved, "You are in"},
		"a wrong number":           {func(_ int, o []int) string { return fmt.Sprintf("number=%d", o[0]) }, 303, "?number", latchkey.Denied, "Nobody got in"},
		"the other wrong number":   {func(_ int, o []int) string { return fmt.Sprintf("number=%d", o[1]) }, 303, "?number", latchkey.Denied, "Nobody got in"},
		"a number that is not one": {func(n int, _ []int) string { return fmt.Sprintf("number=0x%x", n) }, 422, "", latchkey.Waiting, "<form"},
		"a number not shown":       {func(int, []int) string { return "number=100" }, 422, "", latchkey.Waiting, "<form"},
		"a negative number":        {func(int, []int) string { return "number=-1" }, 422, "", latchkey.Waiting, "<form"},
		"approve without a number": {func(int, []int) string { return "action=approve" }, 422, "", latchkey.Waiting, "<form"},
		"deny":                     {func(int, []int) string { return "action=deny" }, 303, "", latchkey.Denied, "Nobody got in"},
		"deny beats a number":      {func(n int, _ []int) string { return fmt.Sprintf("action=deny&number=%d", n) }, 303, "", latchkey.Denied, "Nobody got in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, byNumber)
			id, path := f.start(t, game)
			right, others := f.match(t, id)
			to := tt.to
			if tt.code == 303 && to != game {
				to = path + tt.to
			}
			w := f.press(path, tt.pick(right, others))
			if w.Code != tt.code || w.Header().Get("Location") != to {
				t.Errorf("%d to %q, want %d to %q", w.Code, w.Header().Get("Location"), tt.code, to)
			}
			if got := f.state(t, id); got != tt.state {
				t.Errorf("the challenge is %s, want %s", got, tt.state)
			}
			if body := f.do("GET", path).Body.String(); !strings.Contains(body, tt.says) {
				t.Errorf("the page afterwards lacks %q:\n%s", tt.says, body)
			}
			if tt.to == "?number" {
				if body := f.do("GET", to).Body.String(); !strings.Contains(body, "That was another number") {
					t.Errorf("the page does not say why:\n%s", body)
				}
				if w := f.press(path, fmt.Sprintf("number=%d", right)); w.Code != 200 || f.state(t, id) != latchkey.Denied {
					t.Errorf("back, and the right number: %d, the challenge is %s", w.Code, f.state(t, id))
				}
			}
		})
	}
}

func TestNumberPageShowsThreeAndGivesNoneAway(t *testing.T) {
	t.Parallel()
	f := newFixture(t, byNumber)
	id, path := f.start(t, "app://game")
	right, others := f.match(t, id)
	body := f.do("GET", path).Body.String()
	for _, n := range append(others, right) {
		if button := fmt.Sprintf(`<button type="submit" name="number" value="%d">%d</button>`, n, n); strings.Count(body, button) != 1 || strings.Count(body, fmt.Sprintf(">%d<", n)) != 1 {
			t.Errorf("the page has not one plain button for %d:\n%s", n, body)
		}
	}
	for want, n := range map[string]int{"<button": 4, "<fieldset": 1, "<legend>": 1, `value="approve"`: 0, `value="deny"`: 1} {
		if got := strings.Count(body, want); got != n {
			t.Errorf("the page has %d of %s, want %d", got, want, n)
		}
	}
	if again := f.do("GET", path).Body.String(); again != body {
		t.Error("the page changes when it is opened again")
	}
}
