package main

import (
	"strings"
	"testing"
	"time"
)

// TestServeWarnsWhereNoSMSGo: the phone channel is on by default, and the countries are none.
func TestServeWarnsWhereNoSMSGo(t *testing.T) {
	t.Parallel()
	s, env, p := newServe(t, newHook(t, 0))
	s.stop()
	if log := s.stderr.String(); !strings.Contains(log, "no SMS go out") || !strings.Contains(log, p.ID) {
		t.Errorf("the log does not warn of project %s:\n%s", p.ID, log)
	}
	must[projectRow](t, env, "project", "update", p.ID, "--sms-country", "DE")
	again := newServerRun(t.Context(), env, "serve")
	if err := again.wait(30 * time.Second); err != nil {
		t.Fatalf("%v\n%s", err, again.stderr.String())
	}
	again.stop()
	if log := again.stderr.String(); strings.Contains(log, "no SMS go out") {
		t.Errorf("the log warns of a project that has a country:\n%s", log)
	}
}
