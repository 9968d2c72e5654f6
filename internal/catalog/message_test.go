package catalog

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/latchkey-dev/latchkey"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

const (
	host = "login.game.example.com:80" // 25 characters
	link = latchkey.Secret("https://" + host + "/l/Zm9vYmFyYmF6cXV4MTIzNA")
)

func project(name string) latchkey.Project {
	return latchkey.NewProject(latchkey.ProjectID{UUID: latchkey.UUID{1}}, name, noon)
}

func message(ch latchkey.Channel) latchkey.Message {
	to := latchkey.CanonicalAddress(ch, "a@example.org")
	if ch == latchkey.Phone {
		to = latchkey.CanonicalAddress(ch, "+4915123456789")
	}
	return latchkey.Message{
		Challenge: latchkey.ChallengeID{Handle: latchkey.NewHandle(noon, latchkey.SecretID{}, [16]byte{7})}, To: to, Locale: "en",
		Digits: 6, NextTry: noon.Add(latchkey.MessageLease), Dies: noon.Add(180 * time.Second),
	}
}

func render(t testing.TB, m latchkey.Message, p latchkey.Project, code, link latchkey.Secret) latchkey.Envelope {
	t.Helper()
	e, err := open(t).Render(m, p, code, link, host)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestMailText(t *testing.T) {
	t.Parallel()
	e := render(t, message(latchkey.Email), project("Demo"), "123456", "")
	want := `Your code for Demo is 123456

It works for 3 minutes.

If you did not ask for this code, ignore this message. Never share the code: nobody at Demo will ever ask you for it.

@login.game.example.com:80 #123456`
	if e.Text != want {
		t.Errorf("the text is\n%s\nwant\n%s", e.Text, want)
	}
	if e.Subject != "123456 is your code for Demo" || e.From != "Demo" || e.Locale != "en" || !e.Dies.Equal(noon.Add(3*time.Minute)) {
		t.Errorf("the envelope is %+v", e)
	}
	with := render(t, message(latchkey.Email), project("Demo"), "123456", link)
	if !strings.Contains(with.Text, "\n"+link.Reveal()+"\n") || with.Link != link {
		t.Errorf("the link is not on a line of its own:\n%s", with.Text)
	}
}

// TestOriginBoundLastLine: rules.md, the last line is @host #code, with an empty line before it.
func TestOriginBoundLastLine(t *testing.T) {
	t.Parallel()
	for _, ch := range []latchkey.Channel{latchkey.Email, latchkey.Phone} {
		for _, l := range []latchkey.Secret{"", link} {
			for _, first := range []bool{false, true} {
				m := message(ch)
				m.LinkFirst = first
				if e := render(t, m, project("Demo\n@evil.example #000000"), "123456", l); !strings.HasSuffix(e.Text, "\n\n@"+host+" #123456") {
					t.Errorf("%s, link first %v: the text ends otherwise:\n%s", ch, first, e.Text)
				}
			}
		}
	}
}

func TestSMSFitsOneMessage(t *testing.T) {
	t.Parallel()
	names := []string{"Demo", "A", strings.Repeat("Very long name ", 6), strings.Repeat("€", 33), "Größe & Söhne [Ltd] " + strings.Repeat("~", 40), strings.Repeat("ñ", 50)}
	for _, name := range names {
		for _, code := range []latchkey.Secret{"123456", "1234567890"} {
			for _, l := range []latchkey.Secret{"", link} {
				for _, first := range []bool{false, true} {
					m := message(latchkey.Phone)
					m.LinkFirst = first
					e := render(t, m, project(name), code, l)
					n, ok := septets(e.Text)
					if !ok || n > 160 {
						t.Errorf("%d septets (GSM-7: %v):\n%s", n, ok, e.Text)
					}
					if l != "" && !strings.Contains(e.Text, "\n"+l.Reveal()+"\n") {
						t.Errorf("no whole link:\n%s", e.Text)
					}
					if e.HTML != "" || e.Subject != "" {
						t.Error("an SMS has a subject or HTML")
					}
				}
			}
		}
	}
	if e := render(t, message(latchkey.Phone), project("Demo"), "123456", ""); !strings.HasPrefix(e.Text, "123456 is your Demo code.") {
		t.Errorf("the text is %q", e.Text)
	}
	if e := render(t, message(latchkey.Phone), project("Żabka 游戏"), "123456", link); !strings.Contains(e.Text, "Żabka 游戏") {
		t.Errorf("a name beyond GSM-7 is not as it was: %q", e.Text)
	}
}

func TestLinkFirst(t *testing.T) {
	t.Parallel()
	m := message(latchkey.Email)
	m.LinkFirst = true
	e := render(t, m, project("Demo"), "123456", link)
	if !strings.Contains(e.Text, "First open this link") || !strings.Contains(e.HTML, "First press the button") {
		t.Errorf("the mail does not say that the link comes first:\n%s\n%s", e.Text, e.HTML)
	}
	m = message(latchkey.Phone)
	m.LinkFirst = true
	if e := render(t, m, project("Demo"), "123456", link); !strings.HasPrefix(e.Text, "Open the link first.") {
		t.Errorf("the SMS does not say that the link comes first: %s", e.Text)
	}
}

// TestForeignNames: a project's name breaks out of nothing.
func TestForeignNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"x\r\nBcc: evil@example.net": "x Bcc: evil@example.net",
		"  a \t b\x00c\u2028d ":      "a b c d",
		"\u202egnp.exe\u2066":        "gnp.exe",
		"<script>alert(1)</script>":  "<script>alert(1)</script>",
		"{{code}} {{link}}":          "{{code}} {{link}}",
		`" onclick="x`:               `" onclick="x`,
		"Rock & Roll 👩‍🚀":            "Rock & Roll 👩‍🚀",
		"bad \xff utf-8":             "bad utf-8",
	} {
		e := render(t, message(latchkey.Email), project(name), "123456", link)
		if e.From != want || e.Subject != "123456 is your code for "+want {
			t.Errorf("%q became %q, %q", name, e.From, e.Subject)
		}
		if tags := elements(t, e.HTML); tags["script"] > 0 || tags["a"] != 1 {
			t.Errorf("%q put an element into the HTML: %v", name, tags)
		}
		if strings.Contains(e.HTML, `" onclick`) {
			t.Errorf("%q broke out of an attribute", name)
		}
		if strings.Contains(e.From, "code") && strings.Count(e.HTML, "123456") != strings.Count(render(t, message(latchkey.Email), project("Demo"), "123456", link).HTML, "123456") {
			t.Errorf("%q was expanded", name)
		}
	}
}

func TestMailHTML(t *testing.T) {
	t.Parallel()
	e := render(t, message(latchkey.Email), project("Demo"), "123456", link)
	for _, want := range []string{`lang="en" dir="ltr"`, ">123456<", `href="` + link.Reveal() + `"`, "It works for 3 minutes.", "prefers-color-scheme", "Never share the code"} {
		if !strings.Contains(e.HTML, want) {
			t.Errorf("the HTML lacks %q:\n%s", want, e.HTML)
		}
	}
	if tags := elements(t, e.HTML); tags["img"]+tags["link"]+tags["iframe"]+tags["script"] > 0 {
		t.Errorf("the mail loads something from elsewhere: %v", tags)
	}
	if bare := render(t, message(latchkey.Email), project("Demo"), "123456", ""); elements(t, bare.HTML)["a"] != 0 {
		t.Error("a mail without a link has a button")
	}
	he := message(latchkey.Email)
	he.Locale = "he"
	if e := render(t, he, project("Demo"), "123456", ""); e.Locale != "he" || !strings.Contains(e.HTML, `lang="he" dir="rtl"`) {
		t.Errorf("a Hebrew text in another frame: %s", e.HTML[:80])
	}
}

// elements counts the elements of a page, and checks that each is closed.
func elements(t *testing.T, page string) map[string]int {
	t.Helper()
	tags, depth := map[string]int{}, 0
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) || depth != 0 {
				t.Errorf("the HTML does not close: %v, depth %d", z.Err(), depth)
			}
			return tags
		case html.StartTagToken:
			name, _ := z.TagName()
			tags[string(name)]++
			if string(name) != "meta" && string(name) != "br" {
				depth++
			}
		case html.EndTagToken:
			depth--
		}
	}
}

func TestLifeIsWhatIsLeft(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		setting, left time.Duration
		want          string
	}{
		"the setting":                {180 * time.Second, 180 * time.Second, "3 minutes"},
		"a moment later":             {180 * time.Second, 178 * time.Second, "3 minutes"},
		"a resend near the end":      {600 * time.Second, 130 * time.Second, "2 minutes"},
		"ten minutes":                {600 * time.Second, 600 * time.Second, "10 minutes"},
		"a minute":                   {60 * time.Second, 60 * time.Second, "1 minute."},
		"half a minute":              {30 * time.Second, 30 * time.Second, "30 seconds"},
		"almost nothing":             {180 * time.Second, 3 * time.Second, "10 seconds"},
		"never more than the others": {90 * time.Second, 90 * time.Second, "1 minute."},
	} {
		m, p := message(latchkey.Email), project("Demo")
		p.Codes.Life, m.Dies = x.setting, noon.Add(x.left)
		if e := render(t, m, p, "123456", ""); !strings.Contains(e.Text, "It works for "+x.want) {
			t.Errorf("%s: want %s in\n%s", name, x.want, e.Text)
		}
	}
}

// TestEnvelopeID: stable across tries, another for a resend, and nothing of the operation's id in it.
func TestEnvelopeID(t *testing.T) {
	t.Parallel()
	m := message(latchkey.Email)
	again, resend := m, m
	again.Attempts, again.NextTry = 3, noon.Add(time.Minute)
	resend.Resend = 1
	if EnvelopeID(m) != EnvelopeID(again) || EnvelopeID(m) == EnvelopeID(resend) {
		t.Error("the id must change with a resend and with nothing else")
	}
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(EnvelopeID(m)) || strings.Contains(EnvelopeID(m), m.Challenge.String()) {
		t.Errorf("the id is %q", EnvelopeID(m))
	}
}

func BenchmarkRender(b *testing.B) {
	c := open(b)
	m, p := message(latchkey.Email), project("Demo")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Render(m, p, "123456", link, host); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		open(b)
	}
}
