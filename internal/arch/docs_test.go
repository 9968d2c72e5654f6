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

// TestEveryRuleHasItsRow: the table of rules in SECURITY.md names each of them, and what holds it.
func TestEveryRuleHasItsRow(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Rules, and what holds them")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, rule := range strings.Fields("6.1.1 6.3.1 6.3.4 6.3.8 6.5.1 6.5.3 6.5.4 6.5.5 6.6.1 6.6.2 6.6.3 6.6.4 7.2.3 7.4.1 7.4.2 7.4.5 7.6.2 9.1.2 9.1.3 9.2.1 " +
		"9.2.2 9.2.3 10.4.1 10.4.2 10.4.3 10.4.4 10.4.5 10.4.6 10.4.8 10.4.9 10.4.10 2.3.1 2.3.3 2.4.1 14.2.1 14.3.2 16.2.5 16.3.1 16.5.2") {
		if !strings.Contains(table, "| ASVS "+rule+" |") {
			t.Errorf("the table has no row for ASVS %s", rule)
		}
	}
	for _, rule := range strings.Fields("6749 6750 7636 8252 7009 7662 7517 7518 8725 8414 9068 9207 9700 3834 6585") {
		if !strings.Contains(table, "| RFC "+rule) {
			t.Errorf("the table has no row for RFC %s", rule)
		}
	}
	for _, rule := range []string{"NIST §3.1.3", "NIST §3.2.2", "NIST §3.1.1.2", "OIDC Core"} {
		if !strings.Contains(table, "| "+rule) {
			t.Errorf("the table has no row for %s", rule)
		}
	}
}
