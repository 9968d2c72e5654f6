package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run this program as `latchkey`.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"latchkey": main})
}

// TestScripts runs every command as an operator does. The scripts are testdata/script/*.txtar.
func TestScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) < 8 {
		t.Fatalf("only %d scripts were found: %v", len(scripts), err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"seeded": seeded,
			"person": person,
		},
	})
}

// seeded makes the database of latchkey dev in a folder, without a server: the demo project and clients.
func seeded(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: seeded FOLDER")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d := newDevServer(ctx, ts.MkAbs(args[0]))
	defer d.stop()
	if err := d.wait(30 * time.Second); err != nil {
		ts.Fatalf("latchkey dev: %v\n%s", err, d.stderr.String())
	}
}
