package valkey_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/valkey"
)

var errStill = errors.New("still there")

func TestUserPasswordAndDatabase(t *testing.T) {
	t.Parallel()
	s := start(t, "--user", "login", "on", ">p@ss/word", "~latchkey:*", "+evalsha", "+eval", "+get", "+set", "+select", "+ping", "+hello")
	good := "redis://login:p%40ss%2Fword@" + s.addr() + "/3?timeout=30s"
	take(t, open(t, good), "k", noon)
	if got := s.mustSay("INFO", "keyspace"); !strings.Contains(got, "db3:keys=1") {
		t.Errorf("the key is not in database 3:\n%s", got)
	}
	for what, bad := range map[string]string{
		"a wrong password":         "redis://login:wr0ngSecret@" + s.addr() + "/3",
		"a user that is not there": "redis://nobody:wr0ngSecret@" + s.addr(),
		"a database too far":       "redis://login:p%40ss%2Fword@" + s.addr() + "/99",
		"keys that are not theirs": good + "&prefix=other:",
	} {
		t.Run(what, func(t *testing.T) {
			l := open(t, bad)
			unavailable(t, l)
			_, err := l.Take(t.Context(), []latchkey.Take{{Key: "k", Rate: three}}, noon)
			if err == nil || strings.Contains(err.Error(), "wr0ngSecret") || strings.Contains(err.Error(), "p@ss") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca, cert, key := certificates(t, t.TempDir())
	port := freePort(t)
	start(t, "--tls-port", strconv.Itoa(port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca, "--tls-auth-clients", "no")
	addr := net.JoinHostPort("localhost", strconv.Itoa(port))
	for _, scheme := range []string{"valkeys", "rediss"} {
		take(t, open(t, scheme+"://"+addr+"?timeout=30s&ca="+ca), scheme, noon)
	}
	for what, bad := range map[string]string{
		"a CA that is not ours":         "valkeys://" + addr,
		"a name not in its certificate": "valkeys://127.0.0.1:" + strconv.Itoa(port) + "?ca=" + ca,
		"plain text":                    "valkey://" + addr,
	} {
		t.Run(what, func(t *testing.T) { unavailable(t, open(t, bad)) })
	}
}

// TestURLs holds what an operator may write, and that no mistake in it shows the password.
func TestURLs(t *testing.T) {
	t.Parallel()
	const secret = "hunter2xyz"
	for raw, want := range map[string]string{
		"valkey://localhost": "",
		"valkey://u:" + secret + "@localhost:7000/2?prefix=x:":  "",
		"redis://:" + secret + "@[::1]:6379":                    "",
		"rediss://localhost":                                    "",
		"valkeys://a:1?addr=b:2&addr=c:3":                       "",
		"http://u:" + secret + "@localhost":                     "begins with valkey://",
		"localhost:6379":                                        "begins with valkey://",
		"":                                                      "begins with valkey://",
		"valkey://u:" + secret + "@":                            "no host",
		"valkey://" + secret + "@localhost":                     "a user and no password",
		"valkey://u:12#" + secret + "@localhost":                "there is a #",
		"valkey://u:12#":                                        "there is a #",
		"valkey://u:" + secret + "%zz@localhost":                "percent-encoded",
		"valkey://u:" + secret + "@localhost:70000":             "a port is",
		"valkey://u:" + secret + "@localhost/zero":              "number of a database",
		"valkey://u:" + secret + "@localhost/-1":                "number of a database",
		"valkey://u:" + secret + "@localhost/1/2":               "number of a database",
		"valkey://u:" + secret + "@localhost?retries=3":         "no option \"retries\"",
		"valkey://u:" + secret + "@localhost?addr=b":            "addr is HOST:PORT",
		"valkey://u:" + secret + "@localhost?addr=b:port":       "a port is",
		"valkey://u:" + secret + "@localhost?ca=/x":             "ca is for valkeys",
		"valkeys://u:" + secret + "@localhost?ca=/no/such/file": "ca cannot be read",
		"valkeys://u:" + secret + "@localhost?ca=/dev/null":     "no certificate",
		"valkey://localhost?prefix=" + strings.Repeat("x", 51):  "more than 50",
		"valkey://localhost?timeout=1s":                         "",
		"valkey://u:" + secret + "@localhost?timeout=soon":      "a time from 10ms",
		"valkey://u:" + secret + "@localhost?timeout=1ms":       "a time from 10ms",
		"valkey://u:" + secret + "@localhost?timeout=1h":        "a time from 10ms",
		"valkey://u:" + secret + "@localhost?prefix=%zz":        "query is malformed",
	} {
		l, err := valkey.New(raw)
		switch {
		case want == "" && err != nil:
			t.Errorf("New(%q): %v", raw, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("New(%q) gives %v, want an error with %q", raw, err, want)
		case err != nil && strings.Contains(err.Error(), secret):
			t.Errorf("the error shows the password: %v", err)
		}
		if l != nil {
			_ = l.Close()
		}
	}
}

// TestAServerOfAnotherKind: what it says is not taken for an answer, is not waited for, and shows no password.
func TestAServerOfAnotherKind(t *testing.T) {
	t.Parallel()
	for what, says := range map[string]string{
		"an old Redis":            "-ERR unknown command `HELLO`, with args beginning with: `2`, `AUTH`, `login`, `wr0ngSecret`, \r\n",
		"a proxy that repeats":    "-ERR unknown command HELLO 2 AUTH login wr0ngSecret SETNAME latchkey\r\n",
		"a long explanation":      "-ERR " + strings.Repeat("x", 10_000) + "\r\n",
		"a web server":            "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
		"one that says too much":  "*0\r\n:1\r\n:2\r\n",
		"one that hangs up":       "",
		"one that floods":         "*16384\r\n" + strings.Repeat("$0\r\n\r\n", 10000),
		"a script of its own":     "*0\r\n+OK\r\n",
		"a cluster that is empty": "*2\r\n+mode\r\n+cluster\r\n",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = listener.Close() })
			go func() {
				for {
					c, err := listener.Accept()
					if err != nil {
						return
					}
					go func() {
						_, _ = c.Read(make([]byte, 1024))
						_, _ = io.WriteString(c, says)
						_, _ = c.Read(make([]byte, 1024))
						_ = c.Close()
					}()
				}
			}()
			l := open(t, "valkey://login:wr0ngSecret@"+listener.Addr().String())
			for range 2 {
				unavailable(t, l)
				_, err = l.Take(t.Context(), []latchkey.Take{{Key: "k", Rate: three}}, noon)
				if err == nil || strings.Contains(err.Error(), "wr0ngSecret") || len(err.Error()) > 500 {
					t.Errorf("Take: %v", err)
				}
				if what == "an old Redis" && !strings.Contains(err.Error(), "unknown command `HELLO`") {
					t.Errorf("Take: %v; want what the server does not know", err)
				}
			}
		})
	}
}

// certificates writes an authority and a certificate of localhost that it signed.
func certificates(t *testing.T, dir string) (ca, cert, key string) {
	t.Helper()
	template := func(n int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		}
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	caKey, leafKey := newKey(), newKey()
	authority, leaf := template(1, "test authority"), template(2, "localhost")
	authority.IsCA, leaf.DNSNames = true, []string{"localhost"}
	caDER, err := x509.CreateCertificate(rand.Reader, authority, authority, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, authority, &leafKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	return write("ca.pem", "CERTIFICATE", caDER), write("cert.pem", "CERTIFICATE", leafDER), write("key.pem", "PRIVATE KEY", keyDER)
}

// A front is an address that leads to a server, and to another one when it is told: connections that stand stay.
type front struct {
	net.Listener
	to atomic.Value // string
}

func (f *front) addr() string { return f.Addr().String() }

func forward(t *testing.T, to string) *front {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{Listener: l}
	f.to.Store(to)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", f.to.Load().(string))
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
	return f
}
