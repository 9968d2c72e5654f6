package catalog

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/language"
)

func open(t testing.TB) *Catalog {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMatch(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, x := range []struct{ asked, project, accept, want string }{
		{"de", "", "", "de"}, {"de_DE", "", "", "de"}, {"de-DE", "", "", "de"}, {"DE_at", "", "", "de"}, // contract.md §1.9
		{"cz", "", "", "cs"}, {"cz_CZ", "", "", "cs"}, {"cs", "", "", "cs"}, {"cs-CZ", "", "", "cs"},
		{"zh_CN", "", "", "zh_CN"}, {"zh-cn", "", "", "zh_CN"}, {"zh", "", "", "zh_CN"}, {"zh-Hans-SG", "", "", "zh_CN"},
		{"zh_TW", "", "", "zh_TW"}, {"zh-Hant", "", "", "zh_TW"}, {"zh-HK", "", "", "zh_TW"}, {"zh_Hant_TW", "", "", "zh_TW"},
		{"pt_BR", "", "", "pt"}, {"pt-BR", "", "", "pt"}, {"pt-PT", "", "", "pt"}, {"en_GB", "", "", "en"}, {"es-419", "", "", "es"}, {"iw", "", "", "he"},
		{"", "de", "fr", "de"}, {"xx", "de", "fr", "de"}, {"nonsense!", "de_DE", "fr", "de"}, {"sv", "tr", "", "tr"},
		{"", "", "fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5", "fr"}, {"", "", "sv, ja;q=0.7", "ja"}, {"", "", "de;q=0.1, pl", "pl"},
		{"", "", "", "en"}, {"", "", "sv", "en"}, {"", "", "*", "en"}, {"", "", ";;q=x", "en"}, {"", "xx", "xx", "en"},
		{"uk", "", "", "en"}, {"be", "", "", "en"}, {"eu", "", "kk, de;q=0.5", "de"}, // a neighbour's language is no service
		{strings.Repeat("a-", 5000), "", strings.Repeat("de,", 5000), "en"}, {"\x00\xff", "", "\x00\xff", "en"},
	} {
		if got := c.Match(x.asked, x.project, x.accept); got != x.want {
			t.Errorf("Match(%.20q, %q, %.40q) = %q, want %q", x.asked, x.project, x.accept, got, x.want)
		}
	}
}

func TestRegion(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"de-AT, de;q=0.9, en;q=0.8": "AT", "en, de-CH;q=0.5": "CH", "zh-Hant-TW": "TW", "en-GB": "GB",
		"de": "", "": "", "*": "", "es-419": "", ";;q=x": "", "x-private": "", strings.Repeat("de-DE,", 500): "",
	} {
		if got := Region(accept); got != want {
			t.Errorf("Region(%.40q) = %q, want %q", accept, got, want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	c := open(f)
	f.Add("de_DE", "en", "fr;q=0.3")
	f.Fuzz(func(t *testing.T, asked, project, accept string) {
		got := c.Match(asked, project, accept)
		if !slices.Contains(Locales(), got) {
			t.Fatalf("Match gave %q, which is no locale", got)
		}
		if again := c.Match(got, "", ""); again != got {
			t.Fatalf("Match gave %q, and for that %q", got, again)
		}
	})
}

func TestLocalesAreTheContracts(t *testing.T) {
	t.Parallel()
	want := strings.Fields("ar bg cs de en es fr he it ja ko pl pt ro ru th tr vi zh_CN zh_TW") // contract.md §7
	if got := slices.Sorted(slices.Values(Locales())); !slices.Equal(got, want) {
		t.Errorf("the locales are %v, want %v", got, want)
	}
	if Locales()[0] != English {
		t.Error("English must come first: the others fall back on it")
	}
	files, err := fs.Glob(localeFiles, "locales/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no embedded locale: %v", err)
	}
	for _, f := range files {
		tag := strings.TrimSuffix(filepath.Base(f), ".json")
		if !slices.Contains(Locales(), tag) {
			t.Errorf("%s is the file of no locale", f)
		}
		if _, err := language.Parse(hyphen(tag)); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// TestKeys: every key that the program names exists, and every key that exists is named. A key is a quoted word of
// its form, in Go and in templates.
func TestKeys(t *testing.T) {
	t.Parallel()
	key := regexp.MustCompile(`"((?:mail|sms|page)\.[a-z][a-z0-9_]*)"`)
	used := map[string]string{}
	files := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." && d.Name() != "." || d.Name() == "testdata" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") || !slices.Contains([]string{".go", ".html", ".tmpl"}, filepath.Ext(path)) {
			return nil
		}
		files++
		if filepath.Base(path) == "event.go" {
			return nil // the kinds of events are no texts, though some begin alike
		}
		b, err := os.ReadFile(path)
		for _, m := range key.FindAllSubmatch(b, -1) {
			used[string(m[1])] = path
		}
		return err
	})
	if err != nil || files < 20 {
		t.Fatalf("only %d files were searched (%v)", files, err)
	}
	english := entries(t, English)
	for k, path := range used {
		if _, ok := english[k]; !ok {
			t.Errorf("%s names the key %q, which does not exist", path, k)
		}
	}
	for k := range english {
		if _, ok := used[k]; !ok {
			t.Errorf("nothing uses the key %q", k)
		}
	}
}

// TestPlaceholders: every translation has the placeholders of the English text, in every form, and no other. Where a form
// stands for one number only, it may say that number in words.
func TestPlaceholders(t *testing.T) {
	t.Parallel()
	known := []string{"address", "browser", "city", "code", "contact", "count", "country", "engine", "game", "link", "minutes", "system", "time"}
	english := entries(t, English)
	for _, tag := range Locales() {
		for k, forms := range entries(t, tag) {
			if _, ok := english[k]; !ok {
				t.Errorf("%s has the key %q, which English lacks", tag, k)
				continue
			}
			for form, s := range forms {
				got := placeholders(s)
				want := placeholders(english[k]["other"])
				if inWords(tag, form) && !slices.Contains(got, "count") {
					want = slices.DeleteFunc(want, func(p string) bool { return p == "count" })
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s %s (%s) has the placeholders %v, English %v", tag, k, form, got, want)
				}
				for _, p := range got {
					if !slices.Contains(known, p) {
						t.Errorf("%s %s has the unknown placeholder %q", tag, k, p)
					}
				}
				if strings.Contains(strings.NewReplacer("{{", "", "}}", "").Replace(s), "{") || s == "" || s != strings.TrimSpace(s) {
					t.Errorf("%s %s is empty, or has a stray brace or space: %q", tag, k, s)
				}
			}
		}
	}
}

// inWords reports that a plural form of a language is used for exactly the number of its name (CLDR).
func inWords(tag, form string) bool {
	return (tag == "ar" || tag == "he") && (form == "one" || form == "two")
}

func TestPlurals(t *testing.T) {
	t.Parallel()
	c := open(t)
	for tag, forms := range map[string]map[int]string{
		"en": {1: "1 minute ago", 2: "2 minutes ago"},
		"de": {1: "Vor 1 Minute", 2: "Vor 2 Minuten", 10: "Vor 10 Minuten"},
		"he": {1: "לפני דקה אחת", 2: "לפני שתי דקות", 3: "לפני 3 דקות", 10: "לפני 10 דקות", 20: "לפני 20 דקות"},
		"ar": {1: "قبل دقيقة واحدة", 2: "قبل دقيقتين", 3: "قبل 3 دقائق", 10: "قبل 10 دقائق", 11: "قبل 11 دقيقة", 60: "قبل 60 دقيقة"},
	} {
		for n, want := range forms {
			if got := c.Count(tag, "page.asked_minutes", n); got != want {
				t.Errorf("%s, %d: %q, want %q", tag, n, got, want)
			}
		}
	}
}

func placeholders(s string) []string {
	set := map[string]bool{}
	for i, part := range parseText(s) {
		if i%2 == 1 {
			set[part] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// entries gives the texts of a locale file by key and form; a text without forms is its own "other".
func entries(t *testing.T, tag string) map[string]map[string]string {
	t.Helper()
	raw, err := localeFiles.ReadFile("locales/" + tag + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var any map[string]json.RawMessage
	if err := json.Unmarshal(raw, &any); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]string{}
	for k, v := range any {
		var one string
		forms := map[string]string{}
		if json.Unmarshal(v, &one) == nil {
			forms["other"] = one
		} else if err := json.Unmarshal(v, &forms); err != nil {
			t.Fatalf("%s %s: %v", tag, k, err)
		}
		out[k] = forms
	}
	return out
}

func TestText(t *testing.T) {
	t.Parallel()
	c := open(t)
	for name, x := range map[string]struct{ got, want string }{
		"a value":                        {c.Text("en", "mail.title", "game", "Demo"), "Sign in to Demo"},
		"another language":               {c.Text("ja", "mail.title", "game", "Demo"), "Demoにログイン"},
		"unknown locale: English":        {c.Text("xx", "mail.title", "game", "Demo"), "Sign in to Demo"},
		"values are not expanded again":  {c.Text("en", "mail.subject", "game", "{{code}}", "code", "{{game}}"), "{{game}} is your code for {{code}}"},
		"values are not templates":       {c.Text("en", "mail.title", "game", "{{.}} %s $1"), "Sign in to {{.}} %s $1"},
		"a missing value stays visible":  {c.Text("en", "mail.title"), "Sign in to {{game}}"},
		"a missing key is itself":        {c.Text("en", "mail.nonsense"), "mail.nonsense"},
		"one":                            {c.Count("en", "mail.minutes", 1), "It works for 1 minute."},
		"many":                           {c.Count("en", "mail.minutes", 10), "It works for 10 minutes."},
		"beyond what is prepared":        {c.Count("en", "mail.minutes", 1000), "It works for 1000 minutes."},
		"a counted key without a number": {c.Text("en", "mail.minutes", "count", "3"), "It works for 3 minutes."},
		"a missing counted key":          {c.Count("en", "mail.nonsense", 1), "mail.nonsense"},
	} {
		if x.got != x.want {
			t.Errorf("%s: %q, want %q", name, x.got, x.want)
		}
	}
	if c.Dir("he") != "rtl" || c.Dir("ar") != "rtl" || c.Dir("de") != "ltr" {
		t.Error("the direction is wrong")
	}
}

// TestNothingIsParsedPerCall runs alone, because it counts allocations.
func TestNothingIsParsedPerCall(t *testing.T) {
	c := open(t)
	if n := testing.AllocsPerRun(100, func() { _ = c.Text("de", "mail.title", "game", "Demo") }); n > 3 {
		t.Errorf("Text allocates %v times: it parses something", n)
	}
}
