// Package postgres is the room for latchkey.Store over PostgreSQL 15 and newer: N nodes, one database, and nothing else that
// agrees. It owns the module github.com/jackc/pgx/v5. Only cmd/latchkey opens it.
//
// A verb loads what its rule asks for, judges in Go, and stores what the rule gave in one statement that takes hold only if
// the rows are still as they were loaded (change.go); else it does all of that again (verb.go). No transaction is ever open
// while Go thinks. Under load the statements of many verbs travel as one batch (courier.go). Polls are woken by LISTEN and
// NOTIFY (bell.go).
package postgres
