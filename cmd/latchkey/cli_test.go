package main

import (
	"slices"
	"testing"

	"github.com/alecthomas/kong"
)

// TestEachCommandIsReadAlone: a start reads the flags of its own command, as they are among all, and the file's settings are
// those of all.
func TestEachCommandIsReadAlone(t *testing.T) {
	t.Parallel()
	model := func(cli any) *kong.Application {
		p, err := kong.New(cli, kong.ExplicitGroups(groups))
		if err != nil {
			t.Fatal(err)
		}
		return p.Model
	}
	flags := func(n *kong.Node) (names []string) {
		for _, group := range n.AllFlags(false) {
			for _, f := range group {
				names = append(names, f.String())
			}
		}
		return names
	}
	all := model(&commandLine{})
	if len(all.Children) == 0 {
		t.Fatal("there is no command")
	}
	for _, want := range all.Children {
		got := model(commandsFor(want.Name)).Children
		if len(got) != 1 || got[0].Name != want.Name || !slices.Equal(flags(got[0]), flags(want)) {
			t.Errorf("%s is not read alone, or has other flags then", want.Name)
		}
	}
	for _, other := range []string{"", "--help", "-h", "nonsense", "Serve"} {
		if got := model(commandsFor(other)).Children; len(got) != len(all.Children) {
			t.Errorf("%q gives %d of %d commands", other, len(got), len(all.Children))
		}
	}
	for _, name := range []string{"public-url", "limiter", "data"} {
		if known, err := settingNames(); err != nil || !slices.Contains(known, name) {
			t.Errorf("%s is not among the settings of a file: %v, %v", name, known, err)
		}
	}
}
