package arch_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// goroutines are the functions, besides those named run, Run and Serve, that may start a goroutine. Each documents when
// it ends.
var goroutines = []string{}

// TestNoHiddenInputs holds design.md §2.9: the clock, the environment and the exit are touched in cmd/latchkey only, so
// that a test can hand in its own.
func TestNoHiddenInputs(t *testing.T) {
	banned := map[string][]string{
		"time": {"Now", "Since", "Until", "Sleep"},
		"os":   {"Getenv", "LookupEnv", "Environ", "Exit"},
		"log":  {"Print", "Printf", "Println", "Fatal", "Fatalf", "Panic"},
	}
	for _, s := range production(t) {
		if s.dir == "cmd/latchkey" {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && slices.Contains(banned[pkg.Name], sel.Sel.Name) {
				t.Errorf("%s: %s.%s: take it as an argument or a field", s.pos(n), pkg.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

// TestNoInitAndNoMutableGlobals: what runs before main, or can be changed from anywhere, cannot be read off the code.
func TestNoInitAndNoMutableGlobals(t *testing.T) {
	for _, s := range production(t) {
		globals := map[string]bool{}
		for _, d := range s.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s: no init functions", s.pos(d))
				}
			case *ast.GenDecl:
				if d.Tok != token.VAR {
					continue
				}
				for _, spec := range d.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						globals[name.Name] = name.Name != "_"
						if name.IsExported() && d.Doc == nil {
							t.Errorf("%s: exported variable %s: anybody could write it", s.pos(name), name.Name)
						}
					}
				}
			}
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok && a.Tok != token.DEFINE {
				for _, left := range a.Lhs {
					if id, ok := target(left).(*ast.Ident); ok && globals[id.Name] {
						t.Errorf("%s: writes the package variable %s", s.pos(a), id.Name)
					}
				}
			}
			return true
		})
	}
}

// TestGoroutinesStartInRunAndServe keeps every goroutine findable, and its end with it.
func TestGoroutinesStartInRunAndServe(t *testing.T) {
	used := map[string]bool{}
	for _, s := range production(t) {
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil || slices.Contains([]string{"run", "Run", "Serve"}, f.Name.Name) {
				continue
			}
			place := s.dir + "." + f.Name.Name
			ast.Inspect(f.Body, func(n ast.Node) bool {
				if g, ok := n.(*ast.GoStmt); ok {
					used[place] = true
					if !slices.Contains(goroutines, place) {
						t.Errorf("%s: %s starts a goroutine; only run, Run, Serve and %v may", s.pos(g), place, goroutines)
					}
				}
				return true
			})
		}
	}
	for _, place := range goroutines {
		if !used[place] {
			t.Errorf("%s starts no goroutine any more: take it out of the list", place)
		}
	}
}

// TestPackagesAreNamedAfterWhatTheyAre bans the names under which anything can be put.
func TestPackagesAreNamedAfterWhatTheyAre(t *testing.T) {
	for _, s := range sources(t) {
		name := strings.TrimSuffix(s.ast.Name.Name, "_test")
		if slices.Contains([]string{"pkg", "util", "utils", "common", "models", "dto", "helpers", "helper", "misc", "base"}, name) {
			t.Errorf("%s: package %s says nothing", s.path, name)
		}
	}
}

// TestSizes keeps a file within one reading and a function within one screen.
func TestSizes(t *testing.T) {
	const longestFile, longestFunction = 450, 80
	for _, s := range production(t) {
		if n := s.set.File(s.ast.Pos()).LineCount(); n > longestFile {
			t.Errorf("%s has %d lines, more than %d: look for the seam", s.path, n, longestFile)
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1; n > longestFunction {
				t.Errorf("%s: %s has %d lines, more than %d", s.pos(f), f.Name.Name, n, longestFunction)
			}
		}
	}
}

// TestEveryPackageSaysWhatItIs: a room without a sign is a room that the next one furnishes twice.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range production(t) {
		documented[s.dir] = documented[s.dir] || s.ast.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %q has no package comment", dir)
		}
	}
}

// production gives the files that are part of the program. bench, attack and the test rooms are measured by a clock of their own.
func production(t *testing.T) []source {
	t.Helper()
	outside := []string{
		"bench", "attack", "internal/arch", "internal/storetest", "internal/sendertest", "internal/limitertest", "internal/pgtest",
		"internal/sdktest", "internal/crashtest", "internal/browsertest",
	}
	return slices.DeleteFunc(sources(t), func(s source) bool { return s.test || slices.Contains(outside, s.dir) })
}

// target gives what an assignment's left side is part of: x for x, x[i] and x.f.
func target(e ast.Expr) ast.Expr {
	for {
		switch v := e.(type) {
		case *ast.IndexExpr:
			e = v.X
		case *ast.SelectorExpr:
			e = v.X
		case *ast.StarExpr:
			e = v.X
		default:
			return e
		}
	}
}
