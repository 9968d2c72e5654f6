package main

import (
	"context"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
	"github.com/latchkey-dev/latchkey/internal/jose"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/memory"
	"github.com/latchkey-dev/latchkey/internal/sqlite"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// person makes, in the database of latchkey dev that seeded made, a user who is signed in: in a browser, and to the
// confidential client, for good. It sets USER, BROWSER and GRANT to their ids.
func person(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: person FOLDER")
	}
	ctx, folder := context.Background(), ts.MkAbs(args[0])
	secrets, err := devSecrets(filepath.Join(folder, secretFileName))
	ts.Check(err)
	store, err := sqlite.Open(ctx, databaseSettings{Data: folder}.path())
	ts.Check(err)
	defer func() { ts.Check(store.Close()) }()
	texts, err := catalog.New()
	ts.Check(err)
	outbox := make(chan latchkey.Message, 1)
	logins := &login.Service{
		Store: store, Signer: jose.New(secrets), Secrets: secrets, Bell: &memory.Bell{}, Catalog: texts, Outbox: outbox,
		PublicURL: "http://127.0.0.1:1", Now: time.Now,
	}
	client, err := store.Client(ctx, demoConfidential)
	ts.Check(err)
	redirect := client.RedirectURIs[1]
	to := latchkey.CanonicalAddress(latchkey.Email, "player@example.test")
	from := latchkey.Origin{
		IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	}
	op, err := logins.Start(ctx, login.StartRequest{
		Protocol: latchkey.OAuth2, Client: demoConfidential, At: demoProject, To: to, Redirect: redirect, ResponseType: "code",
		Scope: "openid offline_access", From: from,
	})
	ts.Check(err)
	m := <-outbox
	code, _ := secrets.Code(m.Challenge, m.Project, m.To, m.Digits)
	a, err := logins.Authorize(ctx, login.CompleteRequest{
		Protocol: latchkey.OAuth2, Client: demoConfidential, To: to, Code: code, Operation: op.ID.String(), From: from,
		Browser: login.Browser{Stay: true},
	})
	ts.Check(err)
	tokens := &token.Service{Store: store, Signer: logins.Signer, Secrets: secrets, PublicURL: logins.PublicURL, Now: time.Now}
	_, err = tokens.Redeem(ctx, token.RedeemRequest{
		Client: token.Credentials{ID: demoConfidential, Secret: demoSecret, At: demoProject}, Code: a.Code, Redirect: redirect, From: from,
	})
	ts.Check(err)
	session, _ := secrets.ParseSessionToken(a.Session)
	_, u, err := store.Session(ctx, session)
	ts.Check(err)
	grants, err := store.Grants(ctx, u.ID, time.Now())
	ts.Check(err)
	first, nick, born := "Jo", "jö", "1995-01-05"
	_, err = store.DescribeUser(ctx, u.ID, latchkey.PersonChange{FirstName: &first, Nickname: &nick, Birthday: &born}, latchkey.Event{
		At: time.Now(), Kind: latchkey.UserDescribed, Project: u.Project, User: u.ID,
	})
	ts.Check(err)
	ts.Setenv("USER", u.ID.String())
	ts.Setenv("BROWSER", session.String())
	ts.Setenv("GRANT", grants[0].ID.String())
}
