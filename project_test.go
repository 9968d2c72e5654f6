package latchkey_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

func demo() latchkey.Project {
	p := latchkey.NewProject(project, "Demo", noon)
	p.CallbackURLs = []string{"https://game.example/cb"}
	p.LinkURLs = []string{"https://game.example/back"}
	p.AllowedOrigins = []string{"https://game.example", "http://localhost:*"}
	return p
}

func TestProjectValidate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*latchkey.Project)
		field  string // empty: valid
	}{
		"the defaults":               {func(p *latchkey.Project) { *p = latchkey.NewProject(project, "Demo", noon) }, ""},
		"demo":                       {func(*latchkey.Project) {}, ""},
		"no id":                      {func(p *latchkey.Project) { p.ID = latchkey.ProjectID{} }, "id"},
		"no name":                    {func(p *latchkey.Project) { p.Name = " \t" }, "name"},
		"approval by number":         {func(p *latchkey.Project) { p.Approval = latchkey.ByNumber }, ""},
		"approval by nothing":        {func(p *latchkey.Project) { p.Approval = "" }, "link_approval"},
		"logo":                       {func(p *latchkey.Project) { p.Logo = "https://game.example.com/a.png" }, ""},
		"logo without TLS":           {func(p *latchkey.Project) { p.Logo = "http://localhost/a.png" }, "logo"},
		"logo that is a script":      {func(p *latchkey.Project) { p.Logo = "javascript:alert(1)" }, "logo"},
		"color":                      {func(p *latchkey.Project) { p.Color = "#a1B2c3" }, ""},
		"color by name":              {func(p *latchkey.Project) { p.Color = "red" }, "color"},
		"color that ends the rule":   {func(p *latchkey.Project) { p.Color = "#fff;}x" }, "color"},
		"name of two lines":          {func(p *latchkey.Project) { p.Name = "Demo\r\nBcc: x" }, "name"},
		"name not UTF-8":             {func(p *latchkey.Project) { p.Name = "\xff" }, "name"},
		"locale of two lines":        {func(p *latchkey.Project) { p.DefaultLocale = "de\n" }, "default_locale"},
		"name of 101":                {func(p *latchkey.Project) { p.Name = strings.Repeat("x", 101) }, "name"},
		"ten tries":                  {func(p *latchkey.Project) { p.Codes.Tries = 10 }, ""},
		"eleven tries":               {func(p *latchkey.Project) { p.Codes.Tries = 11 }, "codes.tries"},
		"no tries":                   {func(p *latchkey.Project) { p.Codes.Tries = 0 }, "codes.tries"},
		"HS256":                      {func(p *latchkey.Project) { p.Algorithm = latchkey.HS256 }, ""},
		"ES256":                      {func(p *latchkey.Project) { p.Algorithm = latchkey.ES256 }, ""},
		"EdDSA":                      {func(p *latchkey.Project) { p.Algorithm = latchkey.EdDSA }, ""},
		"none":                       {func(p *latchkey.Project) { p.Algorithm = "none" }, "algorithm"},
		"no algorithm":               {func(p *latchkey.Project) { p.Algorithm = "" }, "algorithm"},
		"token life of 59 s":         {func(p *latchkey.Project) { p.TokenLife = 59 * time.Second }, "token_life"},
		"token life over 30 days":    {func(p *latchkey.Project) { p.TokenLife = 30*24*time.Hour + 1 }, "token_life"},
		"access life of 59 s":        {func(p *latchkey.Project) { p.AccessLife = 59 * time.Second }, "access_life"},
		"access life over a day":     {func(p *latchkey.Project) { p.AccessLife = 24*time.Hour + 1 }, "access_life"},
		"refresh life below access":  {func(p *latchkey.Project) { p.RefreshLife = p.AccessLife - 1 }, "refresh_life"},
		"refresh life over 400 days": {func(p *latchkey.Project) { p.RefreshLife = 401 * 24 * time.Hour }, "refresh_life"},
		"no channel":                 {func(p *latchkey.Project) { p.Channels = nil }, ""},
		"unknown channel":            {func(p *latchkey.Project) { p.Channels = []latchkey.Channel{latchkey.Email, "fax"} }, "channels"},
		"sessions of a minute": {func(p *latchkey.Project) {
			p.Sessions = latchkey.SessionPolicy{Idle: time.Minute, Life: time.Minute}
		}, ""},
		"sessions of 400 days": {func(p *latchkey.Project) {
			p.Sessions = latchkey.SessionPolicy{Idle: 400 * 24 * time.Hour, Life: 400 * 24 * time.Hour}
		}, ""},
		"sessions over 400 days":  {func(p *latchkey.Project) { p.Sessions.Life = 400*24*time.Hour + 1 }, "sessions"},
		"sessions idle for 59 s":  {func(p *latchkey.Project) { p.Sessions.Idle = time.Minute - 1 }, "sessions"},
		"sessions idle past life": {func(p *latchkey.Project) { p.Sessions.Idle = p.Sessions.Life + 1 }, "sessions"},
		"no session policy":       {func(p *latchkey.Project) { p.Sessions = latchkey.SessionPolicy{} }, "sessions"},
		"bad callback URL":        {func(p *latchkey.Project) { p.CallbackURLs = append(p.CallbackURLs, "/cb") }, "callback_urls"},
		"bad link URL":            {func(p *latchkey.Project) { p.LinkURLs = append(p.LinkURLs, "data:,x") }, "link_urls"},
		"bad origin":              {func(p *latchkey.Project) { p.AllowedOrigins = append(p.AllowedOrigins, "*") }, "allowed_origins"},
	} {
		p := demo()
		c.change(&p)
		checkField(t, name, p.Validate(), c.field)
	}
}

func TestLookValidate(t *testing.T) {
	t.Parallel()
	text := func(locale, title, intro string) map[string]latchkey.LookTexts {
		return map[string]latchkey.LookTexts{"de": {Title: "Hallo"}, locale: {Title: title, Intro: intro}}
	}
	many := map[string]latchkey.LookTexts{}
	for n := range 41 {
		many["x"+strings.Repeat("y", n%20)+strings.Repeat("z", n/20)] = latchkey.LookTexts{}
	}
	for name, c := range map[string]struct {
		look  latchkey.Look
		field string // empty: valid
	}{
		"ours":                  {latchkey.Look{}, ""},
		"light":                 {latchkey.Look{Theme: latchkey.LightTheme}, ""},
		"dark":                  {latchkey.Look{Theme: latchkey.DarkTheme, DarkColor: "#A0b1C2"}, ""},
		"another theme":         {latchkey.Look{Theme: "sepia"}, "look.theme"},
		"colour by name":        {latchkey.Look{DarkColor: "red"}, "look.dark_color"},
		"colour ends the rule":  {latchkey.Look{DarkColor: "#fff;}x"}, "look.dark_color"},
		"terms":                 {latchkey.Look{Terms: "https://game.example/terms"}, ""},
		"terms without TLS":     {latchkey.Look{Terms: "http://localhost/terms"}, "look.terms"},
		"terms of an app":       {latchkey.Look{Terms: "app://terms"}, "look.terms"},
		"privacy":               {latchkey.Look{Privacy: "https://game.example/privacy"}, ""},
		"privacy is a script":   {latchkey.Look{Privacy: "javascript:alert(1)"}, "look.privacy"},
		"privacy by a fragment": {latchkey.Look{Privacy: "https://game.example/#privacy"}, "look.privacy"},
		"texts":                 {latchkey.Look{Texts: text("zh_CN", "你好 <b>", "\"x\"")}, ""},
		"texts for all others":  {latchkey.Look{Texts: text("", "Hello", "")}, ""},
		"title of 200":          {latchkey.Look{Texts: text("en", strings.Repeat("x", 200), "")}, ""},
		"title of 201":          {latchkey.Look{Texts: text("en", strings.Repeat("x", 201), "")}, "look.texts"},
		"intro of 500":          {latchkey.Look{Texts: text("en", "", strings.Repeat("x", 500))}, ""},
		"intro of 501":          {latchkey.Look{Texts: text("en", "", strings.Repeat("x", 501))}, "look.texts"},
		"title of two lines":    {latchkey.Look{Texts: text("en", "a\nb", "")}, "look.texts"},
		"intro not UTF-8":       {latchkey.Look{Texts: text("en", "", "\xff")}, "look.texts"},
		"locale of two lines":   {latchkey.Look{Texts: text("en\n", "a", "")}, "look.texts"},
		"locale of 36":          {latchkey.Look{Texts: text(strings.Repeat("x", 36), "a", "")}, "look.texts"},
		"41 languages":          {latchkey.Look{Texts: many}, "look.texts"},
	} {
		p := demo()
		p.Look = c.look
		checkField(t, name, p.Validate(), c.field)
	}
	if len(many) != 41 {
		t.Fatalf("%d languages, not 41", len(many))
	}
}

func TestNIST_3_1_3_SixDigitsTenMinutes(t *testing.T) {
	t.Parallel()
	for digits := -1; digits <= 12; digits++ {
		p, field := demo(), ""
		if p.Codes.Digits = digits; digits < 6 || digits > 10 {
			field = "codes.digits"
		}
		checkField(t, "digits", p.Validate(), field)
	}
	for life, field := range map[time.Duration]string{
		0: "codes.life", -time.Second: "codes.life", 30*time.Second - 1: "codes.life", 30 * time.Second: "", 180 * time.Second: "", 600 * time.Second: "",
		600*time.Second + 1: "codes.life", 24 * time.Hour: "codes.life",
	} {
		p := demo()
		p.Codes.Life = life
		checkField(t, life.String(), p.Validate(), field)
	}
}

func TestValidateRedirect(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"https://game.example", "https://game.example/", "https://game.example/cb?x=1&y=", "https://game.example:8443/cb",
		"http://localhost/cb", "http://localhost:8080/cb", "http://127.0.0.1:9/cb", "http://[::1]:8080/cb",
		"app://xlogin.com.studio.game", "app://xlogin.demo", "com.studio.game:/cb", "com.studio.game://cb?x=1",
		"https://login.xsolla.com/api/blank", "https://xn--bcher-kva.example/cb",
		"https://game.example/" + strings.Repeat("x", 2000-len("https://game.example/")),
	} {
		checkField(t, good, latchkey.ValidateRedirect("redirect_uris", good), "")
	}
	for name, bad := range map[string]string{
		"nothing":              "",
		"a path":               "/cb",
		"no scheme":            "game.example/cb",
		"scheme-relative":      "//game.example/cb",
		"fragment":             "https://game.example/cb#x",
		"empty fragment":       "https://game.example/cb#",
		"fragment of an app":   "app://x#y",
		"user":                 "https://me@game.example/cb",
		"user and password":    "https://game.example:x@evil.example/cb",
		"empty user":           "https://@game.example/cb",
		"http":                 "http://game.example/cb",
		"http, like loopback":  "http://localhost.evil.example/cb",
		"http, like 127.0.0.1": "http://127.0.0.1.evil.example/cb",
		"http, user loopback":  "http://localhost@evil.example/cb",
		"http, no host":        "http:///cb",
		"http, all interfaces": "http://0.0.0.0/cb",
		"http, decimal":        "http://2130706433/cb",
		"https without a host": "https:///cb",
		"https, opaque":        "https:game.example",
		"javascript":           "javascript:alert(1)",
		"JavaScript":           "JavaScript:alert(1)",
		"javascript with //":   "javascript://game.example/%0aalert(1)",
		"a blank before it":    " javascript:alert(1)",
		"a tab in it":          "java\tscript:alert(1)",
		"a line break":         "https://game.example/\r\nSet-Cookie: x=1",
		"NUL":                  "https://game.example/\x00",
		"data":                 "data:text/html,<script>alert(1)</script>",
		"vbscript":             "vbscript:x",
		"file":                 "file:///etc/passwd",
		"blob":                 "blob:https://game.example/1",
		"about":                "about:blank",
		"a backslash":          `https://game.example\@evil.example`,
		"2001 bytes":           "https://game.example/" + strings.Repeat("x", 2001-len("https://game.example/")),
		"a bad port":           "https://game.example:port/",
		"a bad escape":         "https://game.example/%zz",
		"brackets":             "https://[game.example]/",
	} {
		checkField(t, name+" "+bad[:min(len(bad), 60)], latchkey.ValidateRedirect("redirect_uris", bad), "redirect_uris")
	}
}

func TestRFC9700_4_11_LinkURLIsNoOpenRedirector(t *testing.T) {
	t.Parallel()
	p := demo()
	for given, want := range map[string]error{
		"https://game.example/back":            nil,
		"https://game.example/cb":              nil,
		"":                                     latchkey.Missing,
		"https://game.example/back?":           latchkey.CallbackUnknown,
		"https://game.example/back/../../evil": latchkey.CallbackUnknown,
		"https://evil.example/":                latchkey.CallbackUnknown,
		"javascript:alert(1)":                  latchkey.CallbackUnknown,
		"undefined/?x":                         latchkey.CallbackUnknown,
	} {
		if err := p.CheckLinkURL(given); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("CheckLinkURL(%q): %v, want %v", given, err, want)
		}
	}
	if err := (latchkey.Project{}).CheckLinkURL("https://game.example/"); !errors.Is(err, latchkey.CallbackUnknown) {
		t.Errorf("a project without URLs: %v", err)
	}
}

func TestAllowsOrigin(t *testing.T) {
	t.Parallel()
	p := demo()
	p.AllowedOrigins = append(p.AllowedOrigins, "http://[::1]:*", "https://fixed.example:8443")
	for origin, want := range map[string]bool{
		"https://game.example":             true,
		"http://localhost":                 true, // port 80 goes without saying
		"http://localhost:80":              true,
		"http://localhost:65535":           true,
		"http://[::1]:3000":                true,
		"https://fixed.example:8443":       true,
		"":                                 false,
		"null":                             false,
		"*":                                false,
		"http://game.example":              false,
		"https://game.example:8443":        false,
		"https://game.example/":            false,
		"https://game.example.evil":        false,
		"https://evil-game.example":        false,
		"https://sub.game.example":         false,
		"https://GAME.example":             false,
		"https://localhost:3000":           false,
		"http://localhost:":                false,
		"http://localhost:*":               true, // no browser sends it, and it stands in the list
		"http://localhost:80.evil.example": false,
		"http://localhost:80@evil.example": false,
		"http://localhost.evil.example":    false,
		"http://localhost:-1":              false,
		"http://localhost:8080/":           false,
		"https://fixed.example":            false,
		"https://fixed.example:8444":       false,
	} {
		if got := p.AllowsOrigin(origin); got != want {
			t.Errorf("AllowsOrigin(%q) = %v", origin, got)
		}
	}
}

func TestOriginsThatMayBeRegistered(t *testing.T) {
	t.Parallel()
	for origin, ok := range map[string]bool{
		"https://game.example": true, "http://localhost:*": true, "https://game.example:8443": true, "capacitor://localhost": true,
		"": false, "*": false, "null": false, "game.example": false, "https://": false, "https://game.example/": false,
		"https://game.example/x": false, "https://game.example?x=1": false, "https://me@game.example": false, "https://game.example:port": false,
	} {
		p := demo()
		p.AllowedOrigins = []string{origin}
		field := ""
		if !ok {
			field = "allowed_origins"
		}
		checkField(t, "origin "+origin, p.Validate(), field)
	}
}

func TestProjectChannels(t *testing.T) {
	t.Parallel()
	p := demo()
	p.Channels = []latchkey.Channel{latchkey.Phone}
	if p.Has(latchkey.Email) || !p.Has(latchkey.Phone) || p.Has("") {
		t.Error("phone is on and nothing else")
	}
}

func TestTokenLifeMax(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]time.Duration{{1, 2, 2}, {2, 1, 2}, {2, 2, 2}} {
		if got := (latchkey.Project{TokenLife: c[0], AccessLife: c[1]}).TokenLifeMax(); got != c[2] {
			t.Errorf("of %v and %v: %v", c[0], c[1], got)
		}
	}
}
