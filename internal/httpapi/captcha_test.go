package httpapi_test

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// TestCaptchaHeaderIsOfThatRefusalAlone: SDKs show a CAPTCHA when they read it.
func TestCaptchaHeaderIsOfThatRefusalAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limited(t, "start-client=1/1h"))
	r := w.startFrom(jwtEmail, jwtEmail.address, "192.0.2.1")
	r.ok(&struct{}{})
	if got, there := r.header["X-Captcha-Enabled"]; there {
		t.Errorf("a start that passes has x-captcha-enabled %q", got)
	}
	r = w.startFrom(jwtEmail, jwtEmail.address, "192.0.2.1")
	r.fails(429, "002-057")
	if got, there := r.header["X-Captcha-Enabled"]; there {
		t.Errorf("a refusal that no CAPTCHA helps with has x-captcha-enabled %q", got)
	}
}

// TestCaptchaOfEveryStart: each of the four start calls asks for a CAPTCHA where its project does, stores and sends nothing
// without one, and takes one in the body and in the header; where the project never asks, none is judged.
func TestCaptchaOfEveryStart(t *testing.T) {
	t.Parallel()
	for _, a := range []way{jwtEmail, jwtPhone, oauthEmail, oauthPhone} {
		w := newWorld(t)
		start := func(solution string, header ...string) reply {
			b := body{a.member: a.address}
			if solution != "" {
				b["altcha"] = solution
			}
			return w.post(a.path+"/request", a.query(w), b, header...)
		}
		w.change(func(p *latchkey.Project) { p.Defence.Captcha = latchkey.CaptchaAlways })
		start("").fails(429, "003-038")
		start("made up").fails(429, "003-038")
		start("", "X-Captcha-Output", "made up").fails(429, "003-038")
		if len(w.outbox) > 0 {
			t.Errorf("%s: without a CAPTCHA something is sent", a.path)
		}
		start(w.solution(w.project)).ok(&struct{}{})
		start("", "X-Captcha-Output", w.solution(w.project)).ok(&struct{}{})
		start("made up", "X-Captcha-Output", w.solution(w.project)).fails(429, "003-038") // the body's counts
		w.change(func(p *latchkey.Project) { p.Defence.Captcha = latchkey.CaptchaNever })
		start("made up").ok(&struct{}{})
		w.change(func(p *latchkey.Project) { p.Defence.Captcha = latchkey.CaptchaSuspicious })
		start("").ok(&struct{}{})
		start("made up").fails(429, "003-038") // whoever sends one has it judged
	}
}

// TestWhereAPuzzleComesFrom: by project or by client; none for what is not there, and none where the server has no CAPTCHA.
func TestWhereAPuzzleComesFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got map[string]any
	for _, q := range []url.Values{{"projectId": {w.project.String()}}, {"client_id": {publicID}}} {
		r := w.get("/api/captcha", q)
		r.ok(&got)
		for _, name := range []string{"algorithm", "challenge", "salt", "signature", "maxnumber"} { // what the widget reads
			if got[name] == nil {
				t.Errorf("%v: the puzzle has no %s: %v", q, name, got)
			}
		}
		if got["provider"] != "altcha" || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v: %v, Cache-Control %q", q, got, r.header.Get("Cache-Control"))
		}
	}
	w.get("/api/captcha", url.Values{"projectId": {"00000000-0000-4000-8000-0000000000ff"}}).fails(404, "003-019")
	w.get("/api/captcha", url.Values{"client_id": {"99"}}).fails(400, "010-019")
	w.get("/api/captcha", nil).fails(422, "002-028")
	w.server.Captcha = nil
	w.change(func(p *latchkey.Project) { p.Defence.Captcha = latchkey.CaptchaAlways })
	r := w.get("/api/captcha", url.Values{"projectId": {w.project.String()}})
	var refused struct{ Error struct{ Code string } }
	if err := json.Unmarshal(r.body, &refused); err != nil || r.status < 400 {
		t.Errorf("a server without CAPTCHAs: %d %s", r.status, r.body)
	}
	w.startFrom(jwtEmail, jwtEmail.address, "").ok(&struct{}{})
}
