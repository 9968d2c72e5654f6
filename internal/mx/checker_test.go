package mx

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The types of records that the server below knows (RFC 1035 §3.2.2, RFC 3596).
const (
	typeA    = 1
	typeMX   = 15
	typeAAAA = 28
)

// A dns is a DNS server on the loopback.
type dns struct {
	conn  net.PacketConn
	asked atomic.Int64
	// records are what it has, by name and type: for an MX the host, for others the bytes of the address.
	records map[string]map[uint16][]string
	broken  map[string]bool // answered with SERVFAIL
	silent  map[string]bool // not answered
}

func (d *dns) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := d.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if a := d.answer(buf[:n]); a != nil {
			_, _ = d.conn.WriteTo(a, from)
		}
	}
}

func (d *dns) answer(q []byte) []byte {
	d.asked.Add(1)
	var labels []string
	at := 12
	for q[at] != 0 {
		labels = append(labels, string(q[at+1:at+1+int(q[at])]))
		at += 1 + int(q[at])
	}
	name, kind := strings.Join(labels, "."), binary.BigEndian.Uint16(q[at+1:])
	question := q[12 : at+5]
	const response, nameError, serverFailure = 0x8180, 3, 2
	flags := uint16(response)
	records, known := d.records[name]
	switch {
	case d.silent[name]:
		return nil
	case d.broken[name]:
		flags |= serverFailure
	case !known:
		flags |= nameError
	}
	out := append([]byte{}, q[:2]...)
	for _, v := range []uint16{flags, 1, uint16(len(records[kind])), 0, 0} {
		out = binary.BigEndian.AppendUint16(out, v)
	}
	out = append(out, question...)
	for _, r := range records[kind] {
		data := []byte(r)
		if kind == typeMX {
			data = []byte{0, 10}
			for _, l := range strings.FieldsFunc(r, func(c rune) bool { return c == '.' }) {
				data = append(append(data, byte(len(l))), l...)
			}
			data = append(data, 0)
		}
		out = append(out, 0xc0, 12) // the name is that of the question
		out = binary.BigEndian.AppendUint16(out, kind)
		out = append(out, 0, 1, 0, 0, 0, 60)
		out = binary.BigEndian.AppendUint16(out, uint16(len(data)))
		out = append(out, data...)
	}
	return out
}

func newDNS(t *testing.T) (*dns, *net.Resolver) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	d := &dns{
		conn: conn,
		records: map[string]map[uint16][]string{
			"mx.test": {typeMX: {"mail.mx.test."}}, "null.test": {typeMX: {"."}, typeA: {"\x7f\x00\x00\x01"}},
			"a.test": {typeA: {"\x7f\x00\x00\x01"}}, "aaaa.test": {typeAAAA: {strings.Repeat("\x00", 15) + "\x01"}}, "txt.test": {},
			"both.test": {typeMX: {".", "mail.mx.test."}}, "broken.test": nil,
		},
		broken: map[string]bool{"broken.test": true}, silent: map[string]bool{"silent.test": true},
	}
	go d.serve()
	return d, &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// TestRFC5321_5_1_WhoTakesMail: an MX, or an address without one; not a null MX (RFC 7505 §3), and no doubt is held against a
// domain.
func TestRFC5321_5_1_WhoTakesMail(t *testing.T) {
	t.Parallel()
	_, resolver := newDNS(t)
	c := New(resolver, time.Now)
	for domain, want := range map[string]bool{
		"mx.test": true, "a.test": true, "aaaa.test": true, "null.test": false, "txt.test": false, "nobody.test": false,
		"both.test": true, "broken.test": true, "silent.test": true,
	} {
		t.Run(domain, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			if got := c.Takes(t.Context(), domain); got != want {
				t.Errorf("takes mail: %v, want %v", got, want)
			}
			if took := time.Since(began); domain == "silent.test" && (took < patience || took > 8*patience) {
				t.Errorf("it was waited for %v, want %v", took, patience)
			}
		})
	}
}

// TestAnswersAreRemembered: each for as long as it may be, and asked for once by whoever comes at the same time.
func TestAnswersAreRemembered(t *testing.T) {
	t.Parallel()
	d, resolver := newDNS(t)
	var mu sync.Mutex
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	c := New(resolver, func() time.Time { mu.Lock(); defer mu.Unlock(); return now })
	questions := func(domain string) int64 {
		before := d.asked.Load()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { c.Takes(t.Context(), domain) })
		}
		all.Wait()
		return d.asked.Load() - before
	}
	for domain, life := range map[string]time.Duration{"mx.test": goodFor, "null.test": badFor} {
		if n := questions(domain); n != 1 {
			t.Errorf("%s: %d questions for 20 callers, want one", domain, n)
		}
		mu.Lock()
		now = now.Add(life - 1)
		mu.Unlock()
		if n := questions(domain); n != 0 {
			t.Errorf("%s: %d questions while the answer is good, want none", domain, n)
		}
		mu.Lock()
		now = now.Add(1)
		mu.Unlock()
		if n := questions(domain); n != 1 {
			t.Errorf("%s: %d questions when it is old, want one", domain, n)
		}
	}
	if n := questions("broken.test"); n == 0 {
		t.Error("nothing was asked for a domain that was not known")
	} else if n := questions("broken.test"); n != 0 {
		t.Errorf("a broken answer is asked for again at once: %d questions", n)
	}
	mu.Lock()
	now = now.Add(unknownFor)
	mu.Unlock()
	if n := questions("broken.test"); n == 0 {
		t.Error("a broken answer is kept for longer than it may be")
	}
}

// TestMemoryIsBounded: whoever makes up domains makes it forget, and no more.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	c := New(&net.Resolver{}, time.Now)
	for i := range kept + 500 {
		a, mine := c.find(fmt.Sprint(i, ".test"))
		if !mine {
			t.Fatal("a new domain is known")
		}
		a.ends = time.Now().Add(time.Hour)
		close(a.done)
	}
	if len(c.answers) > kept {
		t.Errorf("%d domains are remembered, want %d at the most", len(c.answers), kept)
	}
}

// TestCrowdsPass: when too many questions are under way nobody is asked for, and nobody refused. Nor is who leaves.
func TestCrowdsPass(t *testing.T) {
	t.Parallel()
	d, resolver := newDNS(t)
	c := New(resolver, time.Now)
	for range inFlight {
		c.asking <- struct{}{}
	}
	if !c.Takes(t.Context(), "null.test") || d.asked.Load() > 0 {
		t.Error("somebody is asked for beyond the bound, or refused")
	}
	if _, mine := c.find("other.test"); !mine {
		t.Fatal("a new domain is known")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if !c.Takes(gone, "other.test") {
		t.Error("whoever leaves is refused")
	}
}
