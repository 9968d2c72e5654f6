package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/api"
)

type clientCountry struct {
	Country string `json:"geo_ip_country"`
}

// clientDetails is GET /client/details. Where a caller is, Latchkey does not look up.
func (s *Server) clientDetails(w http.ResponseWriter, _ *http.Request) error {
	return encode(w, http.StatusOK, clientCountry{})
}

// blank is GET /blank, the default redirect target of four SDKs: they take the code out of its URL, so the URL must
// go nowhere from here.
func (s *Server) blank(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	write(w, http.StatusOK, "text/html; charset=utf-8", []byte("<!doctype html>\n"))
	return nil
}

// reference is GET /openapi.yaml.
func (s *Server) reference(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "public, max-age=300")
	write(w, http.StatusOK, "application/yaml", api.Spec())
	return nil
}

// healthy is GET /healthz: the process runs.
func (s *Server) healthy(w http.ResponseWriter, _ *http.Request) error {
	write(w, http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
	return nil
}

// ready is GET /readyz: calls may be sent here. Not once the server is closing, nor while its store is away.
// Errors: Unavailable.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) error {
	select {
	case <-s.Login.Closing:
		return &latchkey.Error{Code: latchkey.Unavailable, Message: "shutting down"}
	default:
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	if err := s.Store.Ping(ctx); err != nil {
		return &latchkey.Error{Code: latchkey.Unavailable, Message: "store does not answer", Err: err}
	}
	write(w, http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
	return nil
}
