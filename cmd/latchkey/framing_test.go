package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestChunksEndTheConnection: what stands behind a body in chunks is nobody's next request (RFC 9112 §6.1).
func TestChunksEndTheConnection(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(endChunked(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "served", r.URL.Path)
	})))
	t.Cleanup(s.Close)
	const chunks, hidden = "1\r\nx\r\n0\r\n\r\n", "GET /hidden HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for name, tt := range map[string]struct {
		request string
		answers int
	}{
		"two ends":    {fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n%s", len(chunks+hidden), chunks), 1},
		"chunks":      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 1},
		"a length":    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 2},
		"no body":     {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 2},
		"folded line": {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n" + chunks, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, tt.request+hidden); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if err != nil && len(got) == 0 {
				t.Fatal(err)
			}
			if n := strings.Count(string(got), "served"); n != tt.answers {
				t.Errorf("%d answers, want %d:\n%s", n, tt.answers, got)
			}
		})
	}
}
