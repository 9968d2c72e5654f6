// Package api holds the public reference of the HTTP API. It is written by hand; the tests of internal/httpapi hold
// every route and every answer to it.
package api

import _ "embed"

//go:embed openapi.yaml
var spec []byte

// Spec gives openapi.yaml. The caller must not write into it.
func Spec() []byte { return spec }
