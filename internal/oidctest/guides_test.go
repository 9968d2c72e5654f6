package oidctest_test

import (
	"bufio"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// guides are the pages of docs/integrate, each with the test that runs what stands there.
var guides = map[string]func(*testing.T){
	"go.md": TestGoBackEnd, "oauth2-proxy.md": TestOAuth2Proxy, "spa.md": TestSinglePageApp, "television.md": TestTelevision, "xsolla-sdks.md": TestXsollaPage,
}

// TestEveryGuideIsRun: a page that no test runs is a guess.
func TestEveryGuideIsRun(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob(filepath.Join("..", "..", "docs", "integrate", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for _, page := range found {
		if base := filepath.Base(page); base != "README.md" {
			pages = append(pages, base)
		}
	}
	if want := slices.Sorted(maps.Keys(guides)); !slices.Equal(pages, want) {
		t.Errorf("the guides are %v, and the tests run %v", pages, want)
	}
}

// guide gives the one block of a language in a page of docs/integrate.
func guide(t *testing.T, page, language string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "integrate", page))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(text, -1)
	if len(found) != 1 {
		t.Fatalf("%s has %d blocks of %s, want 1", page, len(found), language)
	}
	return string(found[0][1])
}

// fill puts what a reader would put into a guide's program. What is not there to be replaced is a mistake.
func fill(t *testing.T, program string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(program, pairs[i]) {
			t.Fatalf("the guide's program does not contain %q", pairs[i])
		}
		program = strings.ReplaceAll(program, pairs[i], pairs[i+1])
	}
	return program
}

// write stores a guide's program under a name.
func write(t *testing.T, name, program string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestGoBackEnd: the program of docs/integrate/go.md, built and started.
func TestGoBackEnd(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s, who, listen := startDev(t), newPerson(t, "gopher@example.test"), freePort(t)
	c := s.client("confidential", "--redirect-uri", "http://"+listen+"/callback")
	source := write(t, "main.go", fill(t, guide(t, "go.md", "go"), "127.0.0.1:3000", listen))
	program := strings.TrimSuffix(source, ".go")
	if out, err := exec.Command("go", "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "ISSUER="+s.issuer(), "CLIENT_ID="+c.ID, "CLIENT_SECRET="+c.Secret)
	startUntilCleanup(t, cmd)
	eventually(t, "the program to listen", func() bool {
		res, err := http.Get("http://" + listen + "/")
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
	who.open("http://" + listen + "/login")
	who.signIn(s)
	who.endsAt("http://" + listen + "/callback?")
	if got := eval[string](who, "document.body.innerText"); !strings.HasPrefix(got, "Hello, "+who.address+" (") {
		t.Errorf("the program says %q", got)
	}
	who.open("http://" + listen + "/callback?code=x&state=y")
	if got := eval[string](who, "document.body.innerText"); !strings.HasPrefix(got, "Signing in did not work") {
		t.Errorf("to an answer that nobody asked for, the program says %q", got)
	}
}

// TestTelevision: the program of docs/integrate/television.md waits for a person who scans its code.
func TestTelevision(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	node := needNode(t)
	s, who := startDev(t), newPerson(t, "viewer@example.test")
	cmd := exec.Command(node, write(t, "television.mjs", guide(t, "television.md", "js")))
	cmd.Env = append(os.Environ(), "ISSUER="+s.issuer(), "CLIENT_ID="+s.client("public", "--device-login").ID)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	startUntilCleanup(t, cmd)
	scan := regexp.MustCompile(`^or scan a QR code of (.*)$`)
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		if m := scan.FindStringSubmatch(lines.Text()); m != nil {
			who.approve(s, m[1])
		}
	}
	if len(said) != 3 || !strings.HasPrefix(said[2], "Hello, "+who.address+" (") {
		t.Errorf("the program said %q\n%s\n%s", said, complaint.String(), s.log())
	}
}

// TestXsollaPage: the page of docs/integrate/xsolla-sdks.md, with the published SDK as it comes.
func TestXsollaPage(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	sdk := filepath.Join("..", "sdktest", "js", "node_modules", "@xsolla", "login-sdk", "dist", "sdk.js")
	if _, err := os.Stat(sdk); err != nil {
		missing(t, "internal/sdktest/js/node_modules", "run scripts/setup")
	}
	s, who := startDev(t), newPerson(t, "player@example.test")
	page := fill(t, guide(t, "xsolla-sdks.md", "html"),
		"https://login.example.com", s.url, "PROJECT-ID", demoProject, "https://game.example.com/signed-in", s.url+"/demo/callback")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, page)
	})
	mux.HandleFunc("GET /sdk.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, sdk) })
	game := httptest.NewServer(mux)
	t.Cleanup(game.Close)

	says := func(prefix string) {
		t.Helper()
		who.until("the page to say "+prefix, fmt.Sprintf(`document.getElementById("says").textContent.startsWith(%q)`, prefix))
	}
	who.open(game.URL)
	who.write(`#ask input`, who.address)
	who.press(`#ask button`)
	says("A code is on its way")
	code := s.code(who.address)
	who.write(`#enter input`, strings.Repeat(string('0'+(code[0]-'0'+1)%10), len(code)))
	who.press(`#enter button`)
	says("That code is wrong")
	who.write(`#enter input`, code)
	who.press(`#enter button`)
	says("Hello, " + who.address + " (")
}
