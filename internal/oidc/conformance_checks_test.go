package oidc_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
)

// back wants the browser to be back at the client with a code, in the way that was asked for (RFC 6749 §4.1.2, OAuth 2.0
// Form Post Response Mode §2), and gives the code.
func (v *visit) back(o outcome) string {
	if o.back == nil {
		v.stop("the browser did not come back to the client: status %d: %s", o.last.status, o.last.body)
	}
	if byForm := o.last.header.Get("Location") == ""; byForm != (o.sent.Get("response_mode") == "form_post") {
		v.fault("response_mode %q, and the answer came by a form: %v", o.sent.Get("response_mode"), byForm)
	}
	if o.to != o.sent.Get("redirect_uri") {
		v.fault("the answer went to %s, want %s", o.to, o.sent.Get("redirect_uri"))
	}
	if got := o.back.Get("state"); got != o.sent.Get("state") {
		v.fault("state %q, want %q", got, o.sent.Get("state"))
	}
	if got := o.back.Get("iss"); got != v.w.issuer {
		v.fault("iss %q, want %q (RFC 9207)", got, v.w.issuer)
	}
	for name, values := range o.back {
		if len(values) > 1 {
			v.fault("%s comes %d times", name, len(values))
		}
	}
	return o.back.Get("code")
}

// granted is back with a code and nothing wrong.
func (v *visit) granted(o outcome) string {
	code := v.back(o)
	if o.back.Has("error") || code == "" {
		v.stop("no code but the error %q: %s", o.back.Get("error"), o.back.Get("error_description"))
	}
	return code
}

// refusedWith wants an error at the client (RFC 6749 §4.1.2.1), of one of these words.
func (v *visit) refusedWith(o outcome, words ...string) {
	if v.back(o) != "" {
		v.fault("a code beside an error")
	}
	if !slices.Contains(words, o.back.Get("error")) {
		v.fault("error %q, want one of %q", o.back.Get("error"), words)
	}
	if text := o.back.Get("error_description"); !describable.MatchString(text) {
		v.fault("error_description %q", text)
	}
}

// describable are the characters of an error_description (RFC 6749 §5.2).
var describable = regexp.MustCompile(`^[ !#-\[\]-~]*$`)

// basic and body are how the client shows who it is.
func (v *visit) authenticate(f url.Values) (header []string) {
	switch {
	case v.id == publicID:
		f.Set("client_id", strconv.Itoa(v.id))
	case v.post:
		f.Set("client_id", strconv.Itoa(v.id))
		f.Set("client_secret", secret)
	default:
		return []string{"Authorization", basic(v.id, secret)}
	}
	return nil
}

// token posts to the token endpoint.
func (v *visit) token(pairs ...string) reply {
	f := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	header := v.authenticate(f)
	endpoint, _ := v.discover()["token_endpoint"].(string)
	return v.send(http.MethodPost, endpoint, f, header...)
}

// redeem trades a code for tokens and checks the answer (RFC 6749 §5.1, OIDC Core §3.1.3.3).
func (v *visit) redeem(code string, more ...string) tokens {
	return v.tokens(v.token(append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", callback}, more...)...))
}

func (v *visit) tokens(r reply) tokens {
	raw := v.read("token answer", r, 200)
	if cc := r.header.Get("Cache-Control"); !strings.Contains(cc, "no-store") {
		v.fault("token answer: Cache-Control is %q", cc)
	}
	text := func(name string) string { s, _ := raw[name].(string); return s }
	got := tokens{Access: text("access_token"), Refresh: text("refresh_token"), ID: text("id_token"), Type: text("token_type"), Scope: text("scope")}
	if got.Access == "" || !strings.EqualFold(got.Type, "Bearer") {
		v.fault("token answer: access_token %q, token_type %q", got.Access, got.Type)
	}
	if life, is := raw["expires_in"].(float64); !is || life <= 0 || life != math.Trunc(life) {
		v.fault("token answer: expires_in is %v", raw["expires_in"])
	}
	for _, name := range []string{"access_token", "refresh_token"} {
		if !regexp.MustCompile(`^[ -~]*$`).MatchString(text(name)) {
			v.fault("token answer: %s has characters beyond RFC 6749, appendix A", name)
		}
	}
	return got
}

// denied wants an error of the token endpoint (RFC 6749 §5.2).
func (v *visit) denied(what string, r reply, status int, word string) {
	raw := v.read(what, r, status)
	if raw["error"] != word {
		v.fault("%s: error %v, want %s", what, raw["error"], word)
	}
	if text, _ := raw["error_description"].(string); !describable.MatchString(text) {
		v.fault("%s: error_description %q", what, text)
	}
}

// idToken verifies an ID token by the published keys and as OIDC Core §3.1.3.7 has it, and gives its claims. nonce is the
// one that the client asked with.
func (v *visit) idToken(got tokens, nonce string) map[string]any {
	if strings.Count(got.ID, ".") != 2 {
		v.stop("no ID token: %q", got.ID)
	}
	head := part(v.w.t, got.ID, 0)
	if head["alg"] != "RS256" {
		v.fault("ID token: alg is %v", head["alg"])
	}
	if kid, _ := head["kid"].(string); kid == "" {
		v.fault("ID token: no kid")
	}
	keys, _ := v.discover()["jwks_uri"].(string)
	ctx := gooidc.ClientContext(context.WithoutCancel(v.w.t.Context()), v.http)
	if _, err := gooidc.NewRemoteKeySet(ctx, keys).VerifySignature(ctx, got.ID); err != nil {
		v.fault("ID token: signature: %v", err)
	}
	c := part(v.w.t, got.ID, 1)
	now := float64(v.w.clock.Now().Unix())
	number := func(name string) float64 { n, _ := c[name].(float64); return n }
	if c["iss"] != v.w.issuer {
		v.fault("ID token: iss is %v", c["iss"])
	}
	if sub, _ := c["sub"].(string); sub == "" || len(sub) > 255 {
		v.fault("ID token: sub is %v", c["sub"])
	}
	if aud := fmt.Sprint(c["aud"]); aud != fmt.Sprintf("[%d]", v.id) && aud != strconv.Itoa(v.id) {
		v.fault("ID token: aud is %v", c["aud"])
	}
	if azp, there := c["azp"]; there && azp != strconv.Itoa(v.id) {
		v.fault("ID token: azp is %v", azp)
	}
	if number("exp") <= now || number("iat") > now || number("iat") < now-300 {
		v.fault("ID token: iat %v, exp %v, and it is %v", c["iat"], c["exp"], now)
	}
	if said, there := c["nonce"]; there != (nonce != "") || there && said != nonce {
		v.fault("ID token: nonce is %v, want %q", said, nonce)
	}
	if at, there := c["auth_time"]; there && (number("auth_time") <= 0 || number("auth_time") > now) {
		v.fault("ID token: auth_time is %v", at)
	}
	sum := sha256.Sum256([]byte(got.Access))
	if want := base64.RawURLEncoding.EncodeToString(sum[:16]); c["at_hash"] != nil && c["at_hash"] != want {
		v.fault("ID token: at_hash is %v, want %s", c["at_hash"], want)
	}
	for _, name := range []string{"acr", "azp"} {
		if _, is := c[name].(string); c[name] != nil && !is {
			v.fault("ID token: %s is no text: %v", name, c[name])
		}
	}
	return c
}

// The ways to present an access token at the userinfo endpoint (RFC 6750 §2.1, §2.2).
const (
	byGet = iota
	byPostHeader
	byPostBody
)

// userinfo asks who an access token is of, and wants it to be sub (OIDC Core §5.3.2).
func (v *visit) userinfo(way int, access string, sub any) map[string]any {
	said := v.read("userinfo", v.whose(way, access), 200)
	if said["sub"] != sub {
		v.fault("userinfo: sub is %v, the ID token's %v", said["sub"], sub)
	}
	v.standardClaims(said)
	return said
}

func (v *visit) whose(way int, access string) reply {
	endpoint, _ := v.discover()["userinfo_endpoint"].(string)
	switch way {
	case byGet:
		return v.send(http.MethodGet, endpoint, nil, "Authorization", "Bearer "+access)
	case byPostHeader:
		return v.send(http.MethodPost, endpoint, nil, "Authorization", "Bearer "+access)
	}
	return v.send(http.MethodPost, endpoint, url.Values{"access_token": {access}})
}

// standardClaims holds claims to their types (OIDC Core §5.1).
func (v *visit) standardClaims(said map[string]any) {
	for _, name := range []string{
		"sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "email",
		"gender", "birthdate", "zoneinfo", "locale", "phone_number",
	} {
		if s, is := said[name].(string); said[name] != nil && (!is || s == "") {
			v.fault("userinfo: %s is no text, or an empty one: %v", name, said[name])
		}
	}
	for _, name := range []string{"email_verified", "phone_number_verified"} {
		if _, is := said[name].(bool); said[name] != nil && !is {
			v.fault("userinfo: %s is not true or false: %v", name, said[name])
		}
	}
	if _, is := said["updated_at"].(float64); said["updated_at"] != nil && !is {
		v.fault("userinfo: updated_at is no number: %v", said["updated_at"])
	}
	for name, form := range map[string]string{
		"birthdate": `^\d{4}(-\d\d-\d\d)?$`, "phone_number": `^\+\d{5,15}(;ext=\d+)?$`, "email": `^[^@\s]+@[^@\s]+$`,
	} {
		if s, is := said[name].(string); is && !regexp.MustCompile(form).MatchString(s) {
			v.fault("userinfo: %s is %q", name, s)
		}
	}
}

// has wants claims to be there.
func (v *visit) has(said map[string]any, names ...string) {
	for _, name := range names {
		if said[name] == nil {
			v.fault("userinfo: no %s", name)
		}
	}
}

// login is a whole one that must succeed, up to the ID token.
func (v *visit) login(change ...string) (outcome, tokens, map[string]any) {
	o := v.authorize(change...)
	got := v.redeem(v.granted(o))
	return o, got, v.idToken(got, o.sent.Get("nonce"))
}

// wait moves the clock.
func (v *visit) wait(d time.Duration) { v.w.clock.move(d) }

// errorPage wants the browser to stay, on a page that says what is wrong.
func (v *visit) errorPage(what string, o outcome) {
	if o.back != nil {
		v.stop("%s: the browser went to %s with %v", what, o.to, o.back)
	}
	if o.last.status != http.StatusBadRequest || !bytes.Contains(o.last.body, []byte("<h1>")) {
		v.fault("%s: no error page: status %d: %s", what, o.last.status, o.last.body)
	}
	if f := formOf(o.last.body); f != nil {
		v.fault("%s: the error page leads on to %s", what, f.action)
	}
}
