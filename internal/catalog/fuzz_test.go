package catalog

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/latchkey-dev/latchkey"
)

// FuzzRender: whatever a project is called and a link holds, a message keeps its form: one line in its headers, the code bound to the
// host in its last line and nowhere else, an HTML part of the same elements as for any other name, and not a character that turns the
// direction of what follows.
func FuzzRender(f *testing.F) {
	f.Add("Demo", "en", uint8(0))
	f.Add("x\r\nBcc: evil@example.net", "de", uint8(1))
	f.Add("<script>alert(1)</script>\" onclick=x '", "ar", uint8(3))
	f.Add("@evil.example #000000\n\n@evil.example #000000", "zh_CN", uint8(2))
	f.Add("{code} {link} {game} %s {{.}}", "xx", uint8(7))
	f.Add("\u202egnp.exe\u2028\u0085\x7f\xff", "", uint8(5))
	f.Add(strings.Repeat("\u4f60", 33), "pt", uint8(6))
	c, err := New()
	if err != nil {
		f.Fatal(err)
	}
	shapes := map[string]string{}
	for _, locale := range append(Locales(), "") {
		for kind := range uint8(4) {
			e, err := c.Render(kindOf(kind, locale), project("Demo"), "918273", linkOf(kind), host)
			if err != nil {
				f.Fatal(err)
			}
			shapes[e.Locale+string(rune('0'+kind&2))+string(rune('0'+kind&1))] = skeleton(f, e.HTML)
		}
	}
	f.Fuzz(func(t *testing.T, name, locale string, kind uint8) {
		kind &= 3
		e, err := c.Render(kindOf(kind, locale), project(name), "918273", linkOf(kind), host)
		if err != nil {
			t.Fatal(err)
		}
		for what, s := range map[string]string{"sender": e.From, "subject": e.Subject} {
			if strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsAny(s, "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") || !utf8.ValidString(s) {
				t.Errorf("the %s of %q is %q", what, name, s)
			}
		}
		lines := strings.Split(e.Text, "\n")
		if lines[len(lines)-1] != "@"+host+" #918273" {
			t.Errorf("the last line of %q is %q", name, lines[len(lines)-1])
		}
		if strings.ContainsAny(e.Text, "\r\x00\u2028\u2029\u202e") || !utf8.ValidString(e.Text) {
			t.Errorf("the text of %q is %q", name, e.Text)
		}
		for _, line := range lines[:len(lines)-1] {
			if strings.HasPrefix(line, "@") && strings.HasSuffix(line, "#918273") {
				t.Errorf("%q: the code is bound to another host: %q", name, line)
			}
		}
		if got, want := skeleton(t, e.HTML), shapes[e.Locale+string(rune('0'+kind&2))+string(rune('0'+kind&1))]; got != want {
			t.Errorf("%q changes the page:\n%s\nwant\n%s", name, got, want)
		}
	})
}

// kindOf gives a message: by mail or, with bit 0, by SMS; bit 1 is for the link.
func kindOf(kind uint8, locale string) latchkey.Message {
	m := message(latchkey.Email)
	if kind&1 != 0 {
		m = message(latchkey.Phone)
	}
	m.Locale = locale
	return m
}

func linkOf(kind uint8) latchkey.Secret {
	if kind&2 != 0 {
		return link
	}
	return ""
}

// skeleton lists the elements of a page with the names of their attributes, and where its links lead.
func skeleton(t testing.TB, page string) string {
	t.Helper()
	var out strings.Builder
	z := html.NewTokenizer(strings.NewReader(page))
	for z.Next() != html.ErrorToken {
		tok := z.Token()
		if tok.Type == html.TextToken {
			continue
		}
		out.WriteString(tok.Type.String() + " " + tok.Data)
		for _, a := range tok.Attr {
			out.WriteString(" " + a.Key)
			if a.Key == "href" || a.Key == "src" || a.Key == "style" {
				out.WriteString("=" + a.Val)
			}
		}
		out.WriteString("\n")
	}
	return out.String()
}
