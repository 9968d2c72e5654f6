package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/cached"
)

// certificate writes a certificate for 127.0.0.1 and its key, and gives the files and the pool that trusts it.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ask := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, ask, ask, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool.AppendCertsFromPEM(certPEM)
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, b := range map[string][]byte{certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, pool
}

func TestServeSpeaksTLSByItself(t *testing.T) {
	t.Parallel()
	certFile, keyFile, pool := certificate(t)
	env := map[string]string{
		"LATCHKEY_DATA": t.TempDir(), "LATCHKEY_SECRET": testSecret, "LATCHKEY_EMAIL": newHook(t, 0).url(),
		"LATCHKEY_LISTEN": "127.0.0.1:0", "LATCHKEY_PUBLIC_URL": "https://login.example.com",
		"LATCHKEY_TLS_CERT": certFile, "LATCHKEY_TLS_KEY": keyFile,
	}
	s := newServerRun(context.Background(), env, "serve")
	t.Cleanup(func() { s.stop() })
	if s.url == "" {
		t.Fatalf("it does not serve:\n%s", s.stderr.String())
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(strings.Replace(s.url, "http://", "https://", 1) + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
		t.Errorf("/readyz: %s over %s, want 200 over HTTP/2", resp.Status, resp.Proto)
	}
	old := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11}}}
	if resp, err := old.Get(strings.Replace(s.url, "http://", "https://", 1) + "/readyz"); err == nil {
		resp.Body.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// TestNotReadyWhileShuttingDown lets a load balancer turn away before the port closes.
func TestNotReadyWhileShuttingDown(t *testing.T) {
	t.Parallel()
	closing := make(chan struct{})
	r := readiness{cached.New(upStore{}, time.Now), closing}
	if err := r.Ping(t.Context()); err != nil {
		t.Errorf("before: %v", err)
	}
	close(closing)
	if err := r.Ping(t.Context()); latchkey.CodeOf(err) != latchkey.Unavailable {
		t.Errorf("after: %v, want Unavailable", err)
	}
}

// upStore is a store that can serve.
type upStore struct{ latchkey.Store }

func (upStore) Ping(context.Context) error { return nil }
