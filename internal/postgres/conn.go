package postgres

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// inBinary says that every parameter and every column travels in its binary form.
func inBinary() []int16 { return []int16{pgx.BinaryFormatCode} }

// A memo is what the program knows of one connection to the server.
type memo struct {
	// pooled: a pooler stands between, which gives every transaction another session of the server. Nothing can be left in a
	// session then, no prepared statement and no setting.
	pooled   bool
	prepared map[shape]*pgconn.StatementDescription
}

const memoKey = "latchkey"

func memoOf(c *pgconn.PgConn) *memo {
	m, ok := c.CustomData()[memoKey].(*memo)
	if !ok {
		return &memo{pooled: true}
	}
	return m
}

// session is what every session is told, where it is ours alone. The client's own deadline comes first; these are for a client
// that cannot be heard any more. Generic plans: every statement finds its rows by an index whatever the parameters, and a
// custom plan each time would cost more than the statement. No sequential scans where there is an index: a plan that was made
// while a table was nearly empty is kept until the table is analysed, a minute and many logins later. A commit is on the disk
// before it is answered.
const session = `SELECT
	set_config('statement_timeout', '2500', false), set_config('lock_timeout', '500', false),
	set_config('idle_in_transaction_session_timeout', '5000', false),
	set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false),
	set_config('enable_seqscan', 'off', false),
	CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END`

const backendID = `SELECT pg_backend_pid()::bigint`

// greet learns what kind of connection c is, and tells the session what it needs. A pooler shows itself by a process id that
// is not the session's own.
func greet(ctx context.Context, c *pgconn.PgConn, pooled *bool) error {
	m := &memo{prepared: map[shape]*pgconn.StatementDescription{}}
	if pooled != nil {
		m.pooled = *pooled
	} else {
		answer := c.ExecParams(ctx, backendID, nil, nil, nil, inBinary()).Read()
		if answer.Err != nil {
			return answer.Err
		}
		r := &row{values: answer.Rows[0]}
		m.pooled = r.getInt() != int64(c.PID())
	}
	if !m.pooled {
		if answer := c.ExecParams(ctx, session, nil, nil, nil, nil).Read(); answer.Err != nil {
			return answer.Err
		}
	}
	c.CustomData()[memoKey] = m
	return nil
}

// exchange sends the statements of jobs in one go, and so as one transaction, and lets each job read its answer. Without an
// error everything is committed. failed is the job whose statement the server refused, or nil.
func exchange(ctx context.Context, c *pgconn.PgConn, jobs []*job) (failed *job, err error) {
	m := memoOf(c)
	p := c.StartPipeline(ctx)
	var fresh map[shape]*pgconn.StatementDescription // prepared on the way
	for _, j := range jobs {
		for _, q := range j.stmts {
			known := m.prepared[q.shape]
			switch {
			case m.pooled:
				p.SendQueryParams(q.text(), q.values, q.oids, inBinary(), inBinary())
				continue
			case known != nil:
				p.SendQueryStatement(known, q.values, inBinary(), inBinary())
				continue
			}
			name := "latchkey_" + strconv.Itoa(len(m.prepared)+len(fresh))
			if fresh == nil {
				fresh = map[shape]*pgconn.StatementDescription{}
			}
			if d := fresh[q.shape]; d != nil {
				name = d.Name
			} else {
				p.SendPrepare(name, q.text(), q.oids)
				fresh[q.shape] = &pgconn.StatementDescription{Name: name}
				q.prepares = true
			}
			p.SendQueryPrepared(name, q.values, inBinary(), inBinary())
		}
	}
	if err = p.Sync(); err == nil {
		failed, err = readAnswers(p, m, fresh, jobs)
	}
	if closing := p.Close(); err == nil {
		err = closing
	}
	return failed, err
}

// readAnswers reads what exchange asked for, up to the end of the transaction.
func readAnswers(p *pgconn.Pipeline, m *memo, fresh map[shape]*pgconn.StatementDescription, jobs []*job) (*job, error) {
	for _, j := range jobs {
		for i, q := range j.stmts {
			if q.prepares {
				q.prepares = false
				if err := learn(p, m, fresh[q.shape].Name, q.shape); err != nil {
					return j, err
				}
			}
			if err := j.read(p, i); err != nil {
				return j, err
			}
		}
	}
	_, err := p.GetResults() // the end of the transaction
	return nil, err
}

func learn(p *pgconn.Pipeline, m *memo, name string, s shape) error {
	answer, err := p.GetResults()
	if err != nil {
		return err
	}
	d, ok := answer.(*pgconn.StatementDescription)
	if !ok {
		return errors.New("the server did not describe a statement")
	}
	d.Name = name
	m.prepared[s] = d
	return nil
}

// read reads the answer to statement i of j.
func (j *job) read(p *pgconn.Pipeline, i int) error {
	answer, err := p.GetResults()
	if err != nil {
		return err
	}
	rows, ok := answer.(*pgconn.ResultReader)
	if !ok {
		return errors.New("the server gave no rows")
	}
	for rows.NextRow() {
		r := row{values: rows.Values()}
		if j.row != nil {
			j.row(i, &r)
		}
		if r.err != nil {
			j.err = r.err // ours alone: the transaction goes on
		}
	}
	tag, err := rows.Close()
	j.changed += tag.RowsAffected()
	return err
}
