package clustertest_test

import (
	"bufio"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/pgtest"
)

// A node is `latchkey serve`, over several lives at one address.
type node struct {
	name string
	host string // host:port, the same in every life
	args []string
	logs string // file

	mu     sync.Mutex
	binary string    // guarded by mu; of the next life
	cmd    *exec.Cmd // guarded by mu
}

// drain is how long a node serves on after SIGTERM, and look how often a proxy that watches looks whether it still should.
const drain, look = time.Second, 20 * time.Millisecond

func newNode(t *testing.T, c *cluster, name string) *node {
	t.Helper()
	port, err := pgtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	n := &node{name: name, host: "127.0.0.1:" + strconv.Itoa(port), binary: c.binary, logs: filepath.Join(t.TempDir(), name+".log")}
	n.args = []string{
		"serve", "--store", c.store, "--listen", n.host, "--public-url", c.proxy.url, "--trusted-proxy", "127.0.0.1",
		"--email", "smtp://" + c.sink.addr + "?from=login@cluster.example.com&tls=none", "--log-level", "warn",
		"--limit", "all=off", // everybody here comes from one address
	}
	t.Cleanup(func() { n.kill(t) })
	return n
}

// start begins a life and waits until the node is ready.
func (n *node) start(t *testing.T) {
	t.Helper()
	n.launch(t)
	eventually(t, n.name+" to be ready", n.ready)
}

// launch begins a life.
func (n *node) launch(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(n.logs, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cmd = exec.Command(n.binary, n.args...)
	n.cmd.Env, n.cmd.Stdout, n.cmd.Stderr = append(environment(), "LATCHKEY_DRAIN_TIME="+drain.String()), log, log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// ready reports whether the node says that calls may be sent to it.
func (n *node) ready() bool {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + n.host + "/readyz")
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// kill ends a life as a power cut does: without a word (SIGKILL).
func (n *node) kill(t *testing.T) { n.end(t, syscall.SIGKILL) }

// stop ends a life in order (SIGTERM) and waits until the process is gone.
func (n *node) stop(t *testing.T) { n.end(t, syscall.SIGTERM) }

func (n *node) end(t *testing.T, how syscall.Signal) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil || n.cmd.Process == nil || n.cmd.ProcessState != nil {
		return
	}
	if err := n.cmd.Process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("%s: %v: %v", n.name, how, err)
	}
	if err := n.cmd.Wait(); err != nil && how == syscall.SIGTERM {
		t.Errorf("%s did not end in order: %v\n%s", n.name, err, n.log())
	}
}

// metric gives one of the node's figures by its name, without labels.
func (n *node) metric(t *testing.T, name string) float64 {
	t.Helper()
	res, err := http.Get("http://" + n.host + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), name+" "); found {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("%s has no metric %s", n.name, name)
	return 0
}

func (n *node) log() string {
	raw, _ := os.ReadFile(n.logs)
	return "the log of " + n.name + " ends:\n" + string(raw[max(0, len(raw)-3000):])
}
