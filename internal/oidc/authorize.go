package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/form"
	"github.com/latchkey-dev/latchkey/internal/login"
)

// A request is what a client asked for at the authorization endpoint, or, with Then, a page of ours that wants its person
// signed in. It travels through the pages of the login, sealed.
type request struct {
	Client    latchkey.ClientID `json:"client"`
	Redirect  string            `json:"redirect"`
	State     string            `json:"state,omitempty"`
	Scope     string            `json:"scope,omitempty"`
	Nonce     string            `json:"nonce,omitempty"`
	Challenge string            `json:"challenge,omitempty"`
	Method    string            `json:"method,omitempty"`
	Type      string            `json:"type"`
	Post      bool              `json:"post,omitempty"` // response_mode=form_post
	Locale    string            `json:"locale,omitempty"`
	MaxAge    *int64            `json:"max_age,omitempty"`   // seconds since the login, at the most; nil: any number
	Subject   string            `json:"subject,omitempty"`   // who the client takes the person for (id_token_hint); empty: it does not say
	Then      page              `json:"then,omitempty"`      // where a login for a page of ours leads; empty: to the client
	UserCode  string            `json:"user_code,omitempty"` // what the device page was opened with
}

// start gives the request as the login service takes it.
func (q request) start(p latchkey.ProjectID) login.StartRequest {
	if q.Then != "" {
		return login.StartRequest{Protocol: latchkey.Hosted, Project: p, Locale: q.Locale}
	}
	return login.StartRequest{
		Protocol: latchkey.OAuth2, Client: q.Client, At: p, Redirect: q.Redirect, ResponseType: q.Type, State: q.State,
		Scope: q.Scope, Nonce: q.Nonce, CodeChallenge: q.Challenge, ChallengeMode: q.Method, Locale: q.Locale,
	}
}

// authorize is GET and POST {issuer}/authorize (RFC 6749 §4.1.1, OIDC Core §3.1.2.1). A mistake goes back to the client,
// unless it is the client or the redirect URI that is not known: then nothing may be redirected, and the person is told.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, p latchkey.Project) (view, error) {
	values, err := parameters(w, r)
	if err != nil {
		return view{}, err
	}
	if again, ok := s.revisit(r, p, "/authorize", values); ok {
		return again, nil
	}
	if values, err = s.pushed(p.ID, values); err != nil {
		return s.stranger(r, p, err), nil
	}
	f, mistake := form.Of(values)
	if mistake != nil { // what a client may be answered by must itself be beyond doubt
		f, err = form.Of(pick(values, "client_id", "redirect_uri", "state", "response_mode"))
		if err != nil {
			return s.stranger(r, p, err), nil
		}
	}
	q, err := read(f)
	var ask latchkey.Ask
	if err == nil {
		_, ask, err = s.Login.Check(r.Context(), q.start(p.ID))
	}
	switch latchkey.CodeOf(err) {
	case latchkey.UnknownClient, latchkey.CallbackRequired, latchkey.CallbackUnknown:
		return s.stranger(r, p, err), nil
	case latchkey.Unavailable, latchkey.Internal, latchkey.ProjectNotFound:
		return view{}, err
	}
	if mistake == nil {
		mistake = err
	}
	if mistake == nil {
		mistake = extras(f)
	}
	if mistake == nil {
		q.Subject, mistake = s.hinted(r, p, q, f["id_token_hint"])
	}
	if mistake != nil {
		return s.refuse(p, q, mistake), nil
	}
	return s.admit(r, p, q, ask, wishes(f))
}

// parameters are those of the query or, by POST, of the body (OIDC Core §3.1.2.1).
func parameters(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost {
		return form.Values(w, r)
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &latchkey.Error{Code: latchkey.Malformed, Message: "The query is not one."}
	}
	return values, nil
}

func pick(values url.Values, names ...string) url.Values {
	out := url.Values{}
	for _, name := range names {
		if values.Has(name) {
			out[name] = values[name]
		}
	}
	return out
}

// read gives the request that f spells. Errors: UnknownClient.
func read(f form.Form) (request, error) {
	client, err := form.ParseClient(f["client_id"])
	return request{
		Client: client, Redirect: f["redirect_uri"], State: f["state"], Scope: known(f["scope"]), Nonce: f["nonce"],
		Challenge: f["code_challenge"], Method: f["code_challenge_method"], Type: f["response_type"],
		Post: f["response_mode"] == "form_post" && web(f["redirect_uri"]), Locale: favourite(f["ui_locales"]),
		MaxAge: maxAge(f["max_age"]),
	}, err
}

// favourite is the first of ui_locales, which stand in the order of preference.
func favourite(locales string) string {
	first, _, _ := strings.Cut(locales, " ")
	return strings.ReplaceAll(first, "-", "_")
}

// maxAge reads a number of seconds. One with ten digits or more is three hundred years, and no limit.
func maxAge(text string) *int64 {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) < 10 {
		return &n
	}
	return nil
}

// web reports whether a form can be posted there: an app behind a scheme of its own gets its answer in the query.
func web(uri string) bool {
	return strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "http://")
}

// scopes are the ones that mean something here. Others are left out of what is granted, as RFC 6749 §3.3 allows and OIDC
// Core §3.1.2.1 asks.
func scopes() []string {
	return []string{"openid", "profile", "email", "phone", "offline", "offline_access"}
}

func known(scope string) string {
	words := slices.DeleteFunc(strings.Fields(scope), func(w string) bool { return !slices.Contains(scopes(), w) })
	return strings.Join(words, " ")
}

// A refusal is an error with a word of its own.
type refusal struct{ word, description string }

func (e refusal) Error() string { return e.description }

// extras judges what the login service does not know of. Of what OIDC Core lets a server pass over, display, claims,
// claims_locales and acr_values are passed over: there is one page, one kind of login, and the scope says which claims.
func extras(f form.Form) error {
	prompts := strings.Fields(f["prompt"])
	switch {
	case f["request"] != "":
		return refusal{"request_not_supported", "request objects are not supported"}
	case f["request_uri"] != "":
		return refusal{"request_uri_not_supported", "request URIs are not supported"}
	case f["registration"] != "":
		return refusal{"registration_not_supported", "clients do not register by a request"}
	case !slices.Contains([]string{"", "query", "form_post"}, f["response_mode"]):
		return refusal{"invalid_request", "response_mode is query or form_post"}
	case strings.Trim(f["max_age"], "0123456789") != "":
		return refusal{"invalid_request", "max_age is a number of seconds"}
	case slices.Contains(prompts, "none") && len(prompts) > 1:
		return refusal{"invalid_request", "prompt=none stands alone"}
	}
	for _, word := range prompts {
		if !slices.Contains(prompted(), word) { // OIDC Prompt Create §3
			return refusal{"invalid_request", "prompt is of " + strings.Join(prompted(), ", ")}
		}
	}
	return nil
}

// refuse answers the client with an error (RFC 6749 §4.1.2.1). Its redirect URI was found good.
func (s *Server) refuse(p latchkey.Project, q request, err error) view {
	a, _ := answerTo(latchkey.CodeOf(err))
	word, description := a.word, describe(err)
	var own refusal
	switch {
	case errors.As(err, &own):
		word, description = own.word, own.description
	case latchkey.CodeOf(err) == latchkey.Invalid && strings.HasPrefix(description, "response_type:"):
		word = "unsupported_response_type"
	}
	return s.back(p, q, "error", word, "error_description", description, "state", q.State)
}

// back answers the client: by 303 or, with form_post, by a page that posts itself. The issuer goes along, so that a client
// of several servers cannot take one's answer for another's (RFC 9207). Empty values are left out.
func (s *Server) back(p latchkey.Project, q request, pairs ...string) view {
	pairs = append(pairs, "iss", latchkey.Issuer(s.PublicURL, p.ID))
	var given []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			given = append(given, pairs[i], pairs[i+1])
		}
	}
	if !q.Post {
		return view{Status: http.StatusSeeOther, Goto: login.WithQuery(q.Redirect, given...)}
	}
	v := view{Status: http.StatusOK, Template: "post.html", Lang: "en", Dir: "ltr", FormTo: source(q.Redirect), Action: q.Redirect}
	for i := 0; i < len(given); i += 2 {
		v.Fields = append(v.Fields, field{given[i], given[i+1]})
	}
	return v
}
