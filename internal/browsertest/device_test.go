package browsertest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// A device is one that started a login by the published calls and waits for it, without a browser: a console, say.
type device struct {
	s         *server
	project   string
	address   string
	operation string
	number    string // match_number; empty where a button approves
	mail      message
}

// A message is one in the development inbox.
type message struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	HTML string `json:"html"`
	Code string `json:"code"`
	Link string `json:"link"`
}

// signIn starts a login with a link at a project and waits for its message. locale may be empty.
func (s *server) signIn(project, address, locale string) *device {
	s.t.Helper()
	d := &device{s: s, project: project, address: address}
	query := url.Values{"projectId": {project}}
	if locale != "" {
		query.Set("locale", locale)
	}
	path, member := "/login/email/request", "email"
	if address[0] == '+' {
		path, member = "/login/phone/request", "phone_number"
	}
	var got struct {
		Operation string `json:"operation_id"`
		Number    string `json:"match_number"`
	}
	body := map[string]any{member: address, "send_link": true, "link_url": s.url + "/demo/callback"}
	if status := s.call(http.MethodPost, path, query, body, &got); status != http.StatusOK {
		s.t.Fatalf("start call: status %d\n%s", status, s.log())
	}
	d.operation, d.number = got.Operation, got.Number
	d.mail = s.message(address)
	if d.mail.Link == "" {
		s.t.Fatalf("the message to %s has no link", address)
	}
	return d
}

// message waits for the newest message to an address.
func (s *server) message(address string) message {
	s.t.Helper()
	var out []message
	eventually(s.t, "a message to "+address, func() bool {
		res, err := http.Get(s.url + "/dev/inbox/messages?limit=1&to=" + url.QueryEscape(address))
		if err != nil {
			s.t.Fatal(err)
		}
		defer res.Body.Close()
		return json.NewDecoder(res.Body).Decode(&out) == nil && len(out) == 1
	})
	return out[0]
}

// call makes one of the published calls and reads a success into out.
func (s *server) call(method, path string, query url.Values, body, out any) int {
	s.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/api"+path+"?"+query.Encode(), bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "UnityPlayer/6000.0.23f1 (UnityWebRequest/1.0, libcurl/8.5.0-DEV)")
	client := http.DefaultClient
	if s.client != nil {
		client = s.client
	}
	res, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK && out != nil {
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			s.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return res.StatusCode
}

// confirm completes the login with the message's code, and gives the status.
func (d *device) confirm() int {
	d.s.t.Helper()
	path, member := "/login/email/confirm", "email"
	if d.address[0] == '+' {
		path, member = "/login/phone/confirm", "phone_number"
	}
	body := map[string]string{member: d.address, "code": d.mail.Code, "operation_id": d.operation}
	return d.s.call(http.MethodPost, path, url.Values{"projectId": {d.project}}, body, nil)
}

// poll asks for the approved code once, held for as long as ctx and the server allow. Without an approval it gives "".
func (d *device) poll(ctx context.Context) string {
	query := url.Values{"projectId": {d.project}, "login": {d.address}, "operation_id": {d.operation}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.s.url+"/api/otc/code?"+query.Encode(), nil)
	if err != nil {
		return ""
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "" // ctx ended
	}
	defer res.Body.Close()
	var got struct {
		Code string `json:"code"`
	}
	raw, _ := io.ReadAll(res.Body)
	json.Unmarshal(raw, &got)
	return got.Code
}

// wait polls again and again until the test ends or the code comes, as clients do. The channel gets what came.
func (d *device) wait() <-chan string {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	d.s.t.Cleanup(func() { cancel(); <-done })
	got := make(chan string, 1)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if code := d.poll(ctx); code != "" {
				got <- code
				return
			}
		}
	}()
	return got
}

// getsIn fails the test unless the waiting device gets its code by itself, and the code works.
func (d *device) getsIn(waiting <-chan string) {
	d.s.t.Helper()
	select {
	case code := <-waiting:
		if code != d.mail.Code {
			d.s.t.Fatalf("the waiting device got the code %s, the message has %s", code, d.mail.Code)
		}
	case <-time.After(wakes):
		d.s.t.Fatalf("the link was approved, and the device still waits %v later\n%s", wakes, d.s.log())
	}
	if status := d.confirm(); status != http.StatusOK {
		d.s.t.Errorf("the code that the waiting device got is answered with %d", status)
	}
}

// isIntact fails the test if anything approved or denied the login, or told the waiting device of it. It ends with the
// proof that the code still works, and so ends the login.
func (d *device) isIntact(waiting <-chan string) {
	d.s.t.Helper()
	for _, e := range d.s.events(d.operation) {
		if e.Kind == "challenge.approved" || e.Kind == "challenge.denied" {
			d.s.t.Errorf("%s: %s (%s) by %q", d.address, e.Kind, e.Detail, e.Agent)
		}
	}
	select {
	case <-waiting:
		d.s.t.Errorf("%s: the waiting device got the code", d.address)
	default:
	}
	if status := d.confirm(); status != http.StatusOK {
		d.s.t.Errorf("%s: the code is answered with %d afterwards, want 200", d.address, status)
	}
}

// eventually waits for a condition that comes by itself, in moments.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	eventuallyWithin(t, patience, what, ok)
}

func eventuallyWithin(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(limit); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v for %s", limit, what)
		}
	}
}
