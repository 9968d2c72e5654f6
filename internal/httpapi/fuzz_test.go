package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// foreign sends what a fuzzer made up and holds the answer to what every one promises: the wire looks at the envelope and the
// reference, and here no fault is the server's, a refusal leaves nothing behind, and no markup comes back.
func (w *world) foreign(t *testing.T, path, query, kind, raw string, header ...string) {
	w.t, w.http.Transport.(*wire).t = t, t
	if strings.ContainsFunc(query, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return // a request line that net/http takes apart or refuses
	}
	target := url.URL{Scheme: "http", Host: "127.0.0.1", Path: path, RawQuery: query}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target.String(), strings.NewReader(raw))
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", kind)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	stored := w.store.stored.Load()
	got := w.do(r)
	switch {
	case got.status >= 500:
		t.Errorf("%d %s", got.status, got.body)
	case got.status >= 400 && (w.store.stored.Load() != stored || len(w.outbox) > 0):
		t.Errorf("refused with %d, yet something was stored or sent: %s", got.status, got.body)
	}
	if strings.ContainsAny(string(got.body), "<>") || got.header.Get("Content-Type") != "application/json" ||
		got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("an answer that a browser could take for a page: %v %s", got.header, got.body)
	}
	for len(w.outbox) > 0 {
		<-w.outbox
	}
}

// FuzzStart: whatever is asked for by whatever body, a login starts or an envelope says why not.
func FuzzStart(f *testing.F) {
	w := newWorld(f)
	for i, a := range ways {
		f.Add(uint8(i), a.query(w).Encode(), `{"`+a.member+`":"`+a.address+`","send_link":true,"link_url":"`+linkURL+`"}`)
		f.Add(uint8(i), a.query(w).Encode()+"&locale=<b>&login_url=javascript:alert(1)&scope=%3Cscript%3E", `{"`+a.member+`":"<b>@example.test"}`)
		f.Add(uint8(i), a.query(w).Encode()+"&state=a&payload=%00&projectId=%ff", `{"`+a.member+`":7,"operation_id":["<b>"],"send_link":null}`)
	}
	f.Add(uint8(0), "projectId=%zz;client_id=1", "{\"EMAIL\":\"a@b.example\",\"email\":\"\\ud800\"}{}")
	f.Fuzz(func(t *testing.T, way uint8, query, raw string) {
		w.foreign(t, ways[int(way)%len(ways)].path+"/request", query, "application/json", raw)
	})
}

// FuzzConfirm: whatever is answered, nobody is signed in by it and an envelope says why.
func FuzzConfirm(f *testing.F) {
	w := newWorld(f)
	operation, code := w.start(jwtEmail)
	for i, a := range ways {
		q := a.query(w).Encode()
		f.Add(uint8(i), q, `{"`+a.member+`":"`+a.address+`","code":"`+wrong(code)+`","operation_id":"`+operation+`"}`)
		f.Add(uint8(i), q, `{"`+a.member+`":"`+a.address+`","code":"<b>","operation_id":"`+strings.Repeat("A", 32)+`"}`)
		f.Add(uint8(i), q+"&projectId=<b>&client_id=-1", `{"code":"\u0661\u0662\u0663\u0664\u0665\u0666","operation_id":"\u0000"}`)
	}
	f.Fuzz(func(t *testing.T, way uint8, query, raw string) {
		w.foreign(t, ways[int(way)%len(ways)].path+"/confirm", query, "application/json", raw)
	})
}

// FuzzToken: whatever a client posts, in the form or in the head, tokens are not to be had for it.
func FuzzToken(f *testing.F) {
	w := newWorld(f)
	for _, form := range []url.Values{
		redeem(strings.Repeat("A", 64)), refresh(strings.Repeat("A", 64)), {"grant_type": {"client_credentials"}}, {"grant_type": {"password"}},
		{"grant_type": {"<script>"}, "client_id": {"<b>"}, "scope": {"<i>"}}, {"grant_type": {"refresh_token"}, "client_id": {"1", "1"}},
	} {
		f.Add(form.Encode(), "")
		f.Add(form.Encode(), basic(confidentialID, "wrong"))
	}
	f.Add("grant_type=client_credentials&client_assertion=e30.e30.&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer", "")
	f.Add("%zz&client_id=1;2", "Basic %%%")
	f.Fuzz(func(t *testing.T, form, authorization string) {
		w.foreign(t, "/api/oauth2/token", "", "application/x-www-form-urlencoded", form, "Authorization", authorization)
	})
}
