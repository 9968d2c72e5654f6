package oidc_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// The spoilers of the negative twins. Each makes one answer of the server wrong, in a way that a server could get it wrong.

// without takes a parameter out of requests to the authorization endpoint: a server that does not look at it.
func without(name string) spoiler {
	return spoiler{request: func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/authorize") {
			q := r.URL.Query()
			q.Del(name)
			r.URL.RawQuery = q.Encode()
		}
	}}
}

// withoutCookies forgets the browser: a server without sessions.
func withoutCookies() spoiler {
	return spoiler{request: func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/authorize") {
			r.Header.Del("Cookie")
		}
	}}
}

// document changes a member of the JSON answers of a path; nil takes it out.
func document(path, name string, value any) spoiler {
	return spoiler{answer: func(r *http.Request, a *spoiled) {
		var doc map[string]any
		if !strings.HasSuffix(r.URL.Path, path) || json.Unmarshal(a.body, &doc) != nil {
			return
		}
		if doc[name] = value; value == nil {
			delete(doc, name)
		}
		a.body, _ = json.Marshal(doc)
	}}
}

// statusOf changes the status of a path's answers.
func statusOf(path string, to int) spoiler {
	return spoiler{answer: func(r *http.Request, a *spoiled) {
		if strings.HasSuffix(r.URL.Path, path) {
			a.status = to
		}
	}}
}

// headerOf changes a header of a path's answers.
func headerOf(path, name, value string) spoiler {
	return spoiler{answer: func(r *http.Request, a *spoiled) {
		if strings.HasSuffix(r.URL.Path, path) {
			a.header.Set(name, value)
		}
	}}
}

// authAnswer changes what the client is told, however it is told: in a redirect or by a form. "" takes a parameter out.
func authAnswer(pairs ...string) spoiler {
	change := func(q url.Values) {
		for i := 0; i < len(pairs); i += 2 {
			if q.Del(pairs[i]); pairs[i+1] != "" {
				q.Set(pairs[i], pairs[i+1])
			}
		}
	}
	return spoiler{answer: func(_ *http.Request, a *spoiled) {
		if to := a.header.Get("Location"); strings.HasPrefix(to, callback) {
			u, _ := url.Parse(to)
			q := u.Query()
			change(q)
			u.RawQuery = q.Encode()
			a.header.Set("Location", u.String())
		} else if f := formOf(a.body); f != nil && f.action == callback {
			change(f.fields)
			a.body = []byte(postPage(f))
		}
	}}
}

// otherWay answers by a form where a redirect is asked for, and the other way round.
func otherWay() spoiler {
	return spoiler{answer: func(_ *http.Request, a *spoiled) {
		if to := a.header.Get("Location"); strings.HasPrefix(to, callback) {
			u, _ := url.Parse(to)
			a.header.Del("Location")
			a.status, a.body = http.StatusOK, []byte(postPage(&pageForm{action: callback, fields: u.Query()}))
		} else if f := formOf(a.body); f != nil && f.action == callback {
			a.status, a.body = http.StatusSeeOther, nil
			a.header.Set("Location", callback+"?"+f.fields.Encode())
		}
	}}
}

func postPage(f *pageForm) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<form method="post" action="%s">`, f.action)
	for name := range f.fields {
		fmt.Fprintf(&b, `<input type="hidden" name="%s" value="%s">`, name, template.HTMLEscapeString(f.fields.Get(name)))
	}
	return b.String() + "</form>"
}

// redirectInstead answers requests of a path with a redirect to the client: a server that goes on where it must stop.
func redirectInstead(path, to string) spoiler {
	return spoiler{answer: func(r *http.Request, a *spoiled) {
		if strings.HasSuffix(r.URL.Path, path) {
			a.status, a.body = http.StatusSeeOther, nil
			a.header.Set("Location", to)
		}
	}}
}

// pageInstead answers requests of a path with a page: a server that asks where it must not, or stops where it must go on.
func pageInstead(path string) spoiler {
	return spoiler{answer: func(r *http.Request, a *spoiled) {
		if strings.HasSuffix(r.URL.Path, path) {
			a.status, a.body = http.StatusBadRequest, []byte("<h1>No</h1>")
			a.header.Del("Location")
		}
	}}
}

// after applies a spoiler to the answers of the nth request of a path and later ones.
func after(n int, path string, s spoiler) spoiler {
	seen := 0
	count := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, path) && seen >= n }
	return spoiler{
		request: func(r *http.Request) {
			if strings.HasSuffix(r.URL.Path, path) {
				seen++
			}
			if s.request != nil && count(r) {
				s.request(r)
			}
		},
		answer: func(r *http.Request, a *spoiled) {
			if s.answer != nil && count(r) {
				s.answer(r, a)
			}
		},
	}
}

// forger is a key of nobody's.
var forger = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// forge gives a token that the forger signed.
func forge(head, claims map[string]any) string {
	encode := func(v any) string {
		raw, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	signed := encode(head) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, forger(), crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// forged is a server whose ID tokens are signed well and say something else: the forger's key is the published one.
func forged(change func(head, claims map[string]any)) spoiler {
	return spoiler{answer: func(r *http.Request, a *spoiled) {
		var doc map[string]any
		switch {
		case json.Unmarshal(a.body, &doc) != nil:
			return
		case strings.HasSuffix(r.URL.Path, "/jwks.json"):
			n := base64.RawURLEncoding.EncodeToString(forger().N.Bytes())
			e := base64.RawURLEncoding.EncodeToString(big.NewInt(int64(forger().E)).Bytes())
			doc = map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "forged", "n": n, "e": e}}}
		case doc["id_token"] != nil:
			parts := strings.Split(doc["id_token"].(string), ".")
			var head, claims map[string]any
			for i, into := range []*map[string]any{&head, &claims} {
				raw, _ := base64.RawURLEncoding.DecodeString(parts[i])
				_ = json.Unmarshal(raw, into)
			}
			head["kid"] = "forged"
			change(head, claims)
			doc["id_token"] = forge(head, claims)
		}
		a.body, _ = json.Marshal(doc)
	}}
}

// claimed is forged with one claim changed; nil takes it out.
func claimed(name string, value any) spoiler {
	return forged(func(_, claims map[string]any) {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	})
}

// badSignature is a server whose ID tokens do not verify.
func badSignature() spoiler {
	return spoiler{answer: func(_ *http.Request, a *spoiled) {
		var doc map[string]any
		if json.Unmarshal(a.body, &doc) != nil || doc["id_token"] == nil {
			return
		}
		doc["id_token"] = changed(doc["id_token"].(string))
		a.body, _ = json.Marshal(doc)
	}}
}
