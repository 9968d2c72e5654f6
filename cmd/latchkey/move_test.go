package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// TestAMoveSaysThatItGoesOn: whoever waits for ten million addresses to be sorted sees every few seconds that it is being done.
func TestAMoveSaysThatItGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		p := &progress{app: &app{world: world{Stderr: &told, Now: time.Now}}, verb: "imported"}
		stop := p.run()
		time.Sleep(time.Minute)
		p.at(1, latchkey.ProjectRecord)
		time.Sleep(100 * time.Millisecond)
		p.at(10_000_001, latchkey.UserRecord)
		time.Sleep(11 * time.Second)
		_ = p.end(nil)
		time.Sleep(time.Minute)
		stop()
		want := `imported 1 records, at project
imported 10000001 records, at user; the database is at work for 9s
imported 10000001 records: done
`
		if told.String() != want {
			t.Errorf("told\n%swant\n%s", told.String(), want)
		}
	})
}
