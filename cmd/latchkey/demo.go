package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
)

// The demo project and its clients. Their ids and secrets are public knowledge, so they exist in dev only: dev refuses a
// database that it did not make, and serve one that it made.
const (
	demoPublic       latchkey.ClientID = 1
	demoConfidential latchkey.ClientID = 2
	demoServer       latchkey.ClientID = 3

	demoSecret       latchkey.Secret = "demo-secret"
	demoServerSecret latchkey.Secret = "demo-server-secret"
)

var demoProject = latchkey.ProjectID{UUID: latchkey.UUID{6: 0x40, 8: 0x80, 15: 1}} // 00000000-0000-4000-8000-000000000001

// A demo is the project and the clients as they are at one address.
type demo struct{ url string }

func newDemo(url string) demo { return demo{url} }

// Where the demo's own pages are come back to: the one of the calls, and the one of the hosted login.
func (d demo) callback() string { return d.url + callbackPath }
func (d demo) redirect() string { return d.url + redirectPath }
func (d demo) home() string     { return d.url + "/demo" }

const (
	callbackPath = "/demo/callback"
	redirectPath = "/demo/signed-in"
	// demoLoopback is for a developer's own app, which may take any port there (RFC 8252 §7.3).
	demoLoopback = "http://127.0.0.1/callback"
)

func (d demo) redirects() []string {
	return []string{d.callback(), "app://xlogin.demo", "https://login.xsolla.com/api/blank", d.redirect(), demoLoopback, "http://[::1]/callback"}
}

// moved gives the URIs that a demo client has at this address: the demo's, and what a developer added. Those of the demo at
// an earlier address go.
func (d demo) moved(found, own []string) []string {
	out := slices.Clone(own)
	for _, uri := range found {
		old := strings.HasPrefix(uri, "http://") && (strings.HasSuffix(uri, callbackPath) || strings.HasSuffix(uri, redirectPath) || strings.HasSuffix(uri, "/demo"))
		if !old && !slices.Contains(out, uri) {
			out = append(out, uri)
		}
	}
	return out
}

// settings turns p, as it was made or found, into the demo project at this address. Everything else that a developer
// changed by the commands stays.
func (d demo) settings(p latchkey.Project) latchkey.Project {
	p.CallbackURLs = []string{d.callback()}
	p.LinkURLs = []string{d.callback()}
	if len(p.Defence.SMS.Countries) == 0 {
		// None costs anything here, and everybody is in one network.
		p.Defence.SMS.Countries, p.Defence.SMS.Breaker = []string{latchkey.AnyCountry}, latchkey.BreakerObserve
	}
	for _, origin := range []string{"http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*", "https://localhost:*"} {
		if !slices.Contains(p.AllowedOrigins, origin) {
			p.AllowedOrigins = append(p.AllowedOrigins, origin)
		}
	}
	return p
}

// A demoClient is a client with the secret that everybody knows.
type demoClient struct {
	latchkey.Client
	secret latchkey.Secret
}

func (d demo) clients() []demoClient {
	return []demoClient{
		{latchkey.Client{
			ID: demoPublic, Project: demoProject, Name: "Demo game", Kind: latchkey.PublicClient, RedirectURIs: d.redirects(),
			LogoutURIs: []string{d.home()}, DeviceLogin: true,
		}, ""},
		{latchkey.Client{
			ID: demoConfidential, Project: demoProject, Name: "Demo web site", Kind: latchkey.ConfidentialClient, RedirectURIs: d.redirects(),
			LogoutURIs: []string{d.home()},
		}, demoSecret},
		{latchkey.Client{ID: demoServer, Project: demoProject, Name: "Demo back end", Kind: latchkey.ServerClient}, demoServerSecret},
	}
}

// check refuses a database with projects that is not dev's own.
func (d demo) check(ctx context.Context, store latchkey.Store) error {
	projects, err := store.Projects(ctx)
	if err != nil || len(projects) == 0 {
		return err
	}
	if !slices.ContainsFunc(projects, func(p latchkey.Project) bool { return p.ID == demoProject }) {
		return errors.New("this database was not made by latchkey dev, which puts demo clients with public secrets into it: choose another folder with --data")
	}
	return nil
}

// seed makes what is missing and moves the redirects to this run's address.
func (d demo) seed(ctx context.Context, a *admin.Service) error {
	found, err := a.Store.Project(ctx, demoProject)
	switch {
	case latchkey.CodeOf(err) == latchkey.ProjectNotFound:
		err = a.CreateProject(ctx, d.settings(latchkey.NewProject(demoProject, "Demo", a.Now())))
	case err == nil && (!slices.Equal(found.CallbackURLs, d.settings(found).CallbackURLs) || len(found.Defence.SMS.Countries) == 0):
		err = a.UpdateProject(ctx, d.settings(found))
	}
	if err != nil {
		return err
	}
	for _, c := range d.clients() {
		found, err := a.Store.Client(ctx, c.ID)
		switch {
		case latchkey.CodeOf(err) == latchkey.UnknownClient:
			_, _, err = a.CreateClient(ctx, c.Client, c.secret)
		case err == nil:
			err = d.move(ctx, a, found, c.Client)
		}
		if err != nil {
			return fmt.Errorf("client %d: %w", c.ID, err)
		}
	}
	return nil
}

// move brings a client that an earlier run made to this address, if it is not there.
func (d demo) move(ctx context.Context, a *admin.Service, found, own latchkey.Client) error {
	redirects, logouts := d.moved(found.RedirectURIs, own.RedirectURIs), d.moved(found.LogoutURIs, own.LogoutURIs)
	if slices.Equal(found.RedirectURIs, redirects) && slices.Equal(found.LogoutURIs, logouts) {
		return nil
	}
	found.RedirectURIs, found.LogoutURIs, found.DeviceLogin = redirects, logouts, own.DeviceLogin
	_, err := a.UpdateClient(ctx, found, false)
	return err
}

// print is the start-up text, for a person.
func (d demo) print(w io.Writer, data string) {
	fmt.Fprintf(w, `Latchkey dev: everything runs on this machine, no message leaves it.

  Sign in      %[1]s/demo
  Inbox        %[1]s/dev/inbox    (JSON: /dev/inbox/messages)
  API          %[1]s/api          (described in %[1]s/openapi.yaml)
  Issuer       %[1]s/p/%[3]s
  Data         %[2]s

  Project      %[3]s
  Client %[4]d     public; redirect URI %[10]s, on any port
  Client %[5]d     confidential, secret %[6]s
  Client %[7]d     server, secret %[8]s
  Callback     %[9]s

Start a login by the calls; the code appears in the inbox:

  curl -s '%[1]s/api/login/email/request?projectId=%[3]s' -H 'Content-Type: application/json' -d '{"email":"player@example.test"}'

Ctrl-C stops it.
`, d.url, filepath.Clean(data), demoProject, demoPublic, demoConfidential, demoSecret.Reveal(), demoServer,
		demoServerSecret.Reveal(), d.callback(), demoLoopback)
}
