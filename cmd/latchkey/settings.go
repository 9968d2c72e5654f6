package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// settings are what serve, `config check` and, in part, every operator's command read. Each is a flag, a variable and a
// key of the YAML file: a flag wins over a variable, a variable over the file. All are text here and are judged together
// (config.go), so that one run shows every mistake.
type settings struct {
	databaseSettings
	secretSettings

	Listen       string   `setting:"" group:"reach" default:":8080" placeholder:"HOST:PORT" help:"Where to listen. Default: ${default}."`
	PublicURL    string   `setting:"" name:"public-url" group:"reach" placeholder:"URL" help:"What people reach the server at: scheme and host, no path. https, unless it is this machine."`
	TLSCert      string   `setting:"" name:"tls-cert" group:"reach" placeholder:"FILE" help:"Certificate chain in PEM, to serve https without a proxy. Read at start."`
	TLSKey       string   `setting:"" name:"tls-key" group:"reach" placeholder:"FILE" help:"Private key of --tls-cert in PEM."`
	TrustedProxy []string `setting:"" sep:"none" group:"reach" placeholder:"ADDR" help:"Address or network of a proxy that is believed when it says whom it speaks for. Without it everybody behind a proxy counts as one. Repeatable."`
	ProxyHeader  string   `setting:"" group:"reach" default:"x-forwarded-for" placeholder:"NAME" help:"The header in which it says so: x-forwarded-for, forwarded (RFC 7239), or none. The other one is not read: a proxy passes it on as it came. Default: ${default}."`

	ProxyProtocol bool `setting:"" group:"reach" help:"Connections of trusted proxies begin with the PROXY protocol, version 1 or 2. One that does not is closed."`

	MaxConnsPerClient string `setting:"" group:"reach" default:"auto" placeholder:"N" help:"How many connections one IPv4 address or IPv6 /64 may hold open, trusted proxies aside; an IPv6 /48 ten times as many. auto: 1024, or half of the open files that the process may have, if that is less. Default: ${default}."`

	MaxPolls          string `setting:"" group:"reach" default:"auto" placeholder:"N" help:"How many devices may wait for a link at once; others are told to come again. auto: as many as the limit of open files allows, less a reserve for logins. Default: ${default}."`
	MaxPollsPerClient string `setting:"" group:"reach" default:"256" placeholder:"N" help:"How many of them may be of one IPv4 address or IPv6 /64. Default: ${default}."`

	limiterSettings
	captchaSettings
	blockSettings
	testIdentitySettings

	Email []string `setting:"" sep:"none" group:"send" placeholder:"URL" help:"A provider for email. Repeatable: the next one is tried when one fails."`
	SMS   []string `setting:"" name:"sms" sep:"none" group:"send" placeholder:"URL" help:"A provider for SMS. Repeatable."`

	GeoIP string `setting:"" name:"geoip" group:"show" placeholder:"FILE" help:"Table of places in the MaxMind DB format (GeoLite2 City, DB-IP City Lite or their like): the page behind a link then says roughly where the device is that asks. Read at start."`

	LogLevel        string `setting:"" group:"watch" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error. Log lines are JSON on stderr. Default: ${default}."`
	MetricsListen   string `setting:"" group:"watch" placeholder:"HOST:PORT" help:"Serve /metrics here, and Go profiles under /debug/pprof/, instead of on the main address. Do that when the main address is open to the world; this one must not be."`
	DrainTime       string `setting:"" group:"watch" default:"0s" placeholder:"TIME" help:"How long to go on serving after SIGTERM while /readyz says no already, so that a proxy in front of several servers sends its requests elsewhere before this one closes: twice as long as the proxy takes to look. Default: ${default}."`
	ShutdownTimeout string `setting:"" group:"watch" default:"10s" placeholder:"TIME" help:"How long requests and sends may take to end after SIGTERM or Ctrl-C. A second signal ends at once. Default: ${default}."`
}

// databaseSettings say which database. Every operator's command has them.
type databaseSettings struct {
	Config   configFile `setting:"" group:"keep" placeholder:"FILE" help:"YAML file with any of these settings, by the names of the flags."`
	Data     string     `setting:"" group:"keep" default:"latchkey-data" placeholder:"DIR" help:"Folder of the database latchkey.db. Default: ./${default}, which is where latchkey dev keeps it."`
	Database string     `setting:"" group:"keep" placeholder:"FILE" help:"The database itself, if it is not in --data."`

	Store     string `setting:"" group:"keep" placeholder:"URL" help:"Keep everything in PostgreSQL instead, which several servers may share: postgres://user:password@host/database?sslmode=verify-full. Better in the variable or the file: everybody on the machine can read flags."`
	StoreBell string `setting:"" group:"keep" placeholder:"URL" help:"The same database without a pooler, if --store goes through one such as PgBouncer: how servers wake each other's waiting devices."`
}

// secretSettings say where the master secrets are.
type secretSettings struct {
	Secret     []string `setting:"" sep:"none" group:"keep" placeholder:"TEXT" help:"Master secret, at least 32 bytes in base64 or hex: see latchkey secret generate. Several, newest first, while one is replaced. Better in the variable or a file: everybody on the machine can read flags."`
	SecretFile []string `setting:"" sep:"none" group:"keep" placeholder:"FILE" help:"File with one master secret per line, newest first. Repeatable."`
}

// path is the database file.
func (s databaseSettings) path() string {
	if s.Database != "" {
		return s.Database
	}
	return filepath.Join(s.Data, "latchkey.db")
}

// settingTag marks the flags that are settings.
const settingTag = "setting"

// variable is the name of a setting in the environment.
func variable(flag string) string {
	return "LATCHKEY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// configFile is --config; it tells origins its value before the other settings are resolved.
type configFile string

// BeforeResolve implements kong's hook.
func (configFile) BeforeResolve(k *kong.Context, trace *kong.Path, o *origins) error {
	o.file = string(k.FlagValue(trace.Flag).(configFile))
	o.from = map[string]string{"config": "--config"}
	return nil
}

// origins is the kong.Resolver of variables and the YAML file. It remembers where each setting came from, and collects
// what is wrong with the file instead of stopping at the first mistake.
type origins struct {
	getenv   func(string) string
	file     string
	from     map[string]string        // setting to where its value came from; absent: the default
	known    func() ([]string, error) // every setting; asked for only where there is a file
	loaded   bool
	keys     map[string]yaml.Node
	problems []problem
}

// Validate implements kong.Resolver. It is called too late to be of use.
func (o *origins) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver for a flag that is not on the command line.
func (o *origins) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !flag.Tag.Has(settingTag) {
		return nil, nil
	}
	o.load()
	if v := o.getenv(variable(flag.Name)); v != "" {
		o.note(flag.Name, variable(flag.Name))
		if flag.IsSlice() {
			return list(strings.Fields(v)), nil
		}
		return v, nil
	}
	node, ok := o.keys[flag.Name]
	if !ok {
		return nil, nil
	}
	where := fmt.Sprintf("%s, line %d", o.file, node.Line)
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return nil, nil
	case node.Kind == yaml.ScalarNode && flag.IsSlice():
		o.note(flag.Name, where)
		return list([]string{node.Value}), nil
	case node.Kind == yaml.ScalarNode:
		o.note(flag.Name, where)
		return node.Value, nil
	case node.Kind == yaml.SequenceNode && flag.IsSlice() && !slices.ContainsFunc(node.Content, notText):
		o.note(flag.Name, where)
		var values []string
		for _, n := range node.Content {
			values = append(values, n.Value)
		}
		return list(values), nil
	}
	right := "one value, not a list or a map"
	if flag.IsSlice() {
		right = "one value or a list of values"
	}
	o.problems = append(o.problems, problem{flag.Name, where, "has the wrong shape", "it is " + right})
	return nil, nil
}

func notText(n *yaml.Node) bool { return n.Kind != yaml.ScalarNode }

// list is how kong takes several values from a resolver.
func list(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

func (o *origins) note(setting, where string) {
	if o.from == nil {
		o.from = map[string]string{}
	}
	o.from[setting] = where
}

// noteFlags remembers what came from the command line itself.
func (o *origins) noteFlags(k *kong.Context) {
	for _, p := range k.Path {
		if p.Flag != nil && !p.Resolved && p.Flag.Tag.Has(settingTag) {
			o.note(p.Flag.Name, "--"+p.Flag.Name)
		}
	}
}

// load reads the YAML file, once.
func (o *origins) load() {
	if o.loaded {
		return
	}
	o.loaded = true
	if o.file == "" {
		o.file = o.getenv(variable("config"))
	}
	if o.file == "" {
		return
	}
	raw, err := os.ReadFile(o.file)
	if err != nil {
		o.problems = append(o.problems, problem{"config", o.from["config"], "cannot be read", cause(err)})
		return
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		o.problems = append(o.problems, problem{"config", o.file, "is not YAML", strings.TrimPrefix(err.Error(), "yaml: ")})
		return
	}
	o.keys = map[string]yaml.Node{}
	if len(doc.Content) == 0 {
		return // empty, or comments only
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		o.problems = append(o.problems, problem{"config", o.file, "is not a list of settings", "each line is `name: value`"})
		return
	}
	known, err := o.known()
	if err != nil {
		o.problems = append(o.problems, problem{"config", o.file, "cannot be judged", err.Error()})
		return
	}
	for i := 0; i+1 < len(top.Content); i += 2 {
		o.key(top.Content[i], top.Content[i+1], known)
	}
}

// key takes one line of the file. Names may be written with _ too.
func (o *origins) key(name, value *yaml.Node, known []string) {
	where := fmt.Sprintf("%s, line %d", o.file, name.Line)
	key := strings.ReplaceAll(name.Value, "_", "-")
	_, twice := o.keys[key]
	switch {
	case key == "config" || !slices.Contains(known, key):
		o.problems = append(o.problems, problem{name.Value, where, "is not a setting", nearest(key, known)})
	case twice:
		o.problems = append(o.problems, problem{name.Value, where, "stands there twice", "leave one of them"})
	default:
		o.keys[key] = *value
	}
}

// nearest suggests the setting that was meant.
func nearest(word string, known []string) string {
	best, least := "", 4 // more than three slips are another word
	for _, k := range known {
		if d := distance(word, k); d < least && k != "config" {
			best, least = k, d
		}
	}
	if best == "" {
		return "latchkey serve --help lists them all"
	}
	return "did you mean " + best + "?"
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// cause is the reason in a file error, whose path is named already.
func cause(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
