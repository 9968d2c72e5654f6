package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/latchkey-dev/latchkey/api"
	"github.com/latchkey-dev/latchkey/internal/httpapi"
	"github.com/latchkey-dev/latchkey/internal/oidc"
)

// A reference is api/openapi.yaml, ready to judge with.
type reference struct {
	doc    *openapi3.T
	router routers.Router
	err    error
}

var readReference = sync.OnceValue(func() reference {
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.PlainBodyDecoder)
	doc, err := openapi3.NewLoader().LoadFromData(api.Spec())
	if err != nil {
		return reference{err: err}
	}
	doc.Servers = nil // paths are compared, not hosts
	router, err := legacy.NewRouter(doc)
	return reference{doc, router, err}
})

// A wire hands requests to a handler and holds both sides to the reference and to contract.md §1: what the reference
// refuses must be answered with a 4xx, and what is answered must be in the reference.
type wire struct {
	t       testing.TB
	handler http.Handler
}

// RoundTrip implements http.RoundTripper.
func (c *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.RequestURI(), bytes.NewReader(sent))
	in.Header = r.Header.Clone()
	in.RemoteAddr = "192.0.2.7:4711"
	rec := httptest.NewRecorder()
	c.handler.ServeHTTP(rec, in)
	answer := rec.Result()
	got := rec.Body.Bytes()
	label := r.Method + " " + r.URL.Path
	c.checkContract(label, r, answer, got)
	c.checkReference(label, r, sent, answer, got)
	if r.Method == http.MethodHead {
		answer.Body = http.NoBody // as net/http would
	}
	return answer, nil
}

// navigations are where a browser is sent, which is no call: they alone may redirect.
var navigations = []string{"/api/oauth2/auth"}

// checkContract is contract.md §1, for every answer of every test.
func (c *wire) checkContract(label string, r *http.Request, a *http.Response, got []byte) {
	c.t.Helper()
	if a.StatusCode >= 300 && a.StatusCode < 400 && slices.Contains(navigations, path.Clean(r.URL.Path)) {
		return
	}
	if a.StatusCode >= 300 && a.StatusCode < 400 {
		c.t.Errorf("%s: answered with a redirect (%d): no SDK follows", label, a.StatusCode)
	}
	if a.Header.Get("X-Request-Id") == "" {
		c.t.Errorf("%s: no X-Request-Id", label)
	}
	if !slices.Contains(a.Header.Values("Vary"), "Origin") {
		c.t.Errorf("%s: no Vary: Origin", label)
	}
	if cc := a.Header.Get("Cache-Control"); cc != "no-store" && (a.StatusCode != 200 || !strings.HasPrefix(cc, "public, ")) {
		c.t.Errorf("%s: Cache-Control is %q", label, cc)
	}
	if a.StatusCode == 429 || a.StatusCode == 503 {
		if n, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || n < 1 {
			c.t.Errorf("%s: %d with Retry-After %q", label, a.StatusCode, a.Header.Get("Retry-After"))
		}
	}
	if a.StatusCode < 300 {
		if a.Header.Get("Content-Type") == "application/json" && bytes.Contains(got, []byte("error")) &&
			bytes.Contains(got, []byte("code")) && bytes.Contains(got, []byte("description")) {
			c.t.Errorf("%s: a success with error, code and description in it, which an SDK takes for an error: %s", label, got)
		}
		return
	}
	var e struct {
		Error struct {
			Code, Description *string
		}
	}
	if err := json.Unmarshal(got, &e); err != nil || e.Error.Code == nil || e.Error.Description == nil || *e.Error.Description == "" {
		c.t.Errorf("%s: %d without the error envelope: %.200s", label, a.StatusCode, got)
	} else if strings.Trim(*e.Error.Code, "0123456789-") != "" {
		c.t.Errorf("%s: the code %q is not digits and dashes", label, *e.Error.Code)
	}
}

// checkReference holds request and answer to api/openapi.yaml.
func (c *wire) checkReference(label string, r *http.Request, sent []byte, a *http.Response, got []byte) {
	c.t.Helper()
	ref := readReference()
	if ref.err != nil {
		c.t.Fatal(ref.err)
	}
	in := r.Clone(context.Background())
	in.Body = io.NopCloser(bytes.NewReader(sent))
	for strings.Contains(in.URL.Path, "//") {
		in.URL.Path = strings.ReplaceAll(in.URL.Path, "//", "/")
	}
	if in.Method == http.MethodHead {
		in.Method = http.MethodGet
	}
	route, params, err := ref.router.FindRoute(in)
	if err != nil || strings.Count(route.Path, "/") != strings.Count(in.URL.Path, "/") { // the router forgives a slash at the end
		if a.StatusCode != 404 && a.StatusCode != 405 && in.Method != http.MethodOptions {
			c.t.Errorf("%s: answered with %d, and the reference does not have it (%v)", label, a.StatusCode, err)
		}
		return
	}
	if in.Header.Get("Content-Type") == "" && len(sent) > 0 && route.Operation.RequestBody != nil {
		for kind := range route.Operation.RequestBody.Value.Content {
			in.Header.Set("Content-Type", kind) // the reference says so in words only
		}
	}
	input := &openapi3filter.RequestValidationInput{Request: in, PathParams: params, Route: route, Options: &openapi3filter.Options{
		IncludeResponseStatus: true, SkipSettingDefaults: true, AuthenticationFunc: authenticate,
	}}
	if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil && a.StatusCode/100 != 4 {
		c.t.Errorf("%s: the reference refuses the request, the server answered %d: %v", label, a.StatusCode, err)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: a.StatusCode, Header: a.Header, Options: input.Options}
	if err := openapi3filter.ValidateResponse(context.Background(), out.SetBodyBytes(got)); err != nil {
		c.t.Errorf("%s: the answer is not in the reference: %d %.300s: %v", label, a.StatusCode, got, err)
	}
}

// authenticate is what the reference can see of security: that something was presented.
func authenticate(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	given := in.RequestValidationInput.Request.Header.Get("Authorization")
	if !strings.HasPrefix(strings.ToLower(given), in.SecurityScheme.Scheme+" ") {
		return errors.New("no " + in.SecurityScheme.Scheme + " credentials")
	}
	return nil
}

func TestReferenceIsValid(t *testing.T) {
	t.Parallel()
	ref := readReference()
	if ref.err != nil {
		t.Fatal(ref.err)
	}
	if err := ref.doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for path, item := range ref.doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Summary == "" || op.OperationID == "" || len(op.Tags) == 0 {
				t.Errorf("%s %s lacks a summary, an operationId or a tag", method, path)
			}
			for status, r := range op.Responses.Map() {
				if r.Value.Description == nil || *r.Value.Description == "" {
					t.Errorf("%s %s %s lacks a description", method, path, status)
				}
			}
		}
	}
}

func TestEveryRouteIsInTheReferenceAndBack(t *testing.T) {
	t.Parallel()
	ref := readReference()
	if ref.err != nil {
		t.Fatal(ref.err)
	}
	var served, described []string
	for _, r := range (&httpapi.Server{}).Routes() {
		served = append(served, r.Method+" "+r.Path)
	}
	for _, r := range (&oidc.Server{}).Routes() {
		served = append(served, r.Method+" "+r.Path)
	}
	for path, item := range ref.doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	for _, r := range served {
		if !slices.Contains(described, r) {
			t.Errorf("api/openapi.yaml lacks %s", r)
		}
	}
	for _, r := range described {
		if !slices.Contains(served, r) {
			t.Errorf("api/openapi.yaml has %s, which nobody serves", r)
		}
	}
}
