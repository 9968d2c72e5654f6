package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"text/tabwriter"
)

type versionCommand struct{ outputSettings }

// Run implements the command.
func (c versionCommand) Run(a *app) error {
	row := map[string]string{"version": version(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH}
	return c.show(a.Stdout, row, func(t *tabwriter.Writer) {
		fmt.Fprintf(t, "latchkey %s %s %s/%s\n", row["version"], row["go"], row["os"], row["arch"])
	})
}

// version is what the build says of itself: a tag, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return "devel"
}
