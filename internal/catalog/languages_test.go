package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/latchkey-dev/latchkey"
)

// TestEveryLanguageIsWhole: the language has a file, the file has every key of English and no other, of the same kind,
// and no text of it is still the English one.
func TestEveryLanguageIsWhole(t *testing.T) {
	t.Parallel()
	english := entries(t, English)
	for _, tag := range Locales() {
		if _, err := read(tag, nil); err != nil {
			t.Errorf("%s cannot be read, and would be English: %v", tag, err)
			continue
		}
		own := entries(t, tag)
		if got, want := slices.Sorted(maps.Keys(own)), slices.Sorted(maps.Keys(english)); !slices.Equal(got, want) {
			t.Errorf("%s has %d keys, English %d; not in both: %v", tag, len(got), len(want), difference(got, want))
		}
		for k, forms := range own {
			if tag != English && forms["other"] == english[k]["other"] {
				t.Errorf("%s %s is English: %q", tag, k, forms["other"])
			}
		}
	}
}

func difference(a, b []string) (out []string) {
	for _, k := range slices.Concat(a, b) {
		if slices.Contains(a, k) != slices.Contains(b, k) {
			out = append(out, k)
		}
	}
	return out
}

// TestPluralForms: what counts has the CLDR categories that whole numbers to 60 need, and "other", which also stands for
// a number not known. What only fractions and millions need (Czech and Spanish "many") is left out.
func TestPluralForms(t *testing.T) {
	t.Parallel()
	need := map[string]string{
		"ar": "few many one other two zero", "cs": "few one other", "he": "one other two", "pl": "few many one other",
		"ro": "few one other", "ru": "few many one other",
		"ja": "other", "ko": "other", "th": "other", "zh_CN": "other", "zh_TW": "other",
	}
	english := entries(t, English)
	counting := 0
	for _, tag := range Locales() {
		want, ok := need[tag]
		if !ok {
			want = "one other"
		}
		for k, forms := range entries(t, tag) {
			if len(english[k]) == 1 {
				want := []string{"other"}
				if got := slices.Sorted(maps.Keys(forms)); !slices.Equal(got, want) {
					t.Errorf("%s %s has the forms %v, but counts nothing", tag, k, got)
				}
				continue
			}
			counting++
			if got := strings.Join(slices.Sorted(maps.Keys(forms)), " "); got != want {
				t.Errorf("%s %s has the forms %q, want %q", tag, k, got, want)
			}
		}
	}
	if counting == 0 || counting%len(Locales()) != 0 {
		t.Errorf("%d texts count, want as many in each language", counting)
	}
}

// TestEachNumberHasItsForm: the form that CLDR gives to a number, by the word that tells the forms apart.
func TestEachNumberHasItsForm(t *testing.T) {
	t.Parallel()
	c := open(t)
	for tag, forms := range map[string]map[string][]int{
		"bg":    {"Преди %d минута": {1}, "Преди %d минути": {2, 5, 21, 60}},
		"cs":    {"Před %d minutou": {1}, "Před %d minutami": {2, 4, 5, 21}},
		"es":    {"Hace %d minuto": {1}, "Hace %d minutos": {0, 2, 21}},
		"fr":    {"Il y a %d minute": {0, 1}, "Il y a %d minutes": {2, 21}},
		"it":    {"%d minuto fa": {1}, "%d minuti fa": {0, 2, 21}},
		"ja":    {"%d分前": {1, 2, 60}},
		"ko":    {"%d분 전": {1, 2, 60}},
		"pl":    {"%d minutę temu": {1}, "%d minuty temu": {2, 3, 4, 22, 34}, "%d minut temu": {0, 5, 11, 12, 14, 21, 25, 60}},
		"pt":    {"Há %d minuto": {0, 1}, "Há %d minutos": {2, 21}},
		"ro":    {"Acum %d minut": {1}, "Acum %d minute": {0, 2, 19}, "Acum %d de minute": {20, 21, 60}},
		"ru":    {"%d минуту назад": {1, 21, 51}, "%d минуты назад": {2, 4, 22, 34}, "%d минут назад": {0, 5, 11, 12, 14, 20, 60}},
		"th":    {"%d นาทีที่แล้ว": {1, 2, 60}},
		"tr":    {"%d dakika önce": {1, 2, 60}},
		"vi":    {"%d phút trước": {0, 1, 2, 60}},
		"zh_CN": {"%d 分钟前": {1, 2, 60}},
		"zh_TW": {"%d 分鐘前": {1, 2, 60}},
	} {
		for form, numbers := range forms {
			for _, n := range numbers {
				if got, want := c.Count(tag, "page.asked_minutes", n), fmt.Sprintf(form, n); got != want {
					t.Errorf("%s, %d: %q, want %q", tag, n, got, want)
				}
			}
		}
	}
	if got := c.Count("cs", "mail.minutes", 3) + c.Count("cs", "mail.minutes", 5); got != "Platí 3 minuty.Platí 5 minut." {
		t.Errorf("Czech counts %q", got)
	}
}

// TestNotesNameTheirButtons: a note that says to press No names the button as it is written in that language.
func TestNotesNameTheirButtons(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, tag := range Locales() {
		say := func(key string) string { return c.Text(tag, key) }
		yes, no := firstWord(say("page.approve")), firstWord(say("page.deny"))
		for key, word := range map[string]string{"page.approve_note": no, "page.pick_note": no} {
			if !strings.Contains(say(key), word) {
				t.Errorf("%s %s does not name the button %q: %q", tag, key, word, say(key))
			}
		}
		if note := say("page.approve_note"); !strings.Contains(note, yes) {
			t.Errorf("%s: the note does not name the button %q: %q", tag, yes, note)
		}
		if yes == no {
			t.Errorf("%s: both buttons begin with %q", tag, yes)
		}
	}
}

func firstWord(label string) string {
	word, _, _ := strings.Cut(strings.NewReplacer(",", " ", "，", " ", "、", " ", "،", " ").Replace(label), " ")
	return word
}

// TestMailInEveryLanguage: whatever the language, the code, the game and the link are there, the frame says which
// language it is, and the last line binds the code.
func TestMailInEveryLanguage(t *testing.T) {
	t.Parallel()
	c := open(t)
	rtl := []string{"ar", "he"}
	for _, tag := range Locales() {
		for _, l := range []latchkey.Secret{"", link} {
			for _, first := range []bool{false, true} {
				m := message(latchkey.Email)
				m.Locale, m.LinkFirst = tag, first
				e, err := c.Render(m, project("Demo"), "123456", l, host)
				if err != nil {
					t.Fatalf("%s: %v", tag, err)
				}
				dir := "ltr"
				if slices.Contains(rtl, tag) {
					dir = "rtl"
				}
				if frame := fmt.Sprintf(`<html lang="%s" dir="%s">`, BCP47(tag), dir); !strings.Contains(e.HTML, frame) {
					t.Errorf("%s: the HTML lacks %s", tag, frame)
				}
				for what, s := range map[string]string{"subject": e.Subject, "text": e.Text, "HTML": e.HTML} {
					if !strings.Contains(s, "123456") || !strings.Contains(s, "Demo") || strings.Contains(s, "{{") {
						t.Errorf("%s: the %s lacks the code or the game, or shows a placeholder:\n%s", tag, what, s)
					}
				}
				if l != "" && (!strings.Contains(e.Text, "\n"+l.Reveal()+"\n") || !strings.Contains(e.HTML, `href="`+l.Reveal()+`"`)) {
					t.Errorf("%s: the link is not whole:\n%s", tag, e.Text)
				}
				if !strings.HasSuffix(e.Text, "\n\n@"+host+" #123456") || e.Locale != BCP47(tag) {
					t.Errorf("%s (%s): the text ends otherwise:\n%s", tag, e.Locale, e.Text)
				}
			}
		}
	}
}

// TestSMSInEveryLanguage: a language that GSM-7 can spell stays inside it and in one segment of 160, the link and a host
// of 25 characters included. The others take 70 to a message and 67 to each of several: two parts without a link, three
// with one.
func TestSMSInEveryLanguage(t *testing.T) {
	t.Parallel()
	c := open(t)
	spelled := strings.Fields("cs de en es fr it pl pt ro tr")
	for _, tag := range Locales() {
		for _, l := range []latchkey.Secret{"", link} {
			for _, first := range []bool{false, true} {
				m := message(latchkey.Phone)
				m.Locale, m.LinkFirst = tag, first
				e, err := c.Render(m, project("Demo"), "123456", l, host)
				if err != nil {
					t.Fatalf("%s: %v", tag, err)
				}
				words, _, _ := strings.Cut(e.Text, "\n")
				if !strings.Contains(words, "123456") || !strings.Contains(words, "Demo") || strings.Contains(words, "{{") {
					t.Errorf("%s: the first line lacks the code or the game: %s", tag, words)
				}
				if !strings.HasSuffix(e.Text, "\n\n@"+host+" #123456") || l != "" && !strings.Contains(e.Text, "\n"+l.Reveal()+"\n") {
					t.Errorf("%s: the link is not whole, or the text ends otherwise:\n%s", tag, e.Text)
				}
				n, gsm := septets(e.Text)
				if gsm != slices.Contains(spelled, tag) {
					t.Errorf("%s: spelled in GSM-7: %v: %s", tag, gsm, words)
				}
				most := smsLength
				if !gsm {
					n, most = len(utf16.Encode([]rune(e.Text))), 2*67
					if l != "" {
						most = 3 * 67
					}
				}
				if n > most {
					t.Errorf("%s: %d characters, want %d at the most:\n%s", tag, n, most, e.Text)
				}
			}
		}
	}
}

// TestLanguagesAreReadOnce: many may be the first to speak a language.
func TestLanguagesAreReadOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	var all sync.WaitGroup
	for range 8 {
		for _, tag := range Locales() {
			all.Go(func() {
				if got := c.Text(tag, "mail.title", "game", "Demo"); !strings.Contains(got, "Demo") {
					t.Errorf("%s: %q", tag, got)
				}
			})
		}
	}
	all.Wait()
}

// TestStartReadsOneLanguage runs alone, because it counts allocations: with one language New takes about 4,000, with
// all of them 55,000, and 20 ms of every start.
func TestStartReadsOneLanguage(t *testing.T) {
	if n := testing.AllocsPerRun(3, func() { open(t) }); n > 10_000 {
		t.Errorf("New allocates %v times: it reads more than English", n)
	}
}
