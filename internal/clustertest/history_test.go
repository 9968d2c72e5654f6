package clustertest_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/pgtest"
)

// How large a history is: at every run, and at its full size, under LATCHKEY_TEST_LONG=1.
const (
	shortHistory, longHistory = 20_000, 50_000
	opsPerChallenge           = 25
	tables, seats             = 8, 8 // 64 clients; those of a table work on one challenge at a time
)

// TestHistoryIsLinearizable records what 64 clients do and are answered while nodes are killed and the database is restarted, and
// looks for an order in which one server alone could have given the same answers, challenge by challenge, with what the
// database has in the end as the last of them. If there is one, every challenge had one success, no count is lost, no family of
// refresh tokens has two heads, and nothing that was answered 200 is gone.
func TestHistoryIsLinearizable(t *testing.T) {
	size := shortHistory
	if os.Getenv("LATCHKEY_TEST_LONG") == "1" {
		size = longHistory
	}
	h := &history{
		cluster: newCluster(t, plan{server: pgtest.Start(t)}), size: size, began: time.Now(),
	}
	h.record(t)
	took := time.Since(h.began)
	h.look(t)
	h.report(t, took)
	h.check(t)
	if t.Failed() {
		t.Log(h.logs())
	}
}

// A history is what was asked and answered.
type history struct {
	*cluster
	size  int
	began time.Time
	done  atomic.Int64 // operations that ended

	mu      sync.Mutex
	cases   []*challenge    // guarded by mu; whose start was answered
	orphan  int             // guarded by mu; starts that nobody knows the end of
	away    []time.Duration // guarded by mu; how long answers of 503 took
	cut     int             // guarded by mu; calls without an answer
	longest time.Duration   // guarded by mu; call
	counts  map[string]int  // guarded by mu; by deed and verdict
}

// A challenge is one start and everything after it.
type challenge struct {
	person
	id  latchkey.ChallengeID
	op  string
	rng *rand.Rand // of the table

	mu     sync.Mutex
	ops    []porcupine.Operation // guarded by mu
	code   string                // guarded by mu; authorization code, once somebody has it
	grant  latchkey.GrantID      // guarded by mu; once somebody has tokens
	newest uint32                // guarded by mu; highest generation that somebody has
}

// record lets the clients work and things go wrong, until the history has its size.
func (h *history) record(t *testing.T) {
	t.Helper()
	h.counts = map[string]int{}
	var clients, trouble sync.WaitGroup
	over := make(chan struct{})
	trouble.Go(func() { h.trouble(t, over) })
	var person atomic.Int64
	for table := range tables {
		clients.Go(func() {
			rng := rand.New(rand.NewPCG(5, uint64(table)))
			for int(h.done.Load()) < h.size || h.challenges()*opsPerChallenge < h.size {
				h.play(t, table*seats, rng, newPerson("history", int(person.Add(1))))
			}
		})
	}
	clients.Wait()
	close(over)
	trouble.Wait()
}

func (h *history) challenges() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.cases)
}

// trouble kills a node at every tenth of the history and starts it again half a tenth later. With the second and the seventh the
// database is restarted too, once as after a crash and once in order, and with the fifth it stands still for a while.
func (h *history) trouble(t *testing.T, over <-chan struct{}) {
	reached := func(share float64) bool {
		for float64(h.done.Load()) < share*float64(h.size) {
			select {
			case <-over:
				return false
			case <-time.After(2 * time.Millisecond):
			}
		}
		return true
	}
	restart := func(stop func(testing.TB)) {
		began := time.Now()
		stop(t)
		h.server.Restart(t)
		t.Logf("the database was away for %v", time.Since(began).Round(time.Millisecond))
	}
	for tenth := 1; tenth < 10; tenth++ {
		n := h.nodes[tenth%len(h.nodes)]
		if !reached(float64(tenth) / 10) {
			break
		}
		n.kill(t)
		switch tenth {
		case 2:
			restart(h.server.Stop)
		case 5:
			if runtime.GOOS == "linux" {
				h.server.Stall(t)
				time.Sleep(standstill)
				h.server.Resume(t)
			}
		case 7:
			restart(h.server.ShutDown)
		}
		reached(float64(tenth)/10 + 0.05)
		n.start(t)
	}
}

// standstill is longer than a node waits for its database.
const standstill = 3 * time.Second

// play is one challenge at a table: its start, then cards that the clients of the table draw, in an order that only chance knows.
func (h *history) play(t *testing.T, first int, rng *rand.Rand, p person) {
	c := h.begin(t, first, p)
	if c == nil {
		return
	}
	c.rng = rng
	h.deal(t, first, c, shuffled(rng, map[deed]int{
		doRight: 1 + rng.IntN(3), doWrong: max(0, rng.IntN(9)-1), doApprove: rng.IntN(3), doDeny: max(0, rng.IntN(8)-5),
	}))
	if c.code == "" {
		return
	}
	h.deal(t, first, c, shuffled(rng, map[deed]int{doRedeem: 1 + rng.IntN(10)/9, doRight: rng.IntN(2), doWrong: rng.IntN(2)}))
	if c.grant.IsZero() {
		return
	}
	h.deal(t, first, c, shuffled(rng, map[deed]int{doRefresh: 16 + rng.IntN(8), doRevoke: rng.IntN(3) / 2, doRight: rng.IntN(2), doDeny: rng.IntN(2)}))
}

func shuffled(rng *rand.Rand, cards map[deed]int) []deed {
	var out []deed
	for _, d := range []deed{doRight, doWrong, doApprove, doDeny, doRedeem, doRefresh, doRevoke} {
		for range cards[d] {
			out = append(out, d)
		}
	}
	rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// begin starts a challenge; nil if nobody knows whether there is one.
func (h *history) begin(t *testing.T, client int, p person) *challenge {
	c := &challenge{person: p}
	called := time.Since(h.began)
	a := h.start(p)
	c.op = a.Op
	id, ok := latchkey.ParseChallengeID(a.Op)
	if c.id = id; a.status == 200 && !ok {
		t.Errorf("start gives no operation: %v", a)
	}
	v := h.verdict(t, doStart, a)
	h.note(a, doStart, v)
	if v != yes {
		h.mu.Lock()
		h.orphan++
		h.mu.Unlock()
		a.heed()
		return nil
	}
	c.add(client, question{deed: doStart, called: called, ended: time.Since(h.began)}, reply{verdict: yes})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cases = append(h.cases, c)
	return c
}

// deal lets the clients of a table draw the cards, all at once.
func (h *history) deal(t *testing.T, first int, c *challenge, cards []deed) {
	var all sync.WaitGroup
	draw := make(chan deed, len(cards))
	for _, d := range cards {
		draw <- d
	}
	close(draw)
	for seat := range seats {
		all.Go(func() {
			for d := range draw {
				h.do(t, first+seat, c, d)
			}
		})
	}
	all.Wait()
}

// do is one operation.
func (h *history) do(t *testing.T, client int, c *challenge, d deed) {
	q := question{deed: d}
	var token string
	if d == doRefresh || d == doRevoke {
		q.generation, token = c.token(h.secrets, d)
	}
	code := c.authorizationCode()
	q.called = time.Since(h.began)
	a := h.ask(t, c, q, code, token)
	q.ended = time.Since(h.began)
	r := reply{verdict: h.verdict(t, d, a)}
	if r.verdict == yes && (d == doRedeem || d == doRefresh) {
		r.generation = c.learn(t, h.secrets, a)
	}
	if r.verdict == yes && d == doRight {
		c.found(t, a)
	}
	c.add(client, q, r)
	h.note(a, d, r.verdict)
	a.heed()
}

// heed waits as long as a 503 asks for, as a client does that can read.
func (a answer) heed() {
	if wait, ok := a.retryAfter(); ok && a.status == 503 {
		time.Sleep(wait)
	}
}

func (h *history) ask(t *testing.T, c *challenge, q question, code, token string) answer {
	switch q.deed {
	case doRight:
		return h.confirm(c.person, c.op, h.code(t, c.person, c.op))
	case doWrong:
		n, _ := strconv.Atoi(h.code(t, c.person, c.op))
		return h.confirm(c.person, c.op, fmt.Sprintf("%06d", (n+1)%1_000_000))
	case doApprove:
		return h.push(c.person, h.link(t, c.person, c.op), "approve")
	case doDeny:
		return h.push(c.person, h.link(t, c.person, c.op), "deny")
	case doRedeem:
		return h.redeem(c.person, code)
	case doRefresh:
		return h.refresh(c.person, token)
	case doRevoke:
		return h.revoke(c.person, token)
	}
	t.Errorf("nobody does %q", q.deed)
	return answer{}
}

// verdict reads an answer. One that is none of those that an operation has is an error.
func (h *history) verdict(t *testing.T, d deed, a answer) verdict {
	refusals := map[deed]string{
		doRight: "401 003-039", doWrong: "401 003-039", doApprove: "404 003-061", doDeny: "404 003-061",
		doRedeem: "400 010-023", doRefresh: "400 010-023",
	}
	got := fmt.Sprintf("%d %s", a.status, a.Error.Code)
	switch {
	case a.unknown():
		return lost
	case a.status == 200 && d != doWrong:
		return yes
	case got == refusals[d]:
		return no
	case got == "429 003-049" && (d == doRight || d == doWrong):
		return exhausted
	}
	t.Errorf("%s: %v", d, a)
	return lost
}

// note counts an answer.
func (h *history) note(a answer, d deed, v verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[string(d)+": "+string(v)]++
	h.longest = max(h.longest, a.took)
	switch a.status {
	case 0, 502:
		h.cut++
	case 503:
		if _, ok := a.retryAfter(); !ok {
			h.counts["503 without Retry-After"]++
		}
		h.away = append(h.away, a.took)
	}
	h.done.Add(1)
}

func (c *challenge) add(client int, q question, r reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := porcupine.Operation{ClientId: client, Input: q, Output: r, Call: int64(q.called), Return: int64(q.ended)}
	if r.verdict == lost {
		o.Return = math.MaxInt64 // it may happen at any time from its call on, and after everything else: never
	}
	c.ops = append(c.ops, o)
}

func (c *challenge) authorizationCode() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code
}

// found notes the authorization code that a confirm gave.
func (c *challenge) found(t *testing.T, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.code() == "" {
		t.Errorf("%s: a login without a code: %v", c.email, a)
	}
	if c.code != "" {
		t.Errorf("%s: two logins with one code: %v", c.email, a) // which the model says too
	}
	c.code = a.code()
}

// learn notes the refresh token that a call gave, and gives its generation.
func (c *challenge) learn(t *testing.T, s latchkey.Secrets, a answer) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, generation, ok := s.ParseRefreshToken(latchkey.Secret(a.Refresh))
	if !ok || !c.grant.IsZero() && id != c.grant {
		t.Errorf("%s: no refresh token of its family: %v", c.email, a)
	}
	c.grant, c.newest = id, max(c.newest, generation)
	return generation
}

// token picks a refresh token to present: mostly the newest that somebody has; now and then the one before, as after a lost
// answer, and seldom an older one, as a thief does.
func (c *challenge) token(s latchkey.Secrets, d deed) (uint32, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.newest
	switch roll := c.rng.IntN(100); {
	case roll < 1 && g >= 2:
		g -= 2
	case roll < 12 && g >= 1:
		g--
	}
	token, _ := s.RefreshToken(c.grant, g)
	return g, token.Reveal()
}

// look reads what the database has in the end, as one more operation on each challenge.
func (h *history) look(t *testing.T) {
	t.Helper()
	for _, n := range h.nodes {
		eventually(t, n.name+" to be ready", n.ready)
	}
	called := time.Since(h.began)
	found := map[string]rows{}
	const all = `SELECT encode(c.id, 'hex'), c.state, c.tries, COALESCE(g.total, 0), count(DISTINCT u.id), count(r.id),
		COALESCE(max(r.generation), 0), COALESCE(max(r.revoked), 0) > 0
		FROM challenges c LEFT JOIN guesses g ON g.address = c.address LEFT JOIN users u ON u.email = c.address
		LEFT JOIN grants r ON r.user_id = u.id GROUP BY c.id, g.total`
	for line := range strings.Lines(h.sql(t, all)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		number := func(i int) int {
			n, err := strconv.Atoi(f[i])
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			return n
		}
		found[f[0]] = rows{
			state: latchkey.State(f[1]), tries: number(2), guesses: number(3), users: number(4), grants: number(5),
			generation: uint32(number(6)), revoked: f[7] == "t",
		}
	}
	for _, c := range h.cases {
		q := question{deed: doLook, called: called, ended: time.Since(h.began)}
		c.add(-1, q, reply{verdict: yes, rows: found[hex.EncodeToString(c.id.Handle[:])]})
	}
}

func (h *history) report(t *testing.T, took time.Duration) {
	t.Helper()
	done := int(h.done.Load())
	t.Logf("%d operations on %d challenges by %d clients in %v: %.0f/s", done, len(h.cases), tables*seats,
		took.Round(time.Millisecond), float64(done)/took.Seconds())
	late := 0
	for _, d := range h.away {
		if d > 2*time.Second {
			late++
		}
	}
	t.Logf("%d calls without an answer; %d answers of 503, %v, %d after more than 2 s; longest call of all %v; %d starts of unknown end",
		h.cut, len(h.away), quantiles(h.away), late, h.longest.Round(time.Millisecond), h.orphan)
	t.Logf("answers: %v", h.counts)
	if n := h.counts["503 without Retry-After"]; n > 0 {
		t.Errorf("%d answers of 503 have no Retry-After", n)
	}
	if len(h.away) == 0 {
		t.Error("no call met the database while it was away: the test proves less than it says")
	}
	if worst := quantile(h.away, 1); worst > 20*time.Second { // 2 s, and room for a machine that does much else
		t.Errorf("an answer of 503 took %v", worst)
	}
}

// check looks for an order that explains each challenge.
func (h *history) check(t *testing.T) {
	t.Helper()
	const within = time.Minute // for one challenge; milliseconds are usual
	began := time.Now()
	var all sync.WaitGroup
	next := make(chan *challenge)
	var wrong atomic.Int64
	for range 2 {
		all.Go(func() {
			for c := range next {
				result := explain(c.ops, within)
				if result == porcupine.Ok {
					continue
				}
				if wrong.Add(1) <= 3 {
					t.Errorf("challenge %s: no order of its operations explains the answers (%s):\n%s", c.op, result, describe(c.ops))
				}
			}
		})
	}
	for _, c := range h.cases {
		next <- c
	}
	close(next)
	all.Wait()
	t.Logf("%d of %d challenges are explained, in %v", len(h.cases)-int(wrong.Load()), len(h.cases), time.Since(began).Round(time.Millisecond))
	if n := wrong.Load(); n > 3 {
		t.Errorf("%d challenges in all are not", n)
	}
}
