package arch_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A room is one line of the import table.
type room struct {
	house   []string // what it imports of the house, "" being the root package
	outside []string // the modules it owns, or shares if shared names them
}

// table is the whole house. A package that is missing from it is a mistake, and so is an entry that nothing uses: what a
// room may touch is exactly what stands here.
var table = map[string]room{
	"":    {},
	"api": {},

	// Use cases: nouns, ports and rooms that only compute. Never another use case.
	"internal/login":   {house: []string{"", "internal/address", "internal/catalog"}},
	"internal/token":   {house: []string{"", "internal/jose"}},
	"internal/account": {house: []string{""}},
	"internal/admin":   {house: []string{"", "internal/jose"}},
	"internal/session": {house: []string{""}},
	"internal/archive": {house: []string{""}},
	"internal/limits":  {house: []string{""}},
	"internal/captcha": {house: []string{""}},

	// Rooms that only compute.
	"internal/address":   {house: []string{""}, outside: []string{"github.com/nyaruka/phonenumbers", "golang.org/x/net"}},
	"internal/blocklist": {house: []string{"", "internal/address"}},
	"internal/form":      {house: []string{""}},
	"internal/altcha":    {house: []string{""}, outside: []string{"github.com/altcha-org/altcha-lib-go"}},
	"internal/cookie":    {house: []string{""}},
	"internal/catalog":   {house: []string{""}, outside: []string{"github.com/nicksnyder/go-i18n/v2", "golang.org/x/text"}},
	"internal/device":    {outside: []string{"github.com/mileusna/useragent"}},
	"internal/jose":      {house: []string{""}, outside: []string{"github.com/go-jose/go-jose/v4"}},
	"internal/qr":        {outside: []string{"github.com/boombuler/barcode"}},
	"internal/memory":    {house: []string{""}},
	"internal/polls":     {house: []string{""}},
	"internal/cached":    {house: []string{""}},
	"internal/outage":    {house: []string{""}},
	"internal/telemetry": {house: []string{""}, outside: []string{"github.com/prometheus/client_golang"}},

	// Rooms that do I/O: one outside thing each.
	"internal/sqlite":      {house: []string{""}, outside: []string{"zombiezen.com/go/sqlite"}},
	"internal/postgres":    {house: []string{"", "internal/memory"}, outside: []string{"github.com/jackc/pgx/v5"}},
	"internal/valkey":      {house: []string{""}},
	"internal/smtp":        {house: []string{""}, outside: []string{"github.com/wneessen/go-mail"}},
	"internal/sms/twilio":  {house: []string{""}},
	"internal/sms/webhook": {house: []string{""}},
	"internal/devinbox":    {house: []string{""}},
	"internal/mx":          {},
	"internal/siteverify":  {house: []string{""}},
	"internal/front":       {outside: []string{"github.com/pires/go-proxyproto"}},
	"internal/geoip":       {outside: []string{"github.com/oschwald/maxminddb-golang/v2"}},

	// Ways in: they decode, call one use case, and encode.
	"internal/httpapi": {house: []string{
		"", "api", "internal/account", "internal/address", "internal/captcha", "internal/cookie", "internal/form", "internal/limits",
		"internal/login", "internal/polls", "internal/session", "internal/token",
	}},
	"internal/oidc": {house: []string{
		"", "internal/account", "internal/address", "internal/captcha", "internal/catalog", "internal/cookie", "internal/device", "internal/form",
		"internal/jose", "internal/limits", "internal/login", "internal/polls", "internal/qr", "internal/session", "internal/token",
	}},
	"internal/pages":  {house: []string{"", "internal/catalog", "internal/cookie", "internal/device", "internal/devinbox", "internal/limits", "internal/login"}},
	"internal/worker": {house: []string{"", "internal/catalog"}},

	// Wiring.
	"cmd/latchkey": {
		house: []string{
			"", "internal/account", "internal/address", "internal/admin", "internal/altcha", "internal/archive", "internal/blocklist", "internal/cached", "internal/captcha", "internal/catalog",
			"internal/device", "internal/devinbox", "internal/front", "internal/geoip", "internal/httpapi", "internal/jose", "internal/limits", "internal/login", "internal/memory", "internal/mx",
			"internal/oidc", "internal/outage", "internal/pages", "internal/postgres", "internal/polls", "internal/session", "internal/siteverify",
			"internal/sms/twilio", "internal/sms/webhook", "internal/smtp", "internal/sqlite", "internal/telemetry",
			"internal/token", "internal/valkey", "internal/worker",
		},
		outside: []string{"github.com/alecthomas/kong", "go.yaml.in/yaml/v3", "golang.org/x/sync"},
	},

	// The ports' contracts in executable form, the laws, and programs around the house.
	"internal/storetest":   {house: []string{""}},
	"internal/sendertest":  {house: []string{""}},
	"internal/pgtest":      {},
	"internal/limitertest": {house: []string{""}},
	"internal/arch":        {},
	"internal/browsertest": {},
	"internal/oidctest":    {},
	"internal/sdktest":     {},
	"internal/crashtest":   {},
	"internal/clustertest": {},
	"bench":                {house: []string{"internal/pgtest"}},
	"attack":               {},
}

// forTests are the modules that only tests may import, and no test may import a module from elsewhere.
var forTests = []string{
	"github.com/anishathalye/porcupine", "github.com/chromedp/cdproto", "github.com/chromedp/chromedp",
	"github.com/coreos/go-oidc/v3", "github.com/emersion/go-sasl", "github.com/emersion/go-smtp", "github.com/getkin/kin-openapi",
	"github.com/rogpeppe/go-internal", "go.uber.org/goleak", "golang.org/x/net/html", "golang.org/x/oauth2", "pgregory.net/rapid",
}

// TestEveryImportIsInTheTable is the law of the house: the table is what is, to the letter.
func TestEveryImportIsInTheTable(t *testing.T) {
	used := map[string]map[string]bool{}
	for _, s := range sources(t) {
		if _, known := table[s.dir]; !known {
			t.Errorf("%s: package %q is not in the table: give it a line that says what it may touch", s.path, s.dir)
			continue
		}
		if s.test {
			continue
		}
		if used[s.dir] == nil {
			used[s.dir] = map[string]bool{}
		}
		for _, spec := range s.ast.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			switch {
			case path == module || strings.HasPrefix(path, module+"/"):
				dir := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
				used[s.dir][dir] = true
				if !slices.Contains(table[s.dir].house, dir) {
					t.Errorf("%s: %q may not import %q of the house", s.pos(spec), s.dir, dir)
				}
			case isStandard(path):
			default:
				owned := owner(table[s.dir].outside, path)
				used[s.dir][owned] = true
				if owned == "" {
					t.Errorf("%s: %q does not own the module of %q", s.pos(spec), s.dir, path)
				}
			}
		}
	}
	for dir, r := range table {
		if used[dir] == nil && dir != "internal/arch" {
			t.Errorf("the table has %q, the house has not", dir)
			continue
		}
		for _, want := range slices.Concat(r.house, r.outside) {
			if !used[dir][want] {
				t.Errorf("the table lets %q import %q, which it does not: take it out", dir, want)
			}
		}
	}
}

// TestEveryModuleHasOneOwner keeps a change of library inside one package.
func TestEveryModuleHasOneOwner(t *testing.T) {
	owners := map[string]string{}
	for dir, r := range table {
		for _, m := range r.outside {
			if other, taken := owners[m]; taken {
				t.Errorf("module %s has two owners: %q and %q", m, other, dir)
			}
			owners[m] = dir
		}
	}
}

// TestTestsImportKnownModulesOnly holds test dependencies to the list, and the list to what tests use.
func TestTestsImportKnownModulesOnly(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, spec := range s.ast.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			if isStandard(path) || strings.HasPrefix(path, module) || owner(table[s.dir].outside, path) != "" {
				continue
			}
			m := owner(forTests, path)
			used[m] = true
			if m == "" {
				t.Errorf("%s: a test in %q imports %q, which is neither its room's nor a test module", s.pos(spec), s.dir, path)
			}
		}
	}
	for _, m := range forTests {
		if !used[m] {
			t.Errorf("no test imports %s: take it out of the list and of go.mod", m)
		}
	}
}

// TestTheRootTouchesNothing holds the nouns to computation: no network, no files, no database, no clock of a room.
func TestTheRootTouchesNothing(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir != "" || s.test {
			continue
		}
		for _, spec := range s.ast.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			if slices.Contains([]string{"net", "net/http", "os", "os/exec", "database/sql", "crypto/rand", "syscall"}, path) {
				t.Errorf("%s: the root package may not import %q", s.pos(spec), path)
			}
		}
	}
}

func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func owner(modules []string, path string) string {
	for _, m := range modules {
		if path == m || strings.HasPrefix(path, m+"/") {
			return m
		}
	}
	return ""
}
