package catalog

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

// TestListsOfLanguagesAreReadOnce: the answer is the same the second time, nobody else's, and strangers fill nothing.
func TestListsOfLanguagesAreReadOnce(t *testing.T) {
	t.Parallel()
	m := memo[string, string]{most: 1000}
	reads := 0
	read := func(s string) (kept, value string) { reads++; return s, s + "!" }
	for range 3 {
		for _, s := range []string{"de", "fr"} {
			if got := m.get(s, read); got != s+"!" {
				t.Errorf("%s gives %s", s, got)
			}
		}
	}
	if reads != 2 {
		t.Errorf("read %d times, want 2", reads)
	}
	for i := range 3 * m.most {
		m.get(strconv.Itoa(i), read)
		if len(m.known) > m.most {
			t.Fatalf("%d are known, want %d at most", len(m.known), m.most)
		}
	}
}

// TestLanguagesAreHeardTogether: many at once get each their own, with the race detector watching.
func TestLanguagesAreHeardTogether(t *testing.T) {
	t.Parallel()
	c := open(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 500 {
				header, want := "de-AT,de;q=0.9,en;q=0."+strconv.Itoa(1+n%8), "de"
				if (n+i)%2 == 0 {
					header, want = "fr-FR,fr;q=0.9,en;q=0."+strconv.Itoa(1+n%8), "fr"
				}
				if got := c.Match("", "", header); got != want {
					t.Errorf("%s gives %s", header, got)
					return
				}
			}
		})
	}
	all.Wait()
}

// TestWhatIsHeardKeepsNoRequest: net/http gives a header as a part of the request's memory. A memo that kept that would hold requests,
// the others' headers with them, for as long as it remembers.
func TestWhatIsHeardKeepsNoRequest(t *testing.T) {
	t.Parallel()
	c := open(t)
	request := strings.Repeat("Cookie: a=b\r\n", 100) + "Accept-Language: de-AT,de;q=0.9\r\n"
	header := strings.TrimSpace(request[strings.Index(request, "de-AT"):])
	for range 2 {
		if got := c.Match("", "", header); got != "de" {
			t.Errorf("%s gives %s", header, got)
		}
	}
	if len(c.heard.known) != 1 {
		t.Fatalf("one list was heard, and %d are remembered", len(c.heard.known))
	}
	for kept := range c.heard.known {
		if kept != header || unsafe.StringData(kept) == unsafe.StringData(header) {
			t.Errorf("%q is remembered, and is a part of the request: want a copy of %q", kept, header)
		}
	}
}
