// Package postgres is the room for latchkey.Store over PostgreSQL 15 and newer: N nodes, one database, and nothing else that
// agrees. It owns the module github.com/jackc/pgx/v5. Only cmd/latchkey opens it.
//
// A verb loads what its rule asks for, judges in Go, and stores what the rule gave in one statement that takes hold only if
// the rows are still as they were loaded (change.go); else it does all of that again (verb.go). No transaction is ever open
// while Go thinks. Under load the statements of many verbs travel as one batch (courier.go): a batch holds the locks of all
// its verbs until it is committed, so everybody locks in one order, and what is contended is not waited for but looked at
// again. Attempts at one address that get into each other's way go together (herd.go). Polls are woken by LISTEN and NOTIFY
// (bell.go).
//
// A verb takes 2 s at the most, waiting for a connection included; then it is Unavailable, and so is everything while the
// server is away. Connections are made again by themselves. Of several hosts in the URL the one that can write is used, so
// that a standby may take over.
//
// Through a pooler. PgBouncer in transaction mode gives every transaction another session of the server. A connection finds
// that out by itself, and leaves nothing in a session then: no prepared statement, which costs about a third of the
// throughput, and no setting, so that timeouts of sessions (statement_timeout, lock_timeout) must be set for the role:
//
//	ALTER ROLE latchkey SET statement_timeout = '2500ms';
//	ALTER ROLE latchkey SET lock_timeout = '500ms';
//
// Where it is wrong, the URL's parameter pooler=yes or pooler=no says so; pooler=no is right for PgBouncer 1.21 and newer with
// max_prepared_statements. The Bell's one connection must reach the server itself: Options.BellURL.
//
// Nothing here needs an extension, and nothing but LISTEN and NOTIFY is particular to PostgreSQL itself; without them polls
// look for themselves every other second.
package postgres
