package oidctest_test

import (
	"bufio"
	"context"
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
	setup := map[string]any{
		"issuer": p.s.issuer(), "client_id": c.ID, "secret": c.Secret, "email": p.who.address, "redirect_uri": p.home.callback(),
	}
	if p.s.has("end_session_endpoint") {
		setup["signed_out"] = p.home.signedOut()
	}
	return setup
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
	p.who.open(address)
	switch does {
	case "sign in":
		p.who.signIn(p.s)
	case "":
	default:
		p.t.Fatalf("a script asks the person to %q", does)
	}
	return p.who.endsAt(p.home.url + "/")
}

// TestOpenIDClient: npm openid-client in every way in which a client can show who it is.
func TestOpenIDClient(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	needNode(t)
	for name, c := range map[string]struct {
		kind  string
		auth  string
		needs string // a member of the discovery document without which it cannot be
		more  map[string]any
	}{
		"public":                            {kind: "public", auth: "none"},
		"confidential, client_secret_basic": {kind: "confidential", auth: "client_secret_basic"},
		"confidential, client_secret_post":  {kind: "confidential", auth: "client_secret_post"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, home := startDev(t), newSite(t)
			p := program{t: t, s: s, home: home, who: newPerson(t, c.auth+"@example.test")}
			made := s.client(c.kind, home.flags(s)...)
			setup := p.setup(made)
			setup["auth"] = c.auth
			maps.Copy(setup, c.more)
			p.run("openid-client.mjs", setup)
		})
	}
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
			p.run("oauth4webapi.mjs", p.setup(s.client(kind, home.flags(s)...)))
		})
	}
}
