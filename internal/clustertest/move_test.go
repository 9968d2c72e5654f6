package clustertest_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/pgtest"
)

// TestMove moves a project with its people from SQLite to PostgreSQL and back. What they hold works on the other side: the token of
// a user, and a refresh token. One that was used up or revoked does not.
func TestMove(t *testing.T) {
	t.Parallel()
	c := newCluster(t, plan{server: pgtest.Shared(t), nodes: 1, algorithm: "ES256"})
	// The cluster's own database lends its project to SQLite first, so that ids and addresses are the same everywhere.
	shared := place{"PostgreSQL", []string{"--store", c.store}}
	file := place{"SQLite", []string{"--data", ""}}
	n := c.nodes[0]
	serving := n.args
	n.stop(t)
	move := func(from, to place) {
		t.Helper()
		archive := filepath.Join(t.TempDir(), "players.jsonl")
		runProgram(t, c.binary, append([]string{"export", archive}, from.flags...)...)
		if to.name == "PostgreSQL" { // an empty one: what is there already would stay
			to.flags[1] = c.server.URL(newDatabase(t, c.server))
		} else {
			to.flags[1] = t.TempDir()
		}
		runProgram(t, c.binary, append([]string{"migrate"}, to.flags...)...)
		runProgram(t, c.binary, append([]string{"import", archive}, to.flags...)...)
		n.args = append([]string{serving[0]}, append(to.flags[:2:2], serving[3:]...)...)
		t.Logf("from %s to %s: %d bytes of archive", from.name, to.name, size(t, archive))
	}

	move(shared, file)
	n.start(t)
	held := c.settle(t, "sqlite")
	n.stop(t)

	move(file, shared)
	n.start(t)
	held.work(t, c, "from SQLite in PostgreSQL")
	other := c.settle(t, "postgres")
	n.stop(t)

	move(shared, file)
	n.start(t)
	held.work(t, c, "from SQLite in PostgreSQL and back")
	other.work(t, c, "from PostgreSQL in SQLite")
	if t.Failed() {
		t.Log(c.logs())
	}
}

// A place is a database, with the flags that lead there.
type place struct {
	name  string
	flags []string
}

// belongings are what people hold after their logins.
type belongings struct {
	people  []person
	users   []string // ids
	tokens  []string // of the JWT protocol
	refresh []string // newest refresh tokens
	dead    []string // a refresh token of a grant that was revoked
}

// settle lets people sign in.
func (c *cluster) settle(t *testing.T, name string) *belongings {
	t.Helper()
	b := &belongings{}
	for i := range 10 {
		p := newPerson("move-"+name, i)
		op := c.startJWT(p).is(t, "start", 200).Op
		token := c.confirmJWT(p, op, c.code(t, p, op)).is(t, "confirm", 200).token()
		op = c.start(p).is(t, "start", 200).Op
		tokens := c.redeem(p, c.confirm(p, op, c.code(t, p, op)).is(t, "confirm", 200).code()).is(t, "token", 200)
		refresh := tokens.Refresh
		for range i % 3 {
			refresh = c.refresh(p, refresh).is(t, "refresh", 200).Refresh
		}
		who := c.userinfo(p, tokens.Access).is(t, "userinfo", 200)
		b.people, b.users = append(b.people, p), append(b.users, who.Subject)
		b.tokens, b.refresh = append(b.tokens, token), append(b.refresh, refresh)

		op = c.start(p).is(t, "start", 200).Op
		again := c.redeem(p, c.confirm(p, op, c.code(t, p, op)).is(t, "confirm", 200).code()).is(t, "token", 200)
		c.revoke(p, again.Refresh).is(t, "revoke", 200)
		b.dead = append(b.dead, again.Refresh)
	}
	return b
}

// work holds the server to what people have.
func (b *belongings) work(t *testing.T, c *cluster, where string) {
	t.Helper()
	for i, p := range b.people {
		name := where + ", person " + strconv.Itoa(i)
		c.validate(p, b.tokens[i]).is(t, name+": the token", 204)
		fresh := c.refresh(p, b.refresh[i]).is(t, name+": the refresh token", 200)
		b.refresh[i] = fresh.Refresh
		if who := c.userinfo(p, fresh.Access).is(t, name+": userinfo", 200); who.Subject != b.users[i] {
			t.Errorf("%s: is user %s, was %s", name, who.Subject, b.users[i])
		}
		c.refresh(p, b.dead[i]).is(t, name+": a refresh token that was revoked", 400)
		op := c.startJWT(p).is(t, name+": a new login", 200).Op
		c.confirmJWT(p, op, c.code(t, p, op)).is(t, name+": a new login", 200)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
