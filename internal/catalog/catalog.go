// Package catalog holds every text that a person sees, by key and locale, and makes messages of them. It owns go-i18n
// and golang.org/x/text, does no I/O and may be used by the worker and the pages.
//
// The texts are locales/TAG.json: key to text, or key to plural forms (CLDR: one, few, other …) for texts that count.
// A placeholder is {{name}}. It is replaced literally and once: a translation is not a program, and a value that looks
// like a placeholder stays what it is. A key that a language lacks is taken from English.
package catalog

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	texts "github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
)

//go:embed locales/*.json
var localeFiles embed.FS

// English is the language of last resort.
const English = "en"

// maxCount is the greatest number that a counting text is prepared for: minutes and seconds.
const maxCount = 60

// A Catalog reads a language when somebody first speaks it, once and whole: a millisecond of twenty languages is not worth
// waiting for at every start. It is safe for concurrent use.
type Catalog struct {
	matcher      language.Matcher
	spellings    map[string]string       // lower case with a hyphen, to a tag of Locales
	texts        map[string]func() table // by tag
	mail, button text                    // the HTML of a mail, and of its button
	access       text                    // of a mail that brings no code
	heard        memo[string, string]    // lists of languages: reading one takes as long as all the rest of a start's decoding
	forms        memo[formKey, form]
}

// A table is what one language says, by key: one text, or maxCount+1 of them for a key that counts.
type table map[string][]text

// Locales lists the tags of contract.md §7, in the spelling that a project's and a challenge's locale have.
func Locales() []string {
	return []string{
		"en", "ar", "bg", "cs", "de", "es", "fr", "he", "it", "ja", "ko", "pl", "pt", "ro", "ru", "th", "tr", "vi", "zh_CN", "zh_TW",
	}
}

// New reads the English texts and says why if it cannot. A file that cannot be read later, which no test let pass, leaves
// its language to English.
func New() (*Catalog, error) {
	english, err := read(English, nil)
	if err != nil {
		return nil, err
	}
	c := &Catalog{
		spellings: map[string]string{}, texts: map[string]func() table{}, mail: parseText(mailHTML), button: parseText(buttonHTML),
		access: parseText(accessHTML), heard: memo[string, string]{most: maxHeard}, forms: memo[formKey, form]{most: maxForms},
	}
	var tags []language.Tag
	for _, name := range Locales() {
		tags = append(tags, language.MustParse(hyphen(name)))
		c.spellings[strings.ToLower(hyphen(name))] = name
		c.texts[name] = sync.OnceValue(func() table {
			if t, err := read(name, english); err == nil {
				return t
			}
			return english
		})
	}
	c.texts[English] = func() table { return english }
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

// read prepares every text of one language, so that no call parses anything, and takes those of instead where it has none.
func read(name string, instead table) (table, error) {
	file := "locales/" + name + ".json"
	raw, err := localeFiles.ReadFile(file)
	if err != nil {
		return nil, err
	}
	tag := language.MustParse(hyphen(name))
	bundle := i18n.NewBundle(tag)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	if _, err := bundle.ParseMessageFileBytes(raw, hyphen(name)+".json"); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	t, err := prepare(bundle, tag, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for key, texts := range instead {
		if _, ok := t[key]; !ok {
			t[key] = texts
		}
	}
	return t, nil
}

func prepare(b *i18n.Bundle, tag language.Tag, raw []byte) (table, error) {
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, err
	}
	out := table{}
	l := i18n.NewLocalizer(b, tag.String())
	for key, entry := range entries {
		ask := i18n.LocalizeConfig{MessageID: key, TemplateParser: texts.IdentityParser{}}
		if !strings.HasPrefix(string(entry), "{") {
			s, err := l.Localize(&ask)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			out[key] = []text{parseText(s)}
			continue
		}
		counted := make([]text, maxCount+1)
		for n := range counted {
			ask.PluralCount = n
			s, err := l.Localize(&ask)
			if err != nil {
				return nil, fmt.Errorf("%s for %d: %w", key, n, err)
			}
			counted[n] = parseText(s)
		}
		out[key] = counted
	}
	return out, nil
}

// Match gives the tag of Locales for a person: what they asked for, else the project's default, else the best of
// Accept-Language, else English (contract.md §1.9). Any spelling and any region will do: de_AT, de-AT, de; cz is cs.
func (c *Catalog) Match(asked, projectDefault, acceptLanguage string) string {
	for _, one := range []string{asked, projectDefault} {
		if tag, ok := c.find(one); ok {
			return tag
		}
	}
	if acceptLanguage == "" || len(acceptLanguage) > 500 { // no browser sends a longer one
		return English
	}
	return c.heard.get(acceptLanguage, c.hear)
}

// maxHeard bounds what is remembered of lists of languages to half a megabyte.
const maxHeard = 1000

// hear reads an Accept-Language, and gives it back without the request that it is a part of.
func (c *Catalog) hear(acceptLanguage string) (kept, tag string) {
	return strings.Clone(acceptLanguage), c.best(acceptLanguage)
}

// best reads an Accept-Language.
func (c *Catalog) best(acceptLanguage string) string {
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return English
	}
	for _, w := range wanted {
		if tag, ok := c.nearest(w); ok {
			return tag
		}
	}
	return English
}

// Region gives the country that a browser's languages name, such as DE for de-DE; empty where they name none. What they
// only make likely does not count: most of those who read English are not in the United States.
func Region(acceptLanguage string) string {
	if len(acceptLanguage) > 500 {
		return ""
	}
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return ""
	}
	for _, w := range wanted {
		if region, confidence := w.Region(); confidence == language.Exact && region.IsCountry() {
			return region.String()
		}
	}
	return ""
}

// find reads one locale as clients spell it.
func (c *Catalog) find(spelled string) (string, bool) {
	if spelled == "" || len(spelled) > 35 { // the longest tag that RFC 5646 §4.4.1 asks to keep
		return "", false
	}
	s := strings.ToLower(hyphen(spelled))
	if s == "cz" || strings.HasPrefix(s, "cz-") {
		s = "cs" + s[2:] // the country's code, taken for the language's
	}
	if tag, ok := c.spellings[s]; ok {
		return tag, true
	}
	wanted, err := language.Parse(s)
	if err != nil {
		return "", false
	}
	return c.nearest(wanted)
}

// nearest gives the locale of the same language. The matcher alone would also offer a neighbour's language, Russian to
// a Belarusian, which is no service.
func (c *Catalog) nearest(wanted language.Tag) (string, bool) {
	_, i, confidence := c.matcher.Match(wanted)
	if confidence == language.No {
		return "", false
	}
	found := Locales()[i]
	base, _ := wanted.Base()
	if base.String() != strings.SplitN(found, "_", 2)[0] {
		return "", false
	}
	return found, true
}

// Dir is the direction of a locale's script for HTML: "ltr" or "rtl".
func (c *Catalog) Dir(locale string) string {
	if locale == "ar" || locale == "he" {
		return "rtl"
	}
	return "ltr"
}

// Spoken is the locale whose language Text gives for locale: itself, or English for what is none of Locales. It is what
// the lang attribute and Dir of a page must say.
func (c *Catalog) Spoken(locale string) string {
	if _, ok := c.texts[locale]; ok {
		return locale
	}
	return English
}

// BCP47 is a locale as HTML and HTTP spell it: zh-CN.
func BCP47(locale string) string { return hyphen(locale) }

// Text gives the text of key in a locale of Locales (any other is English). args are the values of its placeholders,
// by turns name and value. A key that does not exist gives itself.
func (c *Catalog) Text(locale, key string, args ...string) string {
	ts := c.lookUp(locale, key)
	if len(ts) == 0 {
		return key
	}
	return ts[len(ts)-1].fill(args)
}

// Count is Text for a key with plural forms: the form for n, which also stands for the placeholder {{count}}. n is 0
// to 60.
func (c *Catalog) Count(locale, key string, n int, args ...string) string {
	ts := c.lookUp(locale, key)
	if len(ts) == 0 {
		return key
	}
	i := max(0, min(n, len(ts)-1))
	return ts[i].fill(append(slices.Clip(args), "count", strconv.Itoa(n)))
}

func (c *Catalog) lookUp(locale, key string) []text { return c.texts[c.Spoken(locale)]()[key] }

func hyphen(s string) string { return strings.ReplaceAll(s, "_", "-") }

// A text is a text cut at its placeholders: by turns words and the name of a placeholder.
type text []string

func parseText(s string) text {
	var t text
	for {
		words, rest, found := strings.Cut(s, "{{")
		name, after, closed := strings.Cut(rest, "}}")
		if !found || !closed {
			return append(t, s)
		}
		t = append(t, words, strings.TrimSpace(name))
		s = after
	}
}

// fill puts values in place of the placeholders. One without a value stays visible.
func (t text) fill(args []string) string {
	if len(t) == 1 {
		return t[0]
	}
	n := 0
	for _, part := range t {
		n += len(part)
	}
	for _, v := range args {
		n += len(v)
	}
	var b strings.Builder
	b.Grow(n)
	for i, part := range t {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		if v, ok := value(args, part); ok {
			b.WriteString(v)
		} else {
			b.WriteString("{{" + part + "}}")
		}
	}
	return b.String()
}

func value(args []string, name string) (string, bool) {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] == name {
			return args[i+1], true
		}
	}
	return "", false
}
