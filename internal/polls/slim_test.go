package polls

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestInsidesAreKnownOrNone: where crypto/tls keeps something else under a name, or elsewhere, nothing is touched.
func TestInsidesAreKnownOrNone(t *testing.T) {
	t.Parallel()
	reader, buffer := reflect.TypeFor[bytes.Reader](), reflect.TypeFor[bytes.Buffer]()
	fields := func(input, rawInput, hand reflect.Type) (out []reflect.StructField) {
		for name, kind := range map[string]reflect.Type{"input": input, "rawInput": rawInput, "hand": hand} {
			if kind != nil {
				out = append(out, reflect.StructField{Name: name, PkgPath: "crypto/tls", Type: kind})
			}
		}
		return out
	}
	same := reflect.StructOf(fields(reader, buffer, buffer))
	inside := reflect.StructField{Name: "Same", Type: same, Anonymous: true}
	for name, tt := range map[string]struct {
		like reflect.Type
		ok   bool
	}{
		"as it is":             {same, true},
		"a tls.Conn":           {reflect.TypeFor[tls.Conn](), true},
		"no input":             {reflect.StructOf(fields(nil, buffer, buffer)), false},
		"a pointer":            {reflect.StructOf(fields(reflect.PointerTo(reader), buffer, buffer)), false},
		"bytes":                {reflect.StructOf(fields(reader, reflect.TypeFor[[]byte](), buffer)), false},
		"bytes of a handshake": {reflect.StructOf(fields(reader, buffer, reflect.TypeFor[[]byte]())), false},
		"in a part of it":      {reflect.StructOf([]reflect.StructField{inside}), false},
	} {
		if _, ok := placesIn(tt.like); ok != tt.ok {
			t.Errorf("%s: taken for known %v, want %v", name, ok, tt.ok)
		}
	}
}

// TestOfAnotherGo: where a tls.Conn cannot be looked into, its polls stay with net/http.
func TestOfAnotherGo(t *testing.T) {
	t.Parallel()
	l, err := NewLobby()
	if err != nil || l == nil {
		t.Skip("this system has no lobby")
	}
	defer l.watch.close()
	guest := func(secure bool) bool {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		if secure {
			r.TLS = &tls.ConnectionState{}
		}
		return l.Guest(&hijacked{ResponseRecorder: httptest.NewRecorder()}, r) != nil
	}
	if !guest(true) || !guest(false) {
		t.Error("a poll is not taken")
	}
	if l.transparent = false; guest(true) || !guest(false) {
		t.Error("a poll by TLS is taken, or one without is not")
	}
}

// TestParkedIsSlim: a poll that came by TLS waits without the buffers of its handshake.
func TestParkedIsSlim(t *testing.T) {
	t.Parallel()
	l, err := NewLobby()
	if err != nil || l == nil {
		t.Skip("this system has no lobby")
	}
	defer l.watch.close()
	parked := make(chan *Guest, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g := l.Guest(w, r); g != nil && g.Park(w, time.Hour, func(http.ResponseWriter, bool) bool { return false }) {
			parked <- g
			return
		}
		t.Error("a poll is not taken")
		close(parked)
	}))
	l.Server, l.Now = s.Config, time.Now
	s.StartTLS()
	defer s.Close()
	c, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	g := <-parked
	if g == nil {
		return
	}
	defer g.conn.Close()
	in := l.places.of(g.conn.(*tls.Conn))
	if in.rawInput.Cap()+in.hand.Cap() > 0 || in.input.Size() > 0 {
		t.Errorf("it keeps %+v", in)
	}
}

// hijacked has a connection that can be had.
type hijacked struct{ *httptest.ResponseRecorder }

func (hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, net.ErrClosed }

// TestSlim: the buffers of a handshake are given up, and what has come and was not read yet is not lost with them.
func TestSlim(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testSlim(t, version)
		})
	}
}

func testSlim(t *testing.T, version uint16) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	config := s.TLS.Clone()
	s.Close()
	here, there := net.Pipe()
	c, peer := tls.Server(here, config), tls.Client(there, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
	defer here.Close()
	defer there.Close()
	text := strings.Repeat("a word, ", 100)
	go func() {
		for range 3 {
			_, _ = io.WriteString(peer, text)
		}
	}()
	places, ok := placesIn(reflect.TypeFor[tls.Conn]())
	if !ok {
		t.Fatal("crypto/tls keeps something else than it did: look what, or whether slim is worth it; until then polls by TLS wait with net/http")
	}
	in := places.of(c)
	room := func() int { return in.rawInput.Cap() + in.hand.Cap() + int(in.input.Size()) }
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
	if !in.slim() {
		t.Error("everything was read, and is said not to be")
	}
	if after := room(); before < 1000 || after != 0 {
		t.Errorf("%d bytes of buffers before, %d after, want none left of 1,000 and more", before, after)
	}
	read(400) // the rest of the record waits in the buffer
	kept := room()
	if in.slim() {
		t.Error("half a record is unread, and everything is said to be read")
	}
	if room() != kept || kept == 0 {
		t.Errorf("%d bytes of buffers of %d are left while something in them is unread", room(), kept)
	}
	read(400)
	read(800)
}
