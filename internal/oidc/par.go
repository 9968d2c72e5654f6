package oidc

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/form"
)

// A pushedRequest is an authorization request that its client pushed here (RFC 9126). It is kept nowhere: the request_uri
// that the client gets for it is the request, sealed (docs/adr/012-stateless-par.md).
type pushedRequest struct {
	Parameters form.Form `json:"parameters"`
	Expires    time.Time `json:"expires"`
}

const (
	pushedPrefix = "urn:ietf:params:oauth:request_uri:"
	pushedLife   = 60 * time.Second // for the browser to get here (RFC 9126 §2.2)
	maxPushed    = 4 << 10          // bytes of JSON: sealed and printed they must fit into a URL
)

// push is POST {issuer}/par. The client proves who it is, and what is wrong with the request it learns at once, by the rules
// of the authorization endpoint (RFC 9126 §2.1, §2.3).
func (s *Server) push(w http.ResponseWriter, r *http.Request, p latchkey.Project) error {
	f, given, err := s.client(w, r, p)
	if err != nil {
		return err
	}
	client, err := s.Tokens.Client(r.Context(), given)
	if err != nil {
		return err
	}
	if f["request_uri"] != "" {
		return &latchkey.Error{Code: latchkey.Malformed, Field: "request_uri", Message: "A request is pushed in full."}
	}
	for _, proof := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		delete(f, proof)
	}
	f["client_id"] = strconv.FormatInt(int64(client.ID), 10) // Basic and assertions leave it out
	if err := s.judge(r, p, f); err != nil {
		return told(err)
	}
	uri, err := s.sealPushed(p.ID, client.ID, f)
	if err != nil {
		return err
	}
	return encode(w, http.StatusCreated, struct {
		URI  string `json:"request_uri"`
		Life int64  `json:"expires_in"`
	}{uri, int64(pushedLife / time.Second)})
}

// judge holds a request to the rules of the authorization endpoint.
func (s *Server) judge(r *http.Request, p latchkey.Project, f form.Form) error {
	q, err := read(f)
	if err != nil {
		return err
	}
	if _, _, err := s.Login.Check(r.Context(), q.start(p.ID)); err != nil {
		return err
	}
	if err := extras(f); err != nil {
		return err
	}
	_, err = s.hinted(r, p, q, f["id_token_hint"])
	return err
}

// told gives an error of the authorization endpoint as the client learns it here. One that may sign nobody in has proved who
// it is, so it is not unknown.
func told(err error) error {
	var e *latchkey.Error
	switch {
	case latchkey.CodeOf(err) == latchkey.UnknownClient:
		return &latchkey.Error{Code: latchkey.NotAllowed, Message: describe(err)}
	case errors.As(err, &e) && e.Code == latchkey.Invalid && e.Field == "response_type":
		return refusal{"unsupported_response_type", describe(err)}
	}
	return err
}

func (s *Server) sealPushed(p latchkey.ProjectID, client latchkey.ClientID, f form.Form) (string, error) {
	plain, err := json.Marshal(pushedRequest{f, s.Now().UTC().Add(pushedLife)})
	if err != nil {
		return "", err
	}
	if len(plain) > maxPushed {
		return "", &latchkey.Error{Code: latchkey.TooLarge, Message: "A pushed request has 4 KiB at the most."}
	}
	var nonce [12]byte
	rand.Read(nonce[:]) // never fails: the process dies without entropy
	return pushedPrefix + base64.RawURLEncoding.EncodeToString(s.Secrets.Seal(plain, pushedContext(p, client), nonce)), nil
}

// pushed gives the parameters that a request_uri stands for, where the client pushed them before (RFC 9126 §4). Every other
// request is given back as it is. A request_uri that is too old, was altered, or is another client's says nothing that
// could be believed, not even where to send the person back to.
//
// Errors: Malformed.
func (s *Server) pushed(p latchkey.ProjectID, values url.Values) (url.Values, error) {
	box, ours := strings.CutPrefix(values.Get("request_uri"), pushedPrefix)
	if !ours {
		return values, nil
	}
	bad := &latchkey.Error{Code: latchkey.Malformed, Field: "request_uri"}
	if len(values["request_uri"]) > 1 || len(values["client_id"]) > 1 {
		bad.Message = "A parameter comes twice."
		return nil, bad
	}
	client, err := form.ParseClient(values.Get("client_id"))
	if err != nil {
		return nil, err
	}
	bad.Message = "This is no pushed request of the client."
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(box)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(sealed)) != len(box) { // the decoder passes over line breaks
		return nil, bad
	}
	plain, err := s.Secrets.Open(sealed, pushedContext(p, client))
	var at pushedRequest
	if err != nil || json.Unmarshal(plain, &at) != nil {
		return nil, bad
	}
	if !s.Now().Before(at.Expires) {
		bad.Message = "The pushed request has expired."
		return nil, bad
	}
	out := url.Values{}
	for name, v := range at.Parameters {
		out.Set(name, v)
	}
	return out, nil
}

// pushedContext binds a pushed request to its purpose, its issuer and its client.
func pushedContext(p latchkey.ProjectID, client latchkey.ClientID) []byte {
	out := append([]byte("oidc pushed request\x00"), p.UUID[:]...)
	return binary.BigEndian.AppendUint64(out, uint64(client))
}
