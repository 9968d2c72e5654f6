package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
	"github.com/latchkey-dev/latchkey/internal/jose"
	"github.com/latchkey-dev/latchkey/internal/sqlite"
)

// withStore lends the database to f. It must exist: a mistyped folder shall not become an empty database.
func (s databaseSettings) withStore(ctx context.Context, a *app, f func(latchkey.Store) error) error {
	if err := mistakes("the configuration is not right", a.settings.problems); err != nil {
		return err
	}
	if err := s.exists(); err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, s.path())
	if err != nil {
		return err
	}
	return errors.Join(f(store), store.Close())
}

// withArchive lends the database to f while no server runs on it.
func (s databaseSettings) withArchive(ctx context.Context, a *app, f func(latchkey.Archive) error) error {
	if err := mistakes("the configuration is not right", a.settings.problems); err != nil {
		return err
	}
	if err := s.exists(); err != nil {
		return err
	}
	store, err := sqlite.OpenServer(ctx, s.path())
	if err != nil {
		return err
	}
	return errors.Join(f(store), store.Close())
}

func (s databaseSettings) exists() error {
	if _, err := os.Stat(s.path()); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database at %s: say where it is with --data or --database, or make one with `latchkey migrate`", s.path())
	}
	return nil
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
		file := filepath.Join(filepath.Dir(s.path()), secretFileName)
		if _, err := os.Stat(file); err != nil {
			return latchkey.Secrets{}, wrongUsage("signing keys are sealed under the master secret, which is missing: give the server's with --secret-file or LATCHKEY_SECRET")
		}
		fromFiles = []string{file}
	}
	secrets, problems := readSecrets(s.Secret, fromFiles, a.settings)
	return secrets, mistakes("the master secret is not right", problems)
}
