package oidc_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/latchkey-dev/latchkey/api"
)

// readReference gives api/openapi.yaml, ready to judge with.
var readReference = sync.OnceValues(func() (routers.Router, error) {
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("image/svg+xml", openapi3filter.PlainBodyDecoder)
	doc, err := openapi3.NewLoader().LoadFromData(api.Spec())
	if err != nil {
		return nil, err
	}
	doc.Servers = nil // paths are compared, not hosts
	return legacy.NewRouter(doc)
})

// checkReference holds both sides to api/openapi.yaml: what the reference refuses must be answered with a 4xx, and what
// is answered must be in the reference.
func checkReference(t testing.TB, label string, r *http.Request, sent []byte, a *http.Response, got []byte) {
	t.Helper()
	router, err := readReference()
	if err != nil {
		t.Fatal(err)
	}
	in := r.Clone(context.Background())
	in.Body = io.NopCloser(bytes.NewReader(sent))
	if in.Method == http.MethodHead {
		in.Method = http.MethodGet
	}
	route, params, err := router.FindRoute(in)
	if err != nil {
		if a.StatusCode != 404 && a.StatusCode != 405 && in.Method != http.MethodOptions {
			t.Errorf("%s: answered with %d, and the reference does not have it (%v)", label, a.StatusCode, err)
		}
		return
	}
	input := &openapi3filter.RequestValidationInput{Request: in, PathParams: params, Route: route, Options: &openapi3filter.Options{
		IncludeResponseStatus: true, SkipSettingDefaults: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
	}}
	if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil && a.StatusCode/100 != 4 {
		t.Errorf("%s: the reference refuses the request, the server answered %d: %v", label, a.StatusCode, err)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: a.StatusCode, Header: a.Header, Options: input.Options}
	if err := openapi3filter.ValidateResponse(context.Background(), out.SetBodyBytes(got)); err != nil {
		t.Errorf("%s: the answer is not in the reference: %d %.300s: %v", label, a.StatusCode, got, err)
	}
}
