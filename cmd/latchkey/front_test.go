package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestConnectionsFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ asked, files, want int }{
		{0, 1 << 20, 1024}, {0, 2048, 1024}, {0, 1024, 512}, {0, 0, 1024}, {0, 1, 1}, {7, 1024, 7}, {5000, 1024, 5000},
	} {
		if got := connectionsFor(tt.asked, tt.files); got != tt.want {
			t.Errorf("asked for %d, with %d files: %d, want %d", tt.asked, tt.files, got, tt.want)
		}
	}
}

// TestConnectionsOfAServer: what one network has too many of is closed and counted, with TLS too, and the proxy has no bound.
func TestConnectionsOfAServer(t *testing.T) {
	t.Parallel()
	const trusted = "127.0.0.9"
	cert, key, pool := certificate(t)
	env := map[string]string{
		"LATCHKEY_DATA": t.TempDir(), "LATCHKEY_SECRET": testSecret, "LATCHKEY_EMAIL": newHook(t, 0).url(),
		"LATCHKEY_LISTEN": "127.0.0.1:0", "LATCHKEY_PUBLIC_URL": "https://login.example.com",
	}
	s := newServerRun(t.Context(), env, "serve", "--trusted-proxy", trusted, "--proxy-protocol", "--max-conns-per-client", "3",
		"--tls-cert", cert, "--tls-key", key)
	t.Cleanup(func() { s.stop() })
	held := func(from, header string) bool {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		raw, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			return false
		}
		t.Cleanup(func() { _ = raw.Close() })
		_ = raw.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.WriteString(raw, header); err != nil {
			return false
		}
		conn := tls.Client(raw, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return false
		}
		a, err := http.ReadResponse(bufio.NewReader(conn), nil)
		return err == nil && a.Body.Close() == nil && a.StatusCode == 200
	}
	for i, want := range []bool{true, true, true, false, false} {
		if got := held("127.0.0.2", ""); got != want {
			t.Errorf("connection %d of a client: served %v, want %v", i+1, got, want)
		}
		if got := held(trusted, "PROXY TCP4 203.0.113.1 127.0.0.1 1 443\r\n"); got != want {
			t.Errorf("connection %d of a client behind the proxy: served %v, want %v", i+1, got, want)
		}
		if !held(trusted, "PROXY UNKNOWN\r\n") {
			t.Errorf("connection %d of the proxy itself is refused", i+1)
		}
	}
}
