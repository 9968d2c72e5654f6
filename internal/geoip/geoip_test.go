package geoip_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/geoip"
)

var update = flag.Bool("update", false, "write the sample anew")

// A network is one entry of a test file: a prefix of whole bits and its record.
type network struct {
	prefix string
	record map[string]any
}

func place(city, country map[string]any) map[string]any {
	r := map[string]any{}
	if city != nil {
		r["city"] = map[string]any{"names": city}
	}
	if country != nil {
		r["country"] = map[string]any{"names": country}
	}
	return r
}

var berlin = place(map[string]any{"en": "Berlin", "zh-CN": "柏林"}, map[string]any{"en": "Germany", "de": "Deutschland", "pt-BR": "Alemanha", "zh-CN": "德国"})

// write makes a file in the MaxMind DB format, version 2.0: a binary tree over IPv6 with records of 24 bits, the data, and
// the description of it all.
func write(t *testing.T, kind string, networks ...network) string {
	t.Helper()
	var nodes [][2]uint32 // 0 is "no entry yet": nothing points back to the root
	var data []byte
	const leaf = 1 << 31 // until the number of nodes is known
	nodes = append(nodes, [2]uint32{})
	for _, n := range networks {
		p := netip.MustParsePrefix(n.prefix)
		bits := p.Bits()
		addr := p.Addr().As16()
		if p.Addr().Is4() {
			addr, bits = [16]byte{}, bits+96 // IPv4 is ::a.b.c.d in these trees
			four := p.Addr().As4()
			copy(addr[12:], four[:])
		}
		at := uint32(0)
		for i := range bits {
			side := addr[i/8] >> (7 - i%8) & 1
			if i == bits-1 {
				nodes[at][side] = leaf | uint32(len(data))
				break
			}
			if nodes[at][side] == 0 {
				nodes = append(nodes, [2]uint32{})
				nodes[at][side] = uint32(len(nodes) - 1)
			}
			at = nodes[at][side]
		}
		data = append(data, encode(t, n.record)...)
	}
	count := uint32(len(nodes))
	var out []byte
	for _, n := range nodes {
		for _, v := range n {
			switch {
			case v == 0:
				v = count
			case v&leaf != 0:
				v = count + 16 + v&^leaf
			}
			out = append(out, byte(v>>16), byte(v>>8), byte(v))
		}
	}
	out = append(append(out, make([]byte, 16)...), data...)
	out = append(append(out, "\xab\xcd\xefMaxMind.com"...), encode(t, map[string]any{
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint64(1700000000),
		"database_type": kind, "ip_version": uint16(6), "node_count": count, "record_size": uint16(24),
		"languages": []string{"en"}, "description": map[string]any{"en": "for a test"},
	})...)
	path := filepath.Join(t.TempDir(), "test.mmdb")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// encode writes one value: a control byte of type and size, then the value.
func encode(t *testing.T, v any) []byte {
	t.Helper()
	head := func(kind, size int) []byte {
		if size >= 29 {
			t.Fatalf("a value of %d parts is too large for this encoder", size)
		}
		if kind > 7 { // extended: the type stands in a second byte
			return []byte{byte(size), byte(kind - 7)}
		}
		return []byte{byte(kind<<5 | size)}
	}
	switch v := v.(type) {
	case string:
		return append(head(2, len(v)), v...)
	case uint16:
		return binary.BigEndian.AppendUint16(head(5, 2), v)
	case uint32:
		return binary.BigEndian.AppendUint32(head(6, 4), v)
	case uint64:
		return binary.BigEndian.AppendUint64(head(9, 8), v)
	case []string:
		out := head(11, len(v))
		for _, s := range v {
			out = append(out, encode(t, s)...)
		}
		return out
	case map[string]any:
		out := head(7, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(append(out, encode(t, k)...), encode(t, v[k])...)
		}
		return out
	}
	t.Fatalf("cannot encode %T", v)
	return nil
}

// TestSampleIsCurrent: testdata/loopback.mmdb, which says that this machine is in Berlin, is what write makes. Others
// show places with it.
func TestSampleIsCurrent(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(write(t, "Test-City", network{"127.0.0.0/8", berlin}))
	if err != nil {
		t.Fatal(err)
	}
	const sample = "testdata/loopback.mmdb"
	if *update {
		if err := os.WriteFile(sample, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(sample); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what this test writes (%v): go test -update writes it anew", sample, err)
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	f, err := geoip.Open(write(t, "GeoLite2-City",
		network{"192.0.2.0/24", berlin},
		network{"2001:db8::/32", berlin},
		network{"198.51.100.0/25", place(nil, map[string]any{"en": "Germany"})},
		network{"198.51.100.128/25", place(map[string]any{"en": "Nowhere"}, nil)},
		network{"203.0.113.0/24", map[string]any{"city": "not a map"}},
	))
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct{ ip, locale, city, country string }{
		"English":                        {"192.0.2.7", "en", "Berlin", "Germany"},
		"a language that the file has":   {"192.0.2.7", "zh_CN", "柏林", "德国"},
		"one it has in part":             {"192.0.2.7", "de", "Berlin", "Deutschland"},
		"one it lacks":                   {"192.0.2.7", "ko", "Berlin", "Germany"},
		"Portuguese":                     {"192.0.2.7", "pt", "Berlin", "Alemanha"},
		"IPv6":                           {"2001:db8::1", "en", "Berlin", "Germany"},
		"IPv4 in IPv6":                   {"::ffff:192.0.2.7", "en", "Berlin", "Germany"},
		"a country only":                 {"198.51.100.1", "en", "", "Germany"},
		"a city of no country":           {"198.51.100.200", "en", "", ""},
		"an address that is not there":   {"10.0.0.1", "en", "", ""},
		"a record of another shape":      {"203.0.113.1", "en", "", ""},
		"an address that is none at all": {"", "en", "", ""},
	} {
		ip, _ := netip.ParseAddr(x.ip)
		if city, country := f.Place(ip, x.locale); city != x.city || country != x.country {
			t.Errorf("%s: %q, %q, want %q, %q", name, city, country, x.city, x.country)
		}
	}
}

func TestOpenRefusesWhatKnowsNoPlaces(t *testing.T) {
	t.Parallel()
	noise := filepath.Join(t.TempDir(), "noise.mmdb")
	if err := os.WriteFile(noise, []byte("not a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		write(t, "GeoLite2-ASN", network{"192.0.2.0/24", berlin}): "knows no places",
		noise:           "not a file in the MaxMind DB format",
		noise + ".none": "no such file",
	} {
		if _, err := geoip.Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := geoip.Open(write(t, "DBIP-Country-Lite", network{"192.0.2.0/24", berlin})); err != nil {
		t.Errorf("a file of countries is refused: %v", err)
	}
}
