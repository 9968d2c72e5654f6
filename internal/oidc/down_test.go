package oidc_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// A burning store knows its projects and nothing else.
type burning struct{ latchkey.Store }

func (burning) Client(context.Context, latchkey.ClientID) (latchkey.Client, error) {
	return latchkey.Client{}, &latchkey.Error{Code: latchkey.Unavailable, Err: errors.New("disk on fire")}
}

// TestStoreDown: a client and a person are told when to come again, and not why; the log has the cause.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login.Store, w.server.Tokens.Store = burning{w.store}, burning{w.store}
	for name, r := range map[string]reply{
		"token":     w.post("/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", basic(serverID, secret)),
		"device":    w.post("/device_authorization", url.Values{"client_id": {"1"}}),
		"authorize": w.get("/authorize?" + request().Encode()),
	} {
		if after := r.header.Get("Retry-After"); r.status != http.StatusServiceUnavailable || after == "" || strings.Contains(string(r.body), "fire") {
			t.Errorf("%s: %d with Retry-After %q: %s", name, r.status, after, r.body)
		}
	}
	if log := w.log.String(); strings.Count(log, "disk on fire") != 3 || !strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the log lacks the cause, or a level: %s", log)
	}
}
