package polls

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"unsafe"
)

// TestSlim: the buffers of a handshake are given up, and what has come and was not read yet is not lost with them.
func TestSlim(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	config := s.TLS.Clone()
	s.Close()
	here, there := net.Pipe()
	c, peer := tls.Server(here, config), tls.Client(there, &tls.Config{InsecureSkipVerify: true})
	defer here.Close()
	defer there.Close()
	text := strings.Repeat("a word, ", 100)
	go func() {
		for range 3 {
			_, _ = io.WriteString(peer, text)
		}
	}()
	room := func() (n int) {
		for _, name := range []string{"rawInput", "hand"} {
			f := reflect.ValueOf(c).Elem().FieldByName(name)
			if !f.IsValid() {
				t.Fatalf("crypto/tls has no %s any more: look what it is called now, or whether slim is worth it", name)
			}
			n += (*bytes.Buffer)(unsafe.Pointer(f.UnsafeAddr())).Cap()
		}
		return n
	}
	all := text + text + text
	read := func(n int) {
		t.Helper()
		b := make([]byte, n)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != all[:n] {
			t.Fatalf("read %q, %v", b, err)
		}
		all = all[n:]
	}
	read(800)
	before := room()
	slim(c)
	if after := room(); before < 1000 || after != 0 {
		t.Errorf("%d bytes of buffers before, %d after, want none left of 1,000 and more", before, after)
	}
	read(400) // the rest of the record waits in the buffer
	kept := room()
	slim(c)
	if room() != kept || kept == 0 {
		t.Errorf("%d bytes of buffers of %d are left while something in them is unread", room(), kept)
	}
	read(400)
	read(800)
}
