package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
	"github.com/latchkey-dev/latchkey/internal/jose"
)

// withStore lends the database to f.
func (s databaseSettings) withStore(ctx context.Context, a *app, f func(latchkey.Store) error) error {
	store, err := s.open(ctx, a)
	if err != nil {
		return err
	}
	return errors.Join(f(store), store.Close())
}

// withArchive lends the database to f while no server runs on it.
func (s databaseSettings) withArchive(ctx context.Context, a *app, f func(latchkey.Archive) error) error {
	store, err := s.openAlone(ctx, a)
	if err != nil {
		return err
	}
	return errors.Join(f(store), store.Close())
}

// withAdmin lends the operator's use case to f, for what makes no key.
func (s databaseSettings) withAdmin(ctx context.Context, a *app, f func(*admin.Service) error) error {
	return s.withStore(ctx, a, func(store latchkey.Store) error {
		return f(&admin.Service{Store: store, Now: a.Now})
	})
}

// A keyedSettings is what the commands need that make or open keys: the master secrets too.
type keyedSettings struct {
	databaseSettings
	secretSettings
}

// withAdmin lends the operator's use case to f.
func (s keyedSettings) withAdmin(ctx context.Context, a *app, f func(*admin.Service) error) error {
	secrets, err := s.secrets(a)
	if err != nil {
		return err
	}
	return s.withStore(ctx, a, func(store latchkey.Store) error {
		return f(&admin.Service{Store: store, Signer: jose.New(secrets), Now: a.Now})
	})
}

// secrets are the configured ones, or what `latchkey dev` made in the data folder. serve does not look there: a code is
// six digits long, and its key must not lie next to the database (NIST SP 800-63B-4 §3.1.1.2).
func (s keyedSettings) secrets(a *app) (latchkey.Secrets, error) {
	fromFiles := s.SecretFile
	if len(s.Secret)+len(fromFiles) == 0 {
		if s.shared() {
			return latchkey.Secrets{}, errNoSecret
		}
		file := filepath.Join(filepath.Dir(s.path()), secretFileName)
		if _, err := os.Stat(file); err != nil {
			return latchkey.Secrets{}, errNoSecret
		}
		fromFiles = []string{file}
	}
	secrets, problems := readSecrets(s.Secret, fromFiles, a.settings)
	return secrets, mistakes("the master secret is not right", problems)
}

var errNoSecret = wrongUsage("signing keys are sealed under the master secret, which is missing: give the server's with --secret-file or LATCHKEY_SECRET")
