package admin_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
	"github.com/latchkey-dev/latchkey/internal/jose"
	"github.com/latchkey-dev/latchkey/internal/sqlite"
)

const (
	goodKeys = `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	ownKeys  = `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}`
)

// TestClientsWithKeys: a client that signs needs no secret and gets none unless one is given; a set with a private key is
// stored neither at first nor later, and the refusal does not repeat it.
func TestClientsWithKeys(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "latchkey.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	secrets, err := latchkey.NewSecrets([]byte("a master secret for tests, 32 bytes and more"))
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	s := &admin.Service{Store: store, Signer: jose.New(secrets), Now: now}
	p := latchkey.NewProject(latchkey.ProjectID{UUID: latchkey.UUID{1}}, "Game", now())
	p.Algorithm = latchkey.EdDSA
	if err := s.CreateProject(ctx, p); err != nil {
		t.Fatal(err)
	}
	client := func(kind latchkey.ClientKind, keys string) latchkey.Client {
		return latchkey.Client{Project: p.ID, Name: "client", Kind: kind, PublicKeys: keys}
	}
	for name, c := range map[string]struct {
		client  latchkey.Client
		given   latchkey.Secret
		secret  bool // it has one afterwards
		refused bool
	}{
		"a secret is made":          {client: client(latchkey.ServerClient, ""), secret: true},
		"keys alone":                {client: client(latchkey.ServerClient, goodKeys)},
		"keys and a secret":         {client: client(latchkey.ConfidentialClient, goodKeys), given: "sixteen letters and more", secret: true},
		"a private key":             {client: client(latchkey.ServerClient, ownKeys), refused: true},
		"no key set":                {client: client(latchkey.ServerClient, "x"), refused: true},
		"a public client with keys": {client: client(latchkey.PublicClient, goodKeys), refused: true},
	} {
		made, secret, err := s.CreateClient(ctx, c.client, c.given)
		if c.refused != (latchkey.CodeOf(err) == latchkey.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "nWGxne") {
			t.Errorf("%s: the refusal repeats the key: %v", name, err)
		}
		if err == nil && (c.secret != (secret != "") || c.secret == made.SecretHash.IsZero()) {
			t.Errorf("%s: secret %q, hash %v", name, secret.Reveal(), !made.SecretHash.IsZero())
		}
	}
	made, _, err := s.CreateClient(ctx, client(latchkey.ServerClient, goodKeys), "")
	if err != nil {
		t.Fatal(err)
	}
	made.PublicKeys = ownKeys
	if _, err := s.UpdateClient(ctx, made, false); latchkey.CodeOf(err) != latchkey.Invalid {
		t.Errorf("a private key later: %v", err)
	}
	made.PublicKeys = ""
	if _, err := s.UpdateClient(ctx, made, false); latchkey.CodeOf(err) != latchkey.Invalid {
		t.Errorf("neither keys nor a secret: %v", err)
	}
	if kept, err := store.Client(ctx, made.ID); err != nil || kept.PublicKeys != goodKeys {
		t.Errorf("a refusal changed what is stored: %q, %v", kept.PublicKeys, err)
	}
}
