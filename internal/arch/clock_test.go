package arch_test

import (
	"go/build"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatIsShippedHasTheMachinesClock: the clock that can be moved, under which no code expires, is in a build with its tag and in
// no other; and nothing that makes what is shipped sets the tag.
func TestWhatIsShippedHasTheMachinesClock(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(root(t), "cmd", "latchkey")
	tagged := build.Default
	tagged.BuildTags = append(tagged.BuildTags, "fastclock")
	for file, want := range map[string]struct{ shipped, tagged bool }{
		"clock.go": {shipped: true}, "clock_fastclock.go": {tagged: true}, "main.go": {true, true},
	} {
		for _, c := range []struct {
			context build.Context
			want    bool
		}{{build.Default, want.shipped}, {tagged, want.tagged}} {
			if got, err := c.context.MatchFile(dir, file); err != nil || got != c.want {
				t.Errorf("%s with the tags %v is built: %v, %v; want %v", file, c.context.BuildTags, got, err, c.want)
			}
		}
	}
	for _, s := range sources(t) {
		raw, err := os.ReadFile(filepath.Join(root(t), s.path))
		if err != nil {
			t.Fatal(err)
		}
		if s.dir == "cmd/latchkey" && s.path != "cmd/latchkey/clock_fastclock.go" && strings.Contains(string(raw), "LATCHKEY_FASTCLOCK") {
			t.Errorf("%s reads the variable that moves the clock", s.path)
		}
	}
	for _, file := range []string{"Makefile", ".ci/run"} {
		raw, err := os.ReadFile(filepath.Join(root(t), file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "fastclock") {
			t.Errorf("%s builds with a clock that can be moved", file)
		}
	}
}
