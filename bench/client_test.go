package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestClientAgainstNetHTTP holds the hand-written client to net/http's idea of HTTP/1.1, over one kept connection.
func TestClientAgainstNetHTTP(t *testing.T) {
	t.Parallel()
	conns := make(chan string, 8)
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conns <- r.RemoteAddr
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/chunked":
			w.Write(body)
			w.(http.Flusher).Flush()
			w.Write([]byte("|" + r.Header.Get("Content-Type") + "|" + r.URL.Query().Get("q")))
		case "/refused":
			http.Error(w, "no", http.StatusUnauthorized)
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/me":
			w.Write([]byte(r.Method + " " + r.Header.Get("Authorization")))
		}
	}))
	t.Cleanup(ts.Close)
	c, err := dial(ts.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	check := func(what string, wantStatus int, want string) func(int, []byte, error) {
		return func(status int, body []byte, err error) {
			t.Helper()
			if err != nil || status != wantStatus || string(body) != want {
				t.Errorf("%s: got %d %q %v, want %d %q", what, status, body, err, wantStatus, want)
			}
		}
	}
	check("chunked", 200, "hello|text/x|1")(c.post("/chunked?q=1", "text/x", []byte("hello")))
	check("refused", 401, "no\n")(c.post("/refused", "text/x", nil))
	check("no content", 204, "")(c.post("/none", "text/x", nil))
	check("get", 200, "GET Bearer abc")(c.get("/me", "abc"))
	first := <-conns
	for range 3 {
		if next := <-conns; next != first {
			t.Errorf("the connection was not kept: %s, then %s", first, next)
		}
	}
}

func TestClientRefusesBrokenAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"nothing":      "",
		"not HTTP":     "220 sink ESMTP\r\n",
		"no status":    "HTTP/1.1 abc Hm\r\n\r\n",
		"bad length":   "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
		"cut body":     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
		"closing time": "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
	} {
		c, err := dial(serveBytes(t, answer))
		if err != nil {
			t.Fatal(err)
		}
		if status, body, err := c.post("/", jsonType, nil); err == nil {
			t.Errorf("%s: taken for %d %q", name, status, body)
		}
		c.Close()
	}
}

// TestAFailedLoginIsNeverCounted: the first failure stops every worker and is what the run says.
func TestAFailedLoginIsNeverCounted(t *testing.T) {
	t.Parallel()
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "out of order", http.StatusServiceUnavailable)
	}))
	t.Cleanup(ts.Close)
	s := &server{host: ts.Listener.Addr().String(), project: "p"}
	crew, err := hire(options{Workers: 2, Protocol: "jwt"}, s, serveSink(t), "new")
	if err != nil {
		t.Fatal(err)
	}
	defer dismiss(crew)
	ctx, cancel := context.WithCancelCause(t.Context())
	err = each(crew, func(w *worker) error { return w.until(ctx, cancel, time.Now().Add(time.Minute)) })
	if err == nil || !strings.Contains(err.Error(), "start: status 503: out of order") {
		t.Errorf("got %v", err)
	}
	if len(crew[0].samples)+len(crew[1].samples) != 0 {
		t.Error("a failed login was counted")
	}
}

func TestWhereALoginMustEnd(t *testing.T) {
	t.Parallel()
	w := &worker{load: load{callback: callbackURL}}
	for end, good := range map[string]bool{
		callbackURL + "?token=a.b.c&remember_me=false": true,
		callbackURL + "?token=a.b&remember_me=false":   false,
		callbackURL + "?remember_me=false&token=a.b.c": false,
		callbackURL: false,
		"https://elsewhere.example.com/callback?token=a.b.c": false,
	} {
		var x sample
		if err := w.finish(end, &x); (err == nil) != good {
			t.Errorf("%s: %v", end, err)
		}
	}
	if w.token != "a.b.c" {
		t.Errorf("token %q", w.token)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for args, good := range map[string]bool{
		"":                              true,
		"-alg EdDSA -protocol oauth2":   true,
		"-users new -workers 1":         true,
		"-rate 100 -tls":                true,
		"-rate -1":                      false,
		"-users some":                   false,
		"-alg none":                     false,
		"-protocol saml":                false,
		"-workers 0":                    false,
		"-for 0s":                       false,
		"-pool 3":                       false,
		"surplus":                       false,
		"-polls 18000":                  true,
		"-polls 6 -servers 6":           true,
		"-polls 5 -servers 6":           false,
		"-polls -1":                     false,
		"-servers 0":                    false,
		"-polls 10 -for 900ms":          false,
		"-polls 10 -files -1":           false,
		"-polls 10 -profile":            true,
		"-polls 10 -servers 2 -profile": false,
	} {
		if _, err := parse(strings.Fields(args)); (err == nil) != good {
			t.Errorf("bench %s: %v", args, err)
		}
	}
}
