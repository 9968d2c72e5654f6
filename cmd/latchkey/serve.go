package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/jose"
)

// serveCommand is `latchkey serve`.
type serveCommand struct{ settings }

// Help implements kong's detail.
func (serveCommand) Help() string {
	return `Needs a public URL, a master secret and a provider for email or SMS. Each setting is a flag, a variable or a line in the YAML file: a flag wins over a variable, and a variable over the file. In a variable, several values are separated by spaces. "latchkey config check" says what is wrong and shows what would be used.

Calls are limited, per client network, per address, per project and in all: "latchkey limits show" lists how often, and why. Behind a proxy set --trusted-proxy, or everybody counts as one.

Providers are one-line URLs; user names and passwords in them are percent-encoded:

    smtp://user:password@mail.example.com:587?from=login@example.com    STARTTLS; &tls=none for no encryption
    smtps://user:password@mail.example.com?from=login@example.com       TLS from the first byte
    twilio://SID:TOKEN@?from=+12025550100                                or messaging_service=MG...
    webhook+https://example.com/send?secret=...                         your own, for email or SMS

A smtp URL takes helo=, connections= and from="Example <login@example.com>" too.

Paths: /api, /p/ and /.well-known/ (OpenID Connect), /l/, /static/, /openapi.yaml, /healthz (the process runs), /readyz (it can serve), /metrics (Prometheus).

Example of a file:

    public-url: https://login.example.com
    data: /var/lib/latchkey
    secret-file: /run/secrets/latchkey
    email:
      - smtp://login:password@mail.example.com:587?from=login@example.com
      - webhook+https://example.com/send?secret=0123456789abcdef0123456789abcdef

and its start:

    latchkey serve --config latchkey.yaml`
}

// Run implements the command.
func (c serveCommand) Run(ctx context.Context, a *app) error {
	cfg, err := c.check(a.settings, a.Now)
	if err != nil {
		return err
	}
	store, bell, err := c.openServer(ctx, newLog(a.Stderr, cfg.logLevel))
	if err != nil {
		return err
	}
	s, listener, err := assemble(ctx, a, cfg, store, bell)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	s.log.Info("serving", "listen", listener.Addr().String(), "public_url", cfg.publicURL, "store", c.name(), "limiter", c.limiterName(), "max_polls", s.polls.all, "version", version())
	return s.run(ctx, listener)
}

func assemble(ctx context.Context, a *app, cfg config, store latchkey.Store, bell latchkey.Bell) (_ *server, main net.Listener, err error) {
	if err := refuseDemo(ctx, store); err != nil {
		return nil, nil, err
	}
	if err := opensKeys(ctx, store, jose.New(cfg.secrets), a.Now()); err != nil {
		return nil, nil, fmt.Errorf("%w: give the master secret that the keys were made under, behind a newer one if there is one", err)
	}
	var numbers net.Listener
	if cfg.metrics != "" {
		if numbers, err = listen(cfg.metrics, "--metrics-listen"); err != nil {
			return nil, nil, err
		}
	}
	log := newLog(a.Stderr, cfg.logLevel)
	if err := warnNoSMS(ctx, store, log); err != nil {
		return nil, nil, err
	}
	if err := tellTestIdentities(ctx, store, cfg.noTests, a.Now(), log); err != nil {
		return nil, nil, err
	}
	s, err := newServer(ctx, house{
		tendHeap: a.Getenv("GOGC") == "",
		store:    store, bell: bell, secrets: cfg.secrets, senders: cfg.senders, publicURL: cfg.publicURL, now: a.Now,
		drain: cfg.drain, shutdown: cfg.shutdown, polls: cfg.polls, limits: cfg.limits, captcha: cfg.captcha, block: cfg.block, checkMX: cfg.checkMX, noTests: cfg.noTests,
		clientIP: cfg.front.clients(log), place: cfg.place, metrics: numbers, log: log,
	})
	if err == nil {
		main, err = listen(cfg.listen, "--listen")
	}
	if err != nil {
		if numbers != nil {
			err = errors.Join(err, numbers.Close())
		}
		return nil, nil, err
	}
	main = cfg.front.listener(main, s.refused)
	if cfg.tls != nil {
		main = tls.NewListener(main, cfg.tls)
	}
	return s, main, nil
}

// refuseDemo keeps clients whose secrets everybody knows out of production.
func refuseDemo(ctx context.Context, store latchkey.Store) error {
	_, err := store.Project(ctx, demoProject)
	switch {
	case latchkey.CodeOf(err) == latchkey.ProjectNotFound:
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("this database has the demo project of latchkey dev, whose client secrets everybody knows: "+
		"delete it with `latchkey project delete %s`, or choose another folder with --data", demoProject)
}

// opensKeys makes sure that the master secrets are the ones of this database, before anybody logs in: it signs once for
// some projects. All of them would take a millisecond each.
func opensKeys(ctx context.Context, store latchkey.Store, signer latchkey.Signer, now time.Time) error {
	const some = 20
	projects, err := store.Projects(ctx)
	if err != nil {
		return err
	}
	for _, p := range projects[:min(some, len(projects))] {
		keys, err := store.Keys(ctx, p.ID)
		if err != nil {
			return err
		}
		key, err := keys.Signing(p.Algorithm)
		if err == nil {
			_, err = signer.Sign(ctx, key, latchkey.Claims{IssuedAt: now.Unix(), Expires: now.Unix()}) // dead at birth
		}
		if err != nil {
			return fmt.Errorf("project %q cannot sign: %w", p.Name, err)
		}
	}
	return nil
}
