package crashtest_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// logins is how many people sign in, or would.
const logins = 200

// patience is how long a message may take after the restart: its lease in the dead process (15 s), the next look into
// the outbox, and a busy machine.
const patience = 40 * time.Second

// A moment is when the server dies: as soon as it has answered so many calls with 200. Zero: not by that.
type moment struct {
	crowd            int // how many people sign in at the same time, of all who do
	starts, confirms int
	stall            int // the sink answers no more after so many mails; 0: it always does
	unsent           int // at least so many messages must be waiting then, or the round proves nothing
}

// TestKilledInTheMiddle is the promise of Store: what a verb answered without an error is on disk, a code works once,
// and the outbox loses nothing.
func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	binary := build(t)
	for name, m := range map[string]moment{
		"in the middle of starts":    {crowd: 24, starts: 60},
		"in the middle of confirms":  {crowd: 24, confirms: 100},
		"at the first confirm":       {crowd: logins, confirms: 1},
		"with the messages in a jam": {crowd: logins, starts: logins, stall: 30, unsent: 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newSink(t, m.stall)
			s := newServer(t, binary, k)
			r := &round{server: s, sink: k, moment: m, dead: make(chan struct{})}
			r.die(t)
			k.release()
			s.start(t)
			r.prove(t)
			if t.Failed() {
				t.Log(s.log())
			}
		})
	}
}

// A person is one login, and how far it got.
type person struct {
	email   string
	started bool   // the start call was answered 200
	op      string // of it
	asked   bool   // the confirm call was sent with the right code
	token   string // the confirm call was answered 200
	user    string // whom the token names, once it was asked
	lost    bool   // the code was spent, and the answer got lost
}

// A round is one death and what follows.
type round struct {
	*server
	sink   *sink
	moment moment
	people [logins]person
	dead   chan struct{} // closed when the server is

	mu               sync.Mutex
	starts, confirms int
	once             sync.Once
}

// die lets everybody sign in and kills the server at the round's moment.
func (r *round) die(t *testing.T) {
	t.Helper()
	var all sync.WaitGroup
	door := make(chan bool, r.moment.crowd)
	for i := range r.people {
		r.people[i].email = fmt.Sprintf("player-%d@crash.example.com", i)
		all.Go(func() {
			select {
			case door <- true:
				r.signIn(t, &r.people[i])
				<-door
			case <-r.dead: // too late
			}
		})
	}
	all.Wait()
	select {
	case <-r.dead:
	default:
		t.Fatalf("the moment %+v never came: %d starts and %d confirms were answered\n%s", r.moment, r.starts, r.confirms, r.log())
	}
	unsent := 0
	for i := range r.people {
		if p := &r.people[i]; p.started && r.sink.code(p.email) == "" {
			unsent++
		}
	}
	t.Logf("killed after %d starts and %d confirms; %d messages unsent", r.starts, r.confirms, unsent)
	if unsent < r.moment.unsent {
		t.Errorf("%d messages were unsent at the kill, fewer than %d: the round proves too little", unsent, r.moment.unsent)
	}
}

// signIn goes as far as the server's life allows. Until its death every answer is 200.
func (r *round) signIn(t *testing.T, p *person) {
	a := r.ask(p)
	if a.status != 200 {
		r.mustBeDead(t, p, "start", a)
		return
	}
	p.started, p.op = true, a.Op
	r.count(t, &r.starts)
	select {
	case <-r.sink.arrived(p.email):
	case <-r.dead:
		return
	case <-time.After(patience):
		t.Errorf("%s: no mail within %v, and the server lives", p.email, patience)
		return
	}
	p.asked = true
	a = r.confirm(p)
	if a.status != 200 {
		r.mustBeDead(t, p, "confirm", a)
		return
	}
	if p.token = tokenOf(a.URL); p.token == "" {
		t.Errorf("%s: confirm gave 200 without a token", p.email)
	}
	r.count(t, &r.confirms)
}

// mustBeDead accepts a call without an answer, once the server is being killed.
func (r *round) mustBeDead(t *testing.T, p *person, call string, a answer) {
	if a.status != 0 {
		t.Errorf("%s: %s gave %v", p.email, call, a)
		return
	}
	select {
	case <-r.dead:
	case <-time.After(patience):
		t.Errorf("%s: %s got no answer, and nobody killed the server", p.email, call)
	}
}

// count counts an answer, and kills the server if that was the one to die at.
func (r *round) count(t *testing.T, n *int) {
	r.mu.Lock()
	*n++
	now := r.moment.starts > 0 && r.starts >= r.moment.starts || r.moment.confirms > 0 && r.confirms >= r.moment.confirms
	r.mu.Unlock()
	if now {
		r.once.Do(func() { r.kill(t); close(r.dead) })
	}
}

func (r *round) ask(p *person) answer {
	return r.post("/login/email/request", fmt.Sprintf(`{"email":%q}`, p.email))
}

func (r *round) confirm(p *person) answer {
	return r.post("/login/email/confirm",
		fmt.Sprintf(`{"email":%q,"code":%q,"operation_id":%q}`, p.email, r.sink.code(p.email), p.op))
}

// prove holds the second life to what the first one answered.
func (r *round) prove(t *testing.T) {
	t.Helper()
	var all sync.WaitGroup
	for i := range r.people {
		if p := &r.people[i]; p.started {
			all.Go(func() { r.provePerson(t, p) })
		}
	}
	all.Wait()
	r.proveUsers(t)
	for _, err := range r.sink.complaints() {
		t.Errorf("a mail that cannot be read: %v", err)
	}
}

func (r *round) provePerson(t *testing.T, p *person) {
	if p.token == "" {
		r.finish(t, p)
	}
	if p.token != "" {
		who := r.me(p.token)
		if who.status != 200 || who.UserID == "" {
			t.Errorf("%s: a login that was answered 200 is gone: its token gives %v", p.email, who)
		}
		p.user = who.UserID
	}
	if n := r.sink.distinct(p.email); n > 1 {
		t.Errorf("%s: one challenge, %d different codes", p.email, n)
	}
	if a := r.confirm(p); a.status != 401 || a.Error.Code != "003-039" {
		t.Errorf("%s: a used code used again gives %v, want 401 003-039", p.email, a)
	}
}

// finish completes a login that the kill cut: its message comes, now at the latest, and its code works. Only if the
// code had been handed in already, and the answer got lost, it may be spent.
func (r *round) finish(t *testing.T, p *person) {
	select {
	case <-r.sink.arrived(p.email):
	case <-time.After(patience):
		t.Errorf("%s: the start call was answered 200, and no message came within %v of the restart", p.email, patience)
		return
	}
	a := r.confirm(p)
	switch {
	case a.status == 200:
		if p.token = tokenOf(a.URL); p.token == "" {
			t.Errorf("%s: confirm gave 200 without a token", p.email)
		}
	case a.status == 401 && p.asked:
		p.lost = true
	default:
		t.Errorf("%s: the code of a challenge that outlived the kill gives %v", p.email, a)
	}
}

// proveUsers compares the users with the logins: one user for each login that was completed, and nobody else.
func (r *round) proveUsers(t *testing.T) {
	t.Helper()
	var users []struct{ ID, Email string }
	raw := r.run(t, "user", "list", "--json", "--project", r.project, "--limit", fmt.Sprint(2*logins))
	if err := json.Unmarshal(raw, &users); err != nil {
		t.Fatalf("latchkey user list --json: %v\n%s", err, raw)
	}
	byEmail := map[string]string{}
	for _, u := range users {
		if _, twice := byEmail[u.Email]; twice {
			t.Errorf("%s: two users have this address", u.Email)
		}
		byEmail[u.Email] = u.ID
	}
	lost := 0
	for i := range r.people {
		p := &r.people[i]
		id, exists := byEmail[p.email]
		delete(byEmail, p.email)
		switch completed := p.token != "" || p.lost; {
		case completed && !exists:
			t.Errorf("%s: the code is spent, and there is no user: a login in halves", p.email)
		case !completed && exists:
			t.Errorf("%s: there is a user without a login", p.email)
		case p.user != "" && p.user != id:
			t.Errorf("%s: the token names user %s, the store has %s", p.email, p.user, id)
		}
		if p.lost {
			lost++
		}
	}
	for email := range byEmail {
		t.Errorf("%s: a user that nobody made", email)
	}
	t.Logf("%d users; %d logins were committed and their answers lost", len(users), lost)
}

func tokenOf(login string) string {
	if u, err := url.Parse(login); err == nil && strings.HasPrefix(login, callbackURL+"?token=") {
		return u.Query().Get("token")
	}
	return ""
}
