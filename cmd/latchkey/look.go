package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
)

// lookFlags are how the hosted pages of a project look. An empty value takes away what was set.
type lookFlags struct {
	Logo      *string  `placeholder:"URL" help:"Picture for pages and messages, at an https URL."`
	Color     *string  `placeholder:"RRGGBB" help:"Colour of buttons on pages, such as 3b4fd8; what is written on it is black or white, whichever can be read better."`
	DarkColor *string  `placeholder:"RRGGBB" help:"The same on dark pages. Default: as on light ones."`
	Theme     *string  `placeholder:"NAME" help:"light or dark. Default: as the person's device has it."`
	Terms     *string  `placeholder:"URL" help:"Page of the terms of use, at an https URL; the login page links to it."`
	Privacy   *string  `placeholder:"URL" help:"Page of the privacy notice, likewise."`
	Text      []string `sep:"none" placeholder:"[TAG.]title=TEXT" help:"Your own title of the login page in one language, or, without TAG, in every other; [TAG.]intro= for the line below it. An empty text is ours again. Repeatable."`
}

// apply puts what was given into p.
func (f lookFlags) apply(p latchkey.Project) (latchkey.Project, error) {
	for _, one := range []struct {
		to   *string
		from *string
	}{{&p.Logo, f.Logo}, {&p.Look.Terms, f.Terms}, {&p.Look.Privacy, f.Privacy}} {
		if one.from != nil {
			*one.to = *one.from
		}
	}
	if f.Color != nil {
		p.Color = hexColor(*f.Color)
	}
	if f.DarkColor != nil {
		p.Look.DarkColor = hexColor(*f.DarkColor)
	}
	if f.Theme != nil {
		p.Look.Theme = latchkey.Theme(strings.ToLower(*f.Theme))
	}
	if len(f.Text) == 0 {
		return p, nil
	}
	p.Look.Texts = maps.Clone(p.Look.Texts)
	if p.Look.Texts == nil {
		p.Look.Texts = map[string]latchkey.LookTexts{}
	}
	for _, given := range f.Text {
		if err := setText(p.Look.Texts, given); err != nil {
			return p, err
		}
	}
	return p, nil
}

// hexColor puts the sign in front that a shell takes for a comment.
func hexColor(s string) string {
	if len(s) == len("rrggbb") {
		return "#" + s
	}
	return s
}

// setText sets one text, such as de.title=Willkommen.
func setText(texts map[string]latchkey.LookTexts, given string) error {
	name, text, ok := strings.Cut(given, "=")
	tag, which := "", name
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		tag, which = name[:i], name[i+1:]
	}
	locale, known := localeOf(tag)
	t := texts[locale]
	switch {
	case !ok || which != "title" && which != "intro":
		return wrongUsage("--text is title=TEXT, intro=TEXT or, in one language, such as de.title=TEXT: not %q", given)
	case !known:
		return wrongUsage("--text: %q is none of the languages %s", tag, strings.Join(catalog.Locales(), ", "))
	case which == "title":
		t.Title = text
	default:
		t.Intro = text
	}
	texts[locale] = t
	if t == (latchkey.LookTexts{}) {
		delete(texts, locale)
	}
	return nil
}

// localeOf gives a tag in the spelling of the catalogue. No tag is right: it stands for every other language.
func localeOf(tag string) (string, bool) {
	if tag == "" {
		return "", true
	}
	all := catalog.Locales()
	i := slices.IndexFunc(all, func(l string) bool { return strings.EqualFold(l, strings.ReplaceAll(tag, "-", "_")) })
	if i < 0 {
		return "", false
	}
	return all[i], true
}

// textsOf lists the project's own texts as --text takes them.
func textsOf(l latchkey.Look) []string {
	var out []string
	for _, locale := range slices.Sorted(maps.Keys(l.Texts)) {
		before := locale
		if before != "" {
			before += "."
		}
		if t := l.Texts[locale].Title; t != "" {
			out = append(out, before+"title="+t)
		}
		if t := l.Texts[locale].Intro; t != "" {
			out = append(out, before+"intro="+t)
		}
	}
	return out
}
