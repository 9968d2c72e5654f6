package oidctest_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// needNode gives the program that runs scripts, with the packages of js installed.
func needNode(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "Node.js", "install version 20 or newer (Debian: apt-get install nodejs)")
	}
	if _, err := os.Stat(filepath.Join("js", "node_modules", "openid-client")); err != nil {
		missing(t, "internal/oidctest/js/node_modules", "run scripts/setup")
	}
	return node
}

// A program is a script of js that runs. What it wants of a person's browser, the person does.
type program struct {
	t    *testing.T
	s    *server
	who  *person
	home site
}

// setup is what every script is told of its client.
func (p program) setup(c client) map[string]any {
	return map[string]any{
		"issuer": p.s.issuer(), "client_id": c.ID, "secret": c.Secret, "email": p.who.address, "redirect_uri": p.home.callback(),
		"signed_out": p.home.signedOut(),
	}
}

// run runs a script to its end and gives what it found. Its failures are the test's.
func (p program) run(script string, setup map[string]any) map[string]any {
	p.t.Helper()
	raw, err := json.Marshal(setup)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, needNode(p.t), script, string(raw))
	cmd.Dir = "js"
	cmd.WaitDelay = time.Second
	var complaint strings.Builder
	cmd.Stderr = &complaint
	in, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	var found map[string]any
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Open, Does string
			Found      map[string]any
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			p.t.Fatalf("%s printed %q", script, lines.Text())
		}
		if line.Found != nil {
			found = line.Found
			continue
		}
		if err := json.NewEncoder(in).Encode(map[string]string{"at": p.open(line.Open, line.Does)}); err != nil {
			break // it ended: what it said stands in complaint
		}
	}
	err = cmd.Wait()
	if err != nil || found == nil {
		p.t.Fatalf("%s: %v\n%s\n%s", script, err, complaint.String(), p.s.log())
	}
	return found
}

// open does what a script asks for, and gives the address at which the browser ends on the client's site.
func (p program) open(address, does string) string {
	p.t.Helper()
	if does != "approve" {
		p.who.open(address)
	}
	switch does {
	case "sign in":
		p.who.signIn(p.s)
	case "approve":
		p.who.approve(p.s, address)
		return p.who.endsAt(p.s.url)
	case "":
	default:
		p.t.Fatalf("a script asks the person to %q", does)
	}
	return p.who.endsAt(p.home.url + "/")
}

// TestOpenIDClient: npm openid-client in every way in which a client can show who it is, and in every way to ask for a login.
func TestOpenIDClient(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	needNode(t)
	private, public := newKeys(t)
	for name, c := range map[string]struct {
		kind  string
		auth  string
		flags []string
		more  map[string]any
	}{
		"public":                      {kind: "public", auth: "none"},
		"client_secret_basic":         {kind: "confidential", auth: "client_secret_basic"},
		"client_secret_post":          {kind: "confidential", auth: "client_secret_post"},
		"private_key_jwt":             {kind: "confidential", auth: "private_key_jwt", flags: []string{"--public-keys", public}, more: map[string]any{"key": private}},
		"pushed, public":              {kind: "public", auth: "none", more: map[string]any{"par": true}},
		"pushed, client_secret_basic": {kind: "confidential", auth: "client_secret_basic", more: map[string]any{"par": true}},
		"pushed, private_key_jwt":     {kind: "confidential", auth: "private_key_jwt", flags: []string{"--public-keys", public}, more: map[string]any{"key": private, "par": true}},
		"device, public":              {kind: "public", auth: "none", flags: []string{"--device-login"}, more: map[string]any{"device": true}},
		"device, client_secret_basic": {kind: "confidential", auth: "client_secret_basic", flags: []string{"--device-login"}, more: map[string]any{"device": true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, home := startDev(t), newSite(t)
			p := program{t: t, s: s, home: home, who: newPerson(t, c.auth+"@example.test")}
			setup := p.setup(s.client(c.kind, home.flags(c.flags...)...))
			setup["auth"] = c.auth
			maps.Copy(setup, c.more)
			p.run("openid-client.mjs", setup)
		})
	}
}

// newKeys gives a private key as a JWK, and the file of a JWK set with its public half (RFC 7517).
func newKeys(t *testing.T) (private map[string]string, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	jwk := map[string]string{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "the client's", "x": text(point[1:33]), "y": text(point[33:])}
	set, err := json.Marshal(map[string]any{"keys": []any{jwk}})
	if err != nil {
		t.Fatal(err)
	}
	public = filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(public, set, 0o600); err != nil {
		t.Fatal(err)
	}
	jwk["d"] = text(secret)
	return jwk, public
}

// TestOAuth4WebAPI: npm oauth4webapi, as an app and as a back end.
func TestOAuth4WebAPI(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	needNode(t)
	for _, kind := range []string{"public", "confidential"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, home := startDev(t), newSite(t)
			p := program{t: t, s: s, home: home, who: newPerson(t, kind+"@example.test")}
			p.run("oauth4webapi.mjs", p.setup(s.client(kind, home.flags()...)))
		})
	}
}
