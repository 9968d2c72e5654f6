package cookie

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// FuzzRead: whatever stands in a Cookie header, the session of a project is read from the cookie of its whole name alone, and what
// is read can be set again and is then the same.
func FuzzRead(f *testing.F) {
	p := latchkey.ProjectID{UUID: latchkey.UUID{0xaa, 15: 1}}
	held := OfSession("https://login.example.test", p)
	for _, s := range []string{
		held.name + "=" + strings.Repeat("A", 64), "a=b; " + held.name + "=x; " + held.name + "=y", strings.ToLower(held.name) + "=x", held.name + `="quoted"`,
		held.name + "=a,b", " " + held.name + " = x", held.name + "=x\r\nSet-Cookie: y=z", strings.TrimPrefix(held.name, "__Host-") + "=planted", "=" + held.name + "=x",
	} {
		f.Add(s)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{Header: http.Header{"Cookie": {header}}}
		got := held.Read(r)
		if OfSession("https://login.example.test", latchkey.ProjectID{}).Read(r) != "" && !strings.Contains(header, latchkey.ProjectID{}.String()) {
			t.Errorf("another project reads a session from %q", header)
		}
		if got == "" {
			return
		}
		if !strings.Contains(header, held.name) || strings.ContainsAny(got.Reveal(), "\r\n;\x00") {
			t.Errorf("%q is read from %q", got.Reveal(), header)
		}
		set, _, _ := strings.Cut(held.Set(got, now.Add(time.Hour), now).String(), ";")
		again := &http.Request{Header: http.Header{"Cookie": {set}}}
		if held.Read(again) != got {
			t.Errorf("%q, set again, is %q", got.Reveal(), held.Read(again).Reveal())
		}
	})
}
