package latchkey_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

func publicClient() latchkey.Client {
	return latchkey.Client{ID: 1, Project: project, Name: "Game", Kind: latchkey.PublicClient, RedirectURIs: []string{"app://xlogin.demo"}}
}

func TestClientValidate(t *testing.T) {
	t.Parallel()
	secret := latchkey.HashSecret("s")
	for name, c := range map[string]struct {
		change func(*latchkey.Client)
		field  string // empty: valid
	}{
		"public":                   {func(*latchkey.Client) {}, ""},
		"id still to be given":     {func(c *latchkey.Client) { c.ID = 0 }, ""},
		"confidential":             {func(c *latchkey.Client) { c.Kind, c.SecretHash = latchkey.ConfidentialClient, secret }, ""},
		"server":                   {func(c *latchkey.Client) { c.Kind, c.SecretHash, c.RedirectURIs = latchkey.ServerClient, secret, nil }, ""},
		"no redirect URI yet":      {func(c *latchkey.Client) { c.RedirectURIs = nil }, ""},
		"no project":               {func(c *latchkey.Client) { c.Project = latchkey.ProjectID{} }, "project"},
		"negative id":              {func(c *latchkey.Client) { c.ID = -1 }, "id"},
		"no name":                  {func(c *latchkey.Client) { c.Name = "" }, "name"},
		"name of 101":              {func(c *latchkey.Client) { c.Name = strings.Repeat("x", 101) }, "name"},
		"no kind":                  {func(c *latchkey.Client) { c.Kind = "" }, "kind"},
		"unknown kind":             {func(c *latchkey.Client) { c.Kind = "native" }, "kind"},
		"public with a secret":     {func(c *latchkey.Client) { c.SecretHash = secret }, "kind"},
		"confidential without one": {func(c *latchkey.Client) { c.Kind = latchkey.ConfidentialClient }, "kind"},
		"server with redirects":    {func(c *latchkey.Client) { c.Kind, c.SecretHash = latchkey.ServerClient, secret }, "redirect_uris"},
		"public with keys":         {func(c *latchkey.Client) { c.PublicKeys = "{}" }, "kind"},
		"confidential by keys":     {func(c *latchkey.Client) { c.Kind, c.PublicKeys = latchkey.ConfidentialClient, "{}" }, ""},
		"server by keys": {func(c *latchkey.Client) {
			c.Kind, c.PublicKeys, c.RedirectURIs = latchkey.ServerClient, "{}", nil
		}, ""},
		"secret and keys": {func(c *latchkey.Client) {
			c.Kind, c.PublicKeys, c.SecretHash = latchkey.ConfidentialClient, "{}", secret
		}, ""},
		"keys of 16,000 bytes": {func(c *latchkey.Client) {
			c.Kind, c.PublicKeys = latchkey.ConfidentialClient, strings.Repeat("x", 16000)
		}, ""},
		"keys of 16,001 bytes": {func(c *latchkey.Client) {
			c.Kind, c.PublicKeys = latchkey.ConfidentialClient, strings.Repeat("x", 16001)
		}, "public_keys"},
		"for devices": {func(c *latchkey.Client) { c.DeviceLogin = true }, ""},
		"server for devices": {func(c *latchkey.Client) {
			c.Kind, c.SecretHash, c.RedirectURIs, c.DeviceLogin = latchkey.ServerClient, secret, nil, true
		}, "kind"},
		"server that signs out": {func(c *latchkey.Client) {
			c.Kind, c.SecretHash, c.RedirectURIs, c.LogoutURIs = latchkey.ServerClient, secret, nil, []string{"https://a.example/bye"}
		}, "kind"},
		"logout URIs":      {func(c *latchkey.Client) { c.LogoutURIs = []string{"https://a.example/bye", "app://bye"} }, ""},
		"bad logout URI":   {func(c *latchkey.Client) { c.LogoutURIs = []string{"https://a.example/bye", "http://a.example/bye"} }, "logout_uris"},
		"logout by script": {func(c *latchkey.Client) { c.LogoutURIs = []string{"javascript:1"} }, "logout_uris"},
		"bad redirect URI": {func(c *latchkey.Client) { c.RedirectURIs = append(c.RedirectURIs, "javascript:1") }, "redirect_uris"},
	} {
		v := publicClient()
		c.change(&v)
		checkField(t, name, v.Validate(), c.field)
	}
}

// checkField wants err to be an Invalid that names field, or nil if that is empty.
func checkField(t *testing.T, name string, err error, field string) {
	t.Helper()
	var e *latchkey.Error
	switch {
	case field == "" && err != nil:
		t.Errorf("%s: %v, want it valid", name, err)
	case field != "" && (!errors.As(err, &e) || e.Code != latchkey.Invalid || e.Field != field || e.Message == ""):
		t.Errorf("%s: %v, want Invalid that names %s", name, err, field)
	}
}

func TestASVS_10_4_10_ClientAuthenticates(t *testing.T) {
	t.Parallel()
	hash := latchkey.HashSecret("s3cret")
	for name, c := range map[string]struct {
		kind   latchkey.ClientKind
		hash   latchkey.Hash
		secret latchkey.Secret
		ok     bool
	}{
		"public, none":           {latchkey.PublicClient, latchkey.Hash{}, "", true},
		"public, some":           {latchkey.PublicClient, latchkey.Hash{}, "x", false},
		"confidential, right":    {latchkey.ConfidentialClient, hash, "s3cret", true},
		"confidential, wrong":    {latchkey.ConfidentialClient, hash, "s3cre", false},
		"confidential, none":     {latchkey.ConfidentialClient, hash, "", false},
		"server, right":          {latchkey.ServerClient, hash, "s3cret", true},
		"server, none":           {latchkey.ServerClient, hash, "", false},
		"confidential, no hash":  {latchkey.ConfidentialClient, latchkey.Hash{}, "", false},
		"no client at all":       {"", latchkey.Hash{}, "", false},
		"no client, some secret": {"", latchkey.Hash{}, "x", false},
	} {
		err := latchkey.Client{Kind: c.kind, SecretHash: c.hash}.Authenticate(c.secret)
		if (err == nil) != c.ok || !c.ok && !errors.Is(err, latchkey.UnknownClient) {
			t.Errorf("%s: %v, want it let in: %v", name, err, c.ok)
		}
	}
}

func TestSignsPeopleIn(t *testing.T) {
	t.Parallel()
	for kind, want := range map[latchkey.ClientKind]bool{
		latchkey.PublicClient: true, latchkey.ConfidentialClient: true, latchkey.ServerClient: false, "": false,
	} {
		if got := (latchkey.Client{Kind: kind}).SignsPeopleIn(); got != want {
			t.Errorf("%q starts logins: %v", kind, got)
		}
	}
}

// Byte for byte, or the only one: for redirect URIs and callback URLs alike.
func TestASVS_10_4_1_ExactRedirectMatch(t *testing.T) {
	t.Parallel()
	one, two := []string{"https://a.example/cb"}, []string{"https://a.example/cb", "app://xlogin.demo"}
	for name, c := range map[string]struct {
		registered []string
		given      string
		want       string
		err        error
	}{
		"the only one, given":         {one, one[0], one[0], nil},
		"the only one, not given":     {one, "", one[0], nil},
		"one of two":                  {two, two[1], two[1], nil},
		"none of two":                 {two, "", "", latchkey.CallbackRequired},
		"none registered":             {nil, "", "", latchkey.CallbackUnknown},
		"none registered, some given": {nil, one[0], "", latchkey.CallbackUnknown},
		"trailing slash":              {one, one[0] + "/", "", latchkey.CallbackUnknown},
		"query":                       {one, one[0] + "?x=1", "", latchkey.CallbackUnknown},
		"fragment":                    {one, one[0] + "#", "", latchkey.CallbackUnknown},
		"upper case":                  {one, "https://A.example/cb", "", latchkey.CallbackUnknown},
		"port":                        {one, "https://a.example:443/cb", "", latchkey.CallbackUnknown},
		"prefix":                      {one, "https://a.example", "", latchkey.CallbackUnknown},
		"sub-domain":                  {one, "https://x.a.example/cb", "", latchkey.CallbackUnknown},
		"user":                        {one, "https://a.example@evil.example/cb", "", latchkey.CallbackUnknown},
		"dot segments":                {one, "https://a.example/x/../cb", "", latchkey.CallbackUnknown},
		"a blank in front":            {one, " " + one[0], "", latchkey.CallbackUnknown},
	} {
		got, err := latchkey.Client{RedirectURIs: c.registered}.Redirect(c.given)
		if got != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: Redirect = %q, %v; want %q, %v", name, got, err, c.want, c.err)
		}
		got, err = latchkey.Project{CallbackURLs: c.registered}.Callback(c.given)
		if got != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: Callback = %q, %v; want %q, %v", name, got, err, c.want, c.err)
		}
	}
}

// RFC 8252 §7.3: an app on a computer listens on the port that is free. Everything else is byte for byte (RFC 9700 §4.1.3).
func TestRFC8252_7_3_LoopbackOnAnyPort(t *testing.T) {
	t.Parallel()
	c := latchkey.Client{RedirectURIs: []string{
		"http://127.0.0.1/cb", "http://[::1]:1/cb?a=b", "http://localhost:3000/cb", "https://app.example/cb",
	}}
	for given, ok := range map[string]bool{
		"http://127.0.0.1/cb":               true,
		"http://127.0.0.1:51004/cb":         true,
		"http://[::1]:51004/cb?a=b":         true,
		"http://[::1]/cb?a=b":               true,
		"http://localhost:3000/cb":          true,
		"https://app.example/cb":            true,
		"http://localhost:51004/cb":         false, // what it leads to, others may decide
		"https://app.example:51004/cb":      false,
		"https://127.0.0.1:51004/cb":        false,
		"http://127.0.0.1:51004/cb/x":       false,
		"http://127.0.0.1:51004/CB":         false,
		"http://127.0.0.1:51004/cb?a=b":     false,
		"http://127.0.0.1:51004/cb#x":       false,
		"http://127.0.0.1:51004":            false,
		"http://127.0.0.1:/cb":              false,
		"http://127.0.0.1:123456/cb":        false,
		"http://127.0.0.1:80@evil.test/cb":  false,
		"http://127.0.0.1:80.evil.test/cb":  false,
		"http://127.0.0.1.evil.test/cb":     false,
		"http://127.0.0.1@evil.test/cb":     false,
		"http://127.0.0.1\\@evil.test/cb":   false,
		"http://user@127.0.0.1:51004/cb":    false,
		"http://127.1:51004/cb":             false,
		"http://2130706433:51004/cb":        false,
		"HTTP://127.0.0.1:51004/cb":         false,
		"http://[::1]:51004/cb":             false,
		"http://[::ffff:127.0.0.1]:5104/cb": false,
		"http://127.0.0.1:51004/cb\r\nx: y": false,
		"":                                  false,
	} {
		got, err := c.StandardRedirect(given)
		if (err == nil) != ok || ok && got != given {
			t.Errorf("%q: %q, %v; want ok %v", given, got, err, ok)
		}
		if bare, err := c.Redirect(given); given == "http://127.0.0.1:51004/cb" && err == nil {
			t.Errorf("/api takes another port too: %q (contract.md §2: byte for byte)", bare)
		}
	}
	one := latchkey.Client{RedirectURIs: []string{"https://app.example/cb"}}
	if got, err := one.StandardRedirect(""); err == nil {
		t.Errorf("no redirect URI: %q, want none", got)
	}
}
