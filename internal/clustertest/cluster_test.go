package clustertest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/pgtest"
)

// patience is how long anything may take that takes moments; what takes longer is broken.
const patience = 40 * time.Second

// What the project of every test knows.
const (
	callbackURL = "https://cluster.example.com/callback" // of the JWT protocol
	redirectURI = "https://cluster.example.com/signed-in"
	linkURL     = "https://cluster.example.com/approved"
	origin      = "https://cluster.example.com"
)

// master is the master secret of every cluster, in hexadecimal: tests derive codes and links as the nodes do.
var master = strings.Repeat("c5", latchkey.MinMasterSecret)

// scratch is gone when the tests are. TestMain makes it.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "latchkey-cluster-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := pgtest.Main(m)
	os.RemoveAll(scratch)
	os.Exit(code)
}

// binary is the program, built once for all tests.
var binary = sync.OnceValues(func() (string, error) { return build("latchkey") })

// build makes the program under a name. More flags make another build of the same source.
func build(name string, flags ...string) (string, error) {
	path := filepath.Join(scratch, name)
	args := append([]string{"build", "-o", path}, flags...)
	out, err := exec.Command("go", append(args, "github.com/latchkey-dev/latchkey/cmd/latchkey")...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, err
}

// A cluster is several nodes over one database, behind one proxy, with one sink for mails.
type cluster struct {
	*api     // through the proxy
	server   *pgtest.Server
	database string // name
	store    string // its URL
	binary   string
	nodes    []*node
	proxy    *proxy
	sink     *sink
}

// A plan is what a test wants other than usual.
type plan struct {
	server    *pgtest.Server // nil: the one that tests share
	nodes     int            // 0: 3
	algorithm string         // empty: HS256
}

// newCluster gives a running cluster with an empty project, which ends with the test.
func newCluster(t *testing.T, p plan) *cluster {
	t.Helper()
	if p.server == nil {
		p.server = pgtest.Shared(t)
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{server: p.server, binary: program, sink: newSink(t)}
	c.database = newDatabase(t, p.server)
	c.store = p.server.URL(c.database)
	c.run(t, "migrate")
	c.proxy = newProxy(t)
	c.api = newAPI(t, c.proxy.url)
	c.makeProject(t, p.algorithm)
	for i := range max(p.nodes, 3*(1-min(p.nodes, 1))) {
		n := newNode(t, c, "node-"+strconv.Itoa(i+1))
		c.nodes = append(c.nodes, n)
		n.start(t)
	}
	c.proxy.serve(c.nodes)
	return c
}

// newDatabase makes an empty database.
func newDatabase(t *testing.T, s *pgtest.Server) string {
	t.Helper()
	name := "cluster_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	s.SQL(t, "postgres", "CREATE DATABASE "+name)
	return name
}

func (c *cluster) makeProject(t *testing.T, algorithm string) {
	t.Helper()
	if algorithm == "" {
		algorithm = "HS256"
	}
	var project struct{ ID latchkey.ProjectID }
	c.command(t, &project, "project", "create", "Cluster", "--callback-url", callbackURL, "--link-url", linkURL,
		"--allowed-origin", origin, "--algorithm", algorithm, "--code-life", "600s")
	var client struct{ ID int64 }
	c.command(t, &client, "client", "create", "Game", "--redirect-uri", redirectURI)
	c.api.project, c.api.client = project.ID, strconv.FormatInt(client.ID, 10)
}

// run runs one of the program's commands on the cluster's database.
func (c *cluster) run(t *testing.T, args ...string) []byte {
	t.Helper()
	return runProgram(t, c.binary, append(args, "--store", c.store)...)
}

// command is run for what answers in JSON.
func (c *cluster) command(t *testing.T, out any, args ...string) {
	t.Helper()
	raw := c.run(t, append(args, "--json")...)
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatalf("latchkey %s: %v: %s", strings.Join(args, " "), err, raw)
	}
}

func runProgram(t *testing.T, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = environment()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("latchkey %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out
}

// environment is that of every process: the master secret and nothing else of ours.
func environment() []string {
	env := []string{"LATCHKEY_SECRET=" + master}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LATCHKEY_") {
			env = append(env, v)
		}
	}
	return env
}

// sql gives what a query on the cluster's database prints.
func (c *cluster) sql(t *testing.T, query string) string {
	t.Helper()
	return c.server.SQL(t, c.database, query)
}

// logs are the ends of the nodes' logs, for a test that failed.
func (c *cluster) logs() string {
	var b strings.Builder
	for _, n := range c.nodes {
		b.WriteString(n.log())
	}
	return b.String()
}

// eventually waits for something that takes moments.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}
