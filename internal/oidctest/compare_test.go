package oidctest_test

import (
	"encoding/json"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestComparedWithOIDCProvider runs one client against this server and against npm oidc-provider, which is certified. Where
// they differ, the table differences says why; where they do not, it says nothing.
func TestComparedWithOIDCProvider(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts two servers: left out of -short")
	}
	needNode(t)
	s := startDev(t)
	// Nobody has to listen there: the client reads where it would be sent.
	home := site{"http://127.0.0.1:1"}
	setup := map[string]any{
		"redirect_uri": home.callback(), "signed_out": home.signedOut(), "email": "compare@example.test", "inbox": s.url + "/dev/inbox/messages?limit=1&to=",
	}
	for _, name := range []string{"public", "confidential", "other"} {
		kind := name
		if name == "other" {
			kind = "confidential"
		}
		setup[name] = s.client(kind, home.flags()...)
	}
	ours, theirs := compare(t, s, s.issuer(), setup), compare(t, s, startProvider(t, setup), setup)
	used := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(merge(ours, theirs))) {
		if ours[name] == theirs[name] {
			continue
		}
		d, explained := differences[name]
		used[name] = true
		switch {
		case !explained:
			t.Errorf("%s: ours %q, theirs %q: explain it in the table or remove it", name, ours[name], theirs[name])
		case d.why == "":
			t.Errorf("%s: the table has no reason", name)
		case d.ours != ours[name] || d.theirs != theirs[name]:
			t.Errorf("%s: ours %q, theirs %q: the table explains another difference, of %q and %q", name, ours[name], theirs[name], d.ours, d.theirs)
		}
	}
	for name, d := range differences {
		if !used[name] {
			t.Errorf("%s: the table explains a difference that is not there: %+v", name, d)
		}
	}
	if len(ours) < 150 {
		t.Errorf("only %d things were compared", len(ours))
	}
}

func merge(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// compare runs the client against an issuer and gives what it saw.
func compare(t *testing.T, s *server, issuer string, setup map[string]any) map[string]string {
	t.Helper()
	setup = maps.Clone(setup)
	setup["issuer"] = issuer
	seen := map[string]string{}
	for name, value := range (program{t: t, s: s}).run("compare.mjs", setup) {
		seen[name], _ = value.(string)
	}
	return seen
}

// startProvider starts oidc-provider with the same clients and gives its issuer.
func startProvider(t *testing.T, setup map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(setup)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(needNode(t), "provider.mjs", string(raw))
	cmd.Dir = "js"
	var complaint strings.Builder
	cmd.Stderr = &complaint
	m := startUntil(t, cmd, regexp.MustCompile(`"listening":"([^"]*)"`))
	if m == nil {
		t.Fatalf("oidc-provider did not start: %s", complaint.String())
	}
	return m[1]
}
