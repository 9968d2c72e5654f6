package postgres

import (
	"context"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// TestNoStatementScansATable: a statement that loses its index still answers right, until there are ten million people. Every
// statement of the package, and every part of a change, is planned by the server over the statistics of a large house.
func TestNoStatementScansATable(t *testing.T) {
	t.Parallel()
	// What reads a whole table does so on purpose.
	whole := map[string]string{
		"allProjects":   "all of a table that is small, when keys are moved on or an administrator lists them",
		"allKeys":       "all of a table that is small, when keys are moved on",
		"ping":          "a table of one row",
		"takeClientID":  "a table of one row",
		"schemaVersion": "a table of one row",
		"setVersion":    "a table of one row",
	}
	c := largeHouse(t)
	all := statements(t)
	if len(all) < 80 {
		t.Fatalf("found %d statements in the package: the search is broken", len(all))
	}
	for name, text := range all {
		plan := explainPlan(t, c, name, text)
		if testing.Verbose() {
			t.Logf("%s:\n%s", name, plan)
		}
		scans := walksAll(plan)
		switch why, allowed := whole[name]; {
		case scans && !allowed:
			t.Errorf("%s would scan a table:\n%s", name, plan)
		case !scans && allowed:
			t.Errorf("%s is allowed to read %s, and does not: take it out of the list", name, why)
		}
		delete(whole, name)
	}
	for name := range whole {
		t.Errorf("%s is allowed to read a whole table, and is no statement any more", name)
	}
}

// TestYoungTablesAreReadByTheRightIndex: what a login loads is planned once for each connection, and again when the server has looked
// at the table, which takes it a minute. A plan from before that must not read every user of the project.
func TestYoungTablesAreReadByTheRightIndex(t *testing.T) {
	t.Parallel()
	c, err := pgx.Connect(t.Context(), newDatabase(t))
	must(t, err)
	t.Cleanup(func() { c.Close(context.WithoutCancel(t.Context())) })
	must(t, c.PgConn().ExecParams(t.Context(), session, nil, nil, nil, nil).Read().Err)
	for users := range 6 {
		for name, load := range map[string]string{"users_by_email": attemptLoadByEmail, "users_by_phone": attemptLoadByPhone} {
			if plan := explainPlan(t, c, name, load); !strings.Contains(plan, "Index Scan using "+name) {
				t.Errorf("with %d users %s is not used:\n%s", 80*users, name, plan)
			}
		}
		_, err := c.Exec(t.Context(), `INSERT INTO users (id, project, email, phone, registered, last_login, ban_from, ban_until, ban_reason, epoch)
			SELECT gen_random_uuid(), '5e5e5e5e-5e5e-5e5e-5e5e-5e5e5e5e5e5e', gen_random_uuid() || '@example.com', gen_random_uuid(), 0, 0, 0, 0, '', 0
			FROM generate_series(1, 80)`)
		must(t, err)
	}
}

// walksAll reports that a plan reads a table or an index from end to end, or finds a project's rows among all others.
func walksAll(plan string) bool {
	lines := strings.Split(plan, "\n")
	for i, line := range lines {
		step := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "->"))
		switch {
		case strings.HasPrefix(step, "Seq Scan on"), strings.HasPrefix(step, "Filter: (project = "):
			return true
		case !strings.HasPrefix(step, "Index Scan") && !strings.HasPrefix(step, "Index Only Scan"):
			continue
		}
		bounded := strings.Contains(lines[i+1], "Index Cond") || i > 0 && strings.Contains(lines[i-1], "Limit ")
		if !bounded {
			return true
		}
	}
	return false
}

// largeHouse gives a database with some of everything, whose statistics say that there is very much of it.
func largeHouse(t *testing.T) *pgx.Conn {
	url := newDatabase(t)
	s := openAt(t, url)
	fill(t, s)
	must(t, s.Close())
	c, err := pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { c.Close(t.Context()) })
	sizes := map[string]int{
		"projects": 1_000, "clients": 5_000, "keys": 3_000, "users": 10_000_000, "challenges": 1_000_000, "guesses": 1_000_000,
		"guess_networks": 5_000_000, "codes": 1_000_000, "grants": 30_000_000, "sessions": 10_000_000, "device_logins": 100_000,
		"once": 1_000_000, "outbox": 100_000, "events": 500_000_000, "archives": 1_000,
		"limits": 1_000_000, "sms_counts": 10_000_000, "sms_days": 1_000_000, "sms_trips": 100_000, "sms_pending": 1_000_000,
	}
	exec := func(text string, args ...any) {
		if _, err := c.Exec(t.Context(), text, args...); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	exec("INSERT INTO limits SELECT gen_random_uuid(), i, i FROM generate_series(1, 150) i")
	exec("INSERT INTO sms_trips SELECT project, scope, min(at), 1 FROM sms_counts GROUP BY project, scope")
	exec("ANALYZE")
	for table, rows := range sizes {
		exec("UPDATE pg_class SET reltuples = $2 WHERE oid IN (SELECT $1::regclass UNION SELECT indexrelid FROM pg_index WHERE indrelid = $1::regclass)", table, rows)
	}
	var unsized string
	must(t, c.QueryRow(t.Context(), `SELECT coalesce(string_agg(relname, ' '), '') FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
		WHERE nspname = 'public' AND relkind = 'r' AND reltuples < 100 AND relname <> 'latchkey'`).Scan(&unsized))
	if unsized != "" {
		t.Fatalf("tables without a size, or without rows: %s", unsized)
	}
	exec("SET plan_cache_mode = force_generic_plan")
	return c
}

// fill stores some of everything.
func fill(t *testing.T, s *Store) {
	var ns storetest.Nouns
	ctx, now := t.Context(), storetest.Noon()
	var p latchkey.Project
	e := func() latchkey.Event { return ns.Event(latchkey.KeyAdded, p.ID, now) }
	for i := range 150 {
		if i%10 == 0 {
			p = ns.Project("The Game")
			must(t, s.CreateProject(ctx, p, latchkey.Keys{ns.Key(p.ID, latchkey.ES256, latchkey.ActiveKey, now)}, e()))
			_, err := s.CreateClient(ctx, ns.Client(p.ID), e())
			must(t, err)
		}
		to := ns.Email()
		if i%2 == 0 {
			to = ns.Phone()
		}
		ch := ns.Challenge(p.ID, to, now)
		ch.Link = i%3 == 0
		start := ns.Start(ch)
		if i%2 == 0 {
			start.Country, start.SMS.Budget = "DE", 1000
		}
		started, err := s.StartChallenge(ctx, start, now)
		must(t, err)
		a := ns.Staying(started.Challenge, latchkey.SessionID{}, now)
		a.Country = start.Country
		if i%3 == 0 {
			a.Given = storetest.WrongCode
		}
		out, err := s.CompleteChallenge(ctx, a, now)
		must(t, err)
		if i%3 == 1 {
			_, err = s.RedeemCode(ctx, ns.Redemption(out.Code, now), now)
			must(t, err)
		}
		_, err = s.Once(ctx, latchkey.HashSecret(latchkey.Secret(fmt.Sprint(i))), now, now)
		must(t, err)
		must(t, s.StartDeviceLogin(ctx, ns.Device(p.ID, now), e()))
	}
	must(t, s.AddRecords(ctx, "a", []latchkey.Record{{Kind: latchkey.EventRecord, Cursor: "1", Noun: e()}}))
}

// explainPlan gives how the server would carry out a statement, or a part of a change, whatever its parameters are.
func explainPlan(t *testing.T, c *pgx.Conn, name, text string) string {
	n := 0
	text = regexp.MustCompile(`[?@]`).ReplaceAllStringFunc(text, func(mark string) string {
		if mark == "@" {
			return "true"
		}
		n++
		return fmt.Sprintf("$%d", n)
	})
	if name == "insertTwoEvents" { // the server cannot guess the types of a union's columns
		q := &stmt{}
		q.putEvent(latchkey.Event{})
		q.putEvent(latchkey.Event{})
		types := ""
		for _, oid := range q.oids {
			types += fmt.Sprintf(", %s", map[uint32]string{oidBytea: "bytea", oidInt8: "bigint", oidText: "text", oidUUID: "uuid"}[oid])
		}
		name = "explained (" + types[2:] + ")"
	} else {
		name = "explained"
	}
	if _, err := c.PgConn().Exec(t.Context(), "PREPARE "+name+" AS "+text).ReadAll(); err != nil {
		t.Errorf("%s: %v\n%s", name, err, text)
		return ""
	}
	must(t, c.QueryRow(t.Context(), `SELECT coalesce(array_length(parameter_types, 1), 0) FROM pg_prepared_statements WHERE name = 'explained'`).Scan(&n))
	execute := "EXPLAIN EXECUTE explained"
	if n > 0 {
		execute += "(" + strings.TrimSuffix(strings.Repeat("NULL, ", n), ", ") + ")"
	}
	results, err := c.PgConn().Exec(t.Context(), execute).ReadAll()
	must(t, err)
	var plan strings.Builder
	for _, line := range results[0].Rows {
		plan.Write(line[0])
		plan.WriteByte('\n')
	}
	_, err = c.PgConn().Exec(t.Context(), "DEALLOCATE explained").ReadAll()
	must(t, err)
	return plan.String()
}

// statements gives every constant of the package that is SQL, by its name. Outside of constants there is no SQL, the deletes of
// DeleteProject and DeleteClient excepted, which read whole tables (project.go says why).
func statements(t *testing.T) map[string]string {
	files, err := filepath.Glob("*.go")
	must(t, err)
	set := token.NewFileSet()
	var parsed []*ast.File
	sql := regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\s`)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		must(t, err)
		f, err := parser.ParseFile(set, name, src, 0)
		must(t, err)
		parsed = append(parsed, f)
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || strings.HasPrefix(fn.Name.Name, "deletesOf") {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && sql.MatchString(strings.Trim(lit.Value, "`\"")) && len(lit.Value) > 14 {
					t.Errorf("%s: SQL outside of a constant: %s", set.Position(lit.Pos()), lit.Value)
				}
				return true
			})
		}
	}
	// The imports are not looked at: what a constant is made of are the constants of the package.
	config := types.Config{Error: func(error) {}, FakeImportC: true}
	pkg, _ := config.Check("postgres", set, parsed, nil)
	all := map[string]string{}
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if !ok || c.Val().Kind() != constant.String {
			continue
		}
		if text := constant.StringVal(c.Val()); sql.MatchString(text) {
			all[name] = text
		}
	}
	return all
}
