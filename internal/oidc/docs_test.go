package oidc_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestTheGuidesCompile: the programs in docs/integrate are programs.
func TestTheGuidesCompile(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs the compiler: left out of -short")
	}
	guides, err := filepath.Glob("../../docs/integrate/*.md")
	if err != nil || len(guides) == 0 {
		t.Fatalf("no guides found (%v): the pattern is broken", err)
	}
	block := regexp.MustCompile("(?s)```go\n(package main.*?)```")
	programs := 0
	for _, guide := range guides {
		text, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllSubmatch(text, -1) {
			programs++
			file := filepath.Join(t.TempDir(), "main.go")
			if err := os.WriteFile(file, m[1], 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", guide, err, out)
			}
			if out, err := exec.CommandContext(t.Context(), "gofmt", "-l", file).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s is not formatted: %v %s", guide, err, out)
			}
		}
	}
	if programs == 0 {
		t.Error("no program found in the guides: the pattern is broken")
	}
}
