package clustertest_test

import (
	"math"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/latchkey-dev/latchkey"
)

// TestExplainFindsWhatIsWrong breaks each promise of a history once, so that it is known to be looked for.
func TestExplainFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	waiting := rows{state: latchkey.Waiting}
	spent := rows{state: latchkey.Spent, users: 1}
	granted := rows{state: latchkey.Spent, users: 1, grants: 1}
	login := []deedAnswered{{doStart, yes}, {doRight, yes}}
	grant := append(login[:2:2], deedAnswered{doRedeem, yes})
	tests := map[string]struct {
		deeds []deedAnswered
		last  []porcupine.Operation // after them
		end   rows
		bad   bool
	}{
		"a start":                                {deeds: []deedAnswered{{doStart, yes}}, end: waiting},
		"a start that is gone":                   {deeds: []deedAnswered{{doStart, yes}}, bad: true},
		"a login":                                {deeds: login, end: spent},
		"a login without a user":                 {deeds: login, end: rows{state: latchkey.Spent}, bad: true},
		"a login that is gone":                   {deeds: login, end: waiting, bad: true},
		"two logins with one code":               {deeds: append(login[:2:2], deedAnswered{doRight, yes}), end: spent, bad: true},
		"a right code refused":                   {deeds: []deedAnswered{{doStart, yes}, {doRight, no}}, end: waiting, bad: true},
		"a right code, and nobody knows":         {deeds: []deedAnswered{{doStart, yes}, {doRight, lost}}, end: spent},
		"a right code that came to nothing":      {deeds: []deedAnswered{{doStart, yes}, {doRight, lost}}, end: waiting},
		"refused since a lost one won":           {deeds: []deedAnswered{{doStart, yes}, {doRight, lost}, {doRight, no}}, end: spent},
		"a wrong code":                           {deeds: []deedAnswered{{doStart, yes}, {doWrong, no}}, end: rows{state: latchkey.Waiting, tries: 1, guesses: 1}},
		"a wrong code taken":                     {deeds: []deedAnswered{{doStart, yes}, {doWrong, yes}}, end: spent, bad: true},
		"a lost count":                           {deeds: []deedAnswered{{doStart, yes}, {doWrong, no}, {doWrong, no}}, end: rows{state: latchkey.Waiting, tries: 1, guesses: 1}, bad: true},
		"a lost guess":                           {deeds: []deedAnswered{{doStart, yes}, {doWrong, no}, {doWrong, no}}, end: rows{state: latchkey.Waiting, tries: 2, guesses: 1}, bad: true},
		"a count too many":                       {deeds: []deedAnswered{{doStart, yes}, {doWrong, no}}, end: rows{state: latchkey.Waiting, tries: 2, guesses: 2}, bad: true},
		"no more tries too early":                {deeds: []deedAnswered{{doStart, yes}, {doWrong, no}, {doRight, exhausted}}, end: rows{state: latchkey.Waiting, tries: 1, guesses: 1}, bad: true},
		"a denial":                               {deeds: []deedAnswered{{doStart, yes}, {doDeny, yes}, {doRight, no}, {doApprove, no}}, end: rows{state: latchkey.Denied}},
		"a denial that is not heeded":            {deeds: []deedAnswered{{doStart, yes}, {doDeny, yes}, {doRight, yes}}, end: spent, bad: true},
		"an approval that is gone":               {deeds: []deedAnswered{{doStart, yes}, {doApprove, yes}}, end: waiting, bad: true},
		"a grant":                                {deeds: grant, end: granted},
		"a grant that is gone":                   {deeds: grant, end: spent, bad: true},
		"two grants":                             {deeds: grant, end: rows{state: latchkey.Spent, users: 1, grants: 2}, bad: true},
		"a code redeemed twice":                  {deeds: append(grant[:3:3], deedAnswered{doRedeem, yes}), end: granted, bad: true},
		"a code redeemed twice, and no end":      {deeds: append(grant[:3:3], deedAnswered{doRedeem, no}), end: granted, bad: true},
		"a code redeemed twice, and the end":     {deeds: append(grant[:3:3], deedAnswered{doRedeem, no}), end: granted.dead()},
		"a revocation":                           {deeds: append(grant[:3:3], deedAnswered{doRevoke, yes}), end: granted.dead()},
		"a revocation that is gone":              {deeds: append(grant[:3:3], deedAnswered{doRevoke, yes}), end: granted, bad: true},
		"a refresh":                              {deeds: grant, last: []porcupine.Operation{refreshed(0, 1)}, end: granted.at(1)},
		"a refresh that is gone":                 {deeds: grant, last: []porcupine.Operation{refreshed(0, 1)}, end: granted, bad: true},
		"two heads":                              {deeds: grant, last: []porcupine.Operation{refreshed(0, 1), refreshed(0, 2)}, end: granted.at(2), bad: true},
		"the same answer again":                  {deeds: grant, last: []porcupine.Operation{refreshed(0, 1), refreshed(0, 1)}, end: granted.at(1)},
		"an old token taken":                     {deeds: grant, last: []porcupine.Operation{refreshed(0, 1), refreshed(1, 2), refreshed(0, 2)}, end: granted.at(2), bad: true},
		"a refresh after the revocation":         {deeds: append(grant[:3:3], deedAnswered{doRevoke, yes}), last: []porcupine.Operation{refreshed(0, 1)}, end: granted.at(1).dead(), bad: true},
		"a revocation that nobody knows":         {deeds: append(grant[:3:3], deedAnswered{doRevoke, lost}), last: []porcupine.Operation{refreshed(0, 1)}, end: granted.at(1).dead()},
		"what nobody knows does not undo itself": {deeds: append(grant[:3:3], deedAnswered{doRevoke, yes}, deedAnswered{doRedeem, lost}), end: granted, bad: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ops := inTurn(tt.deeds, tt.last, tt.end)
			want := porcupine.Ok
			if tt.bad {
				want = porcupine.Illegal
			}
			if got := explain(ops, 10*time.Second); got != want {
				t.Errorf("%s, want %s:\n%s", got, want, describe(ops))
			}
		})
	}
}

// TestExplainIsNotLostAmongTheUnknown: a history with dozens of operations of unknown end is decided at once, either way.
func TestExplainIsNotLostAmongTheUnknown(t *testing.T) {
	t.Parallel()
	deeds := []deedAnswered{{doStart, yes}}
	for range 8 {
		deeds = append(deeds, deedAnswered{doWrong, lost}, deedAnswered{doApprove, lost}, deedAnswered{doRight, lost}, deedAnswered{doDeny, lost})
	}
	deeds = append(deeds, deedAnswered{doWrong, no}, deedAnswered{doRight, yes}, deedAnswered{doRedeem, yes}, deedAnswered{doRevoke, lost})
	for tries, want := range map[int]porcupine.CheckResult{1: porcupine.Ok, 3: porcupine.Ok, 4: porcupine.Ok, 5: porcupine.Illegal} {
		ops := inTurn(deeds, nil, rows{state: latchkey.Spent, tries: tries, users: 1, grants: 1})
		if got := explain(ops, 10*time.Second); got != want {
			t.Errorf("%d tries: %s, want %s:\n%s", tries, got, want, describe(ops))
		}
	}
}

// A deedAnswered is one operation in a history that is made by hand.
type deedAnswered struct {
	deed    deed
	verdict verdict
}

func (r rows) dead() rows       { r.revoked = true; return r }
func (r rows) at(g uint32) rows { r.generation = g; return r }

// refreshed is a refresh with one generation that gave another.
func refreshed(with, gave uint32) porcupine.Operation {
	return porcupine.Operation{Input: question{deed: doRefresh, generation: with}, Output: reply{verdict: yes, generation: gave}}
}

// inTurn is a history of one client, with what the database has in the end.
func inTurn(deeds []deedAnswered, last []porcupine.Operation, end rows) (out []porcupine.Operation) {
	for _, d := range deeds {
		out = append(out, porcupine.Operation{Input: question{deed: d.deed}, Output: reply{verdict: d.verdict}})
	}
	out = append(append(out, last...), porcupine.Operation{Input: question{deed: doLook}, Output: reply{verdict: yes, rows: end}})
	for i := range out {
		q := out[i].Input.(question)
		q.called = time.Duration(2*i) * time.Millisecond
		q.ended = q.called + time.Millisecond
		out[i].Input, out[i].Call, out[i].Return = q, int64(q.called), int64(q.ended)
		if out[i].Output.(reply).verdict == lost {
			out[i].Return = math.MaxInt64
		}
	}
	return out
}
