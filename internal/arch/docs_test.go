package arch_test

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentsNameWhatExists: every path and every test that the documents name is there. A document that lies is worse
// than none.
func TestDocumentsNameWhatExists(t *testing.T) {
	top := root(t)
	tests := map[string]bool{}
	for _, s := range sources(t) {
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test {
				tests[f.Name.Name] = true
			}
		}
	}
	path := regexp.MustCompile("`((?:[a-z0-9_.-]+/)+[A-Za-z0-9_.-]*|[a-z]+\\.go|[A-Z]+\\.md)`")
	test := regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9_]+`)
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for _, doc := range documents(t) {
		text, err := os.ReadFile(filepath.Join(top, doc))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, m := range path.FindAllStringSubmatch(string(text), -1) {
			found++
			if _, err := os.Stat(filepath.Join(top, m[1])); err != nil && !ignored(m[1]) {
				t.Errorf("%s names %s, which does not exist", doc, m[1])
			}
		}
		for _, name := range test.FindAllString(string(text), -1) {
			if !tests[name] {
				t.Errorf("%s names the test %s, which does not exist", doc, name)
			}
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(top, filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s links to %s, which does not exist", doc, m[1])
			}
		}
		if doc == "ARCHITECTURE.md" && found < 10 {
			t.Errorf("found %d paths in ARCHITECTURE.md: the pattern is broken", found)
		}
	}
}

// TestDocumentsCarryNoPathOfAMachine: what stands in the project holds on every machine.
func TestDocumentsCarryNoPathOfAMachine(t *testing.T) {
	for _, doc := range documents(t) {
		text, err := os.ReadFile(filepath.Join(root(t), doc))
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"/work/", "/root/", "/home/"} {
			if strings.Contains(string(text), bad) {
				t.Errorf("%s contains %s", doc, bad)
			}
		}
	}
}

func documents(t *testing.T) []string {
	t.Helper()
	top := root(t)
	var out []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "bench/*.md"} {
		found, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			rel, _ := filepath.Rel(top, f)
			out = append(out, filepath.ToSlash(rel))
		}
	}
	if len(out) < 5 {
		t.Fatalf("found only %v: the patterns are broken", out)
	}
	return out
}

// ignored are things that documents name and a checkout does not hold.
func ignored(path string) bool {
	if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") && !strings.HasPrefix(first, ".") {
		return true // a module or a host
	}
	for _, prefix := range []string{"latchkey-data/", "application/", "text/", "net/", "crypto/", "login/", "oauth2/", "users/", "otc/", "token/", "log/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}
