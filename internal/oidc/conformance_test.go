package oidc_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/latchkey-dev/latchkey"
)

// The modules of the OpenID Foundation's conformance suite for the profiles Basic OP, Config OP, Form Post OP and
// RP-Initiated Logout OP, under their names. The suite itself is a service with a browser and a person before it; here each
// module is a program over the server's handlers. What a module finds wrong it collects, so that its twins can show that it
// would: each twin is a server that gives one wrong answer, and the module must say so.

// A module is what the suite's module of that name checks.
type module struct {
	name  string
	run   func(*visit)
	twins []twin
}

// A twin is the server with something broken. says is of what the module must then complain.
type twin struct {
	broken string
	says   string
	spoil  spoiler
}

// A spoiler changes requests before they reach the server, and answers before they reach the module.
type spoiler struct {
	request func(*http.Request)
	answer  func(*http.Request, *spoiled)
}

// spoiled is an answer that a spoiler may change.
type spoiled struct {
	status int
	header http.Header
	body   []byte
}

// A visit is one run of one module: a client of the suite's, and a person with a browser of their own.
type visit struct {
	w       *world
	http    *http.Client
	spoil   spoiler
	mode    string // response_mode; empty: the default
	id      int    // of the client
	post    bool   // client_secret_post instead of client_secret_basic
	address string
	passive bool // the person presses no button of a page that asks
	reverse bool // the parameters of a request come in the opposite order
	jar     map[string]string
	faults  []string
}

// stopped is thrown where going on makes no sense.
type stopped struct{}

func (v *visit) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

func (v *visit) stop(format string, args ...any) {
	v.fault(format, args...)
	panic(stopped{})
}

// conform runs every module of a plan, and its twins. The modules of a plan share a world, one after the other.
func conform(t *testing.T, mode string, modules []module) {
	t.Helper()
	w := newWorld(t, latchkey.RS256)
	names := map[string]bool{}
	for i, m := range modules {
		if names[m.name] || m.run == nil || len(m.twins) == 0 {
			t.Fatalf("%s stands twice, checks nothing or has no negative twin", m.name)
		}
		names[m.name] = true
		t.Run(m.name, func(t *testing.T) {
			for _, fault := range w.visit(mode, spoiler{}, fmt.Sprintf("m%d@example.test", i), m.run) {
				t.Error(fault)
			}
			for j, twin := range m.twins {
				faults := w.visit(mode, twin.spoil, fmt.Sprintf("m%d-%d@example.test", i, j), m.run)
				if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, twin.says) }) {
					t.Errorf("negative twin: %s is not noticed: want a complaint of %q, got %q", twin.broken, twin.says, faults)
				}
			}
		})
	}
}

// visit runs a module against the server, spoiled or not, and gives what it found wrong.
func (w *world) visit(mode string, s spoiler, address string, run func(*visit)) (faults []string) {
	v := &visit{w: w, spoil: s, mode: mode, id: confidentialID, address: address, jar: map[string]string{}}
	v.http = &http.Client{
		Transport:     &proxy{w.http.Transport, s},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer func() {
		if p := recover(); p != nil && p != (stopped{}) {
			panic(p)
		}
		faults = v.faults
	}()
	run(v)
	return v.faults
}

// A proxy stands between a module and the server.
type proxy struct {
	to http.RoundTripper
	spoiler
}

// RoundTrip implements http.RoundTripper.
func (p *proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.request != nil {
		p.request(r)
	}
	res, err := p.to.RoundTrip(r)
	if err != nil || p.answer == nil {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	a := &spoiled{res.StatusCode, res.Header, body}
	p.answer(r, a)
	res.StatusCode, res.Header, res.Body = a.status, a.header, io.NopCloser(strings.NewReader(string(a.body)))
	return res, nil
}

// send makes one request.
func (v *visit) send(method, target string, f url.Values, header ...string) reply {
	var body io.Reader
	if f != nil {
		body = strings.NewReader(f.Encode())
	}
	r, err := http.NewRequestWithContext(v.w.t.Context(), method, target, body)
	if err != nil {
		v.stop("%s is not to be called: %v", target, err)
	}
	if f != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := v.http.Do(r)
	if err != nil {
		v.stop("%s %s: %v", method, target, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		v.stop("%s %s: %v", method, target, err)
	}
	return reply{v.w.t, res.StatusCode, res.Header, raw}
}

// browse is send by the person's browser, which keeps cookies.
func (v *visit) browse(method, target string, f url.Values, site string) reply {
	var cookies []string
	for name, value := range v.jar {
		cookies = append(cookies, name+"="+value)
	}
	r := v.send(method, target, f, "Cookie", strings.Join(cookies, "; "), "Sec-Fetch-Site", site)
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		if v.jar[c.Name] = c.Value; c.MaxAge < 0 {
			delete(v.jar, c.Name)
		}
	}
	return r
}

// read gives a JSON answer. what is for complaints.
func (v *visit) read(what string, r reply, status int) map[string]any {
	if r.status != status {
		v.stop("%s: status %d, want %d: %s", what, r.status, status, r.body)
	}
	if kind := r.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		v.fault("%s: Content-Type is %q", what, kind)
	}
	var out map[string]any
	if err := json.Unmarshal(r.body, &out); err != nil {
		v.stop("%s: %v: %s", what, err, r.body)
	}
	return out
}

// discover reads the discovery document.
func (v *visit) discover() map[string]any {
	return v.read("discovery", v.send(http.MethodGet, v.w.issuer+"/.well-known/openid-configuration", nil), 200)
}

// An outcome is how a visit to the authorization or the end-session endpoint ended.
type outcome struct {
	sent  url.Values // the request
	back  url.Values // what the client was told; nil where the browser did not come back to it
	to    string     // where it came back to, without the query
	pages int        // that the person saw on the way
	typed bool       // whether they had to type a code
	last  reply      // the last page, where the browser stayed
}

// authorize sends the person's browser to the authorization endpoint and has them do what the pages ask. change is changes
// to a good request, as pairs; "" takes a parameter out.
func (v *visit) authorize(change ...string) outcome { return v.authorizeBy(http.MethodGet, change...) }

func (v *visit) authorizeBy(method string, change ...string) outcome {
	q := url.Values{
		"client_id": {strconv.Itoa(v.id)}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"},
		"state": {strings.Repeat("a state & more ", 8)}, "nonce": {"a nonce"},
	}
	if v.mode != "" {
		q.Set("response_mode", v.mode)
	}
	for i := 0; i < len(change); i += 2 {
		if q.Del(change[i]); change[i+1] != "" {
			q.Set(change[i], change[i+1])
		}
	}
	endpoint, _ := v.discover()["authorization_endpoint"].(string)
	o := outcome{sent: q}
	if method == http.MethodPost {
		v.walk(&o, v.browse(method, endpoint, q, "cross-site"), endpoint)
	} else {
		parameters := strings.Split(q.Encode(), "&") // by name
		if v.reverse {
			slices.Reverse(parameters)
		}
		v.walk(&o, v.browse(method, endpoint+"?"+strings.Join(parameters, "&"), nil, "cross-site"), endpoint)
	}
	return o
}

// walk goes where the answers lead, until the browser is back at the client or stays.
func (v *visit) walk(o *outcome, r reply, at string) {
	for range 10 {
		o.last = r
		if to := r.header.Get("Location"); to != "" {
			if r.status != http.StatusSeeOther && r.status != http.StatusFound {
				v.fault("a redirect by status %d", r.status)
			}
			base, err := url.Parse(at)
			if err != nil {
				v.stop("the address %s: %v", at, err)
			}
			next, err := base.Parse(to)
			if err != nil {
				v.stop("a redirect to %q: %v", to, err)
			}
			if bare, _, _ := strings.Cut(next.String(), "?"); !strings.HasPrefix(bare, publicURL+"/") {
				o.to, o.back = bare, next.Query()
				return
			}
			at = next.String()
			r = v.browse(http.MethodGet, at, nil, "cross-site")
			continue
		}
		f := formOf(r.body)
		if f == nil {
			o.pages++
			return
		}
		if strings.HasPrefix(f.action, "https://app.") { // response_mode=form_post: the page posts itself
			o.to, o.back = f.action, f.fields
			return
		}
		o.pages++
		switch {
		case f.fields.Has("address"):
			f.fields.Set("address", v.address)
		case f.fields.Has("code"):
			f.fields.Set("code", v.w.sentCode())
			o.typed = true
		case v.passive:
			return
		}
		f.fields.Set("step", f.step)
		base, _ := url.Parse(at)
		next, err := base.Parse(f.action)
		if err != nil {
			v.stop("a form to %q: %v", f.action, err)
		}
		at = next.String()
		r = v.browse(http.MethodPost, at, f.fields, "same-origin")
	}
	v.stop("the login does not end: %s", r.body)
}

// A pageForm is the first form of a page, with the first of its buttons pressed.
type pageForm struct {
	action string
	step   string
	fields url.Values
}

func formOf(page []byte) *pageForm {
	doc, err := html.Parse(strings.NewReader(string(page)))
	if err != nil {
		return nil
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "form" {
			continue
		}
		f := &pageForm{action: attribute(n, "action"), fields: url.Values{}}
		for c := range n.Descendants() {
			switch name := attribute(c, "name"); {
			case c.Data == "input" && name != "" && attribute(c, "type") != "checkbox":
				f.fields.Set(name, attribute(c, "value"))
			case c.Data == "button" && name == "step" && f.step == "":
				f.step = attribute(c, "value")
			}
		}
		return f
	}
	return nil
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
