// Command latchkey is the whole server in one binary, and the tools of its operator. It only wires: what it does is in
// the packages below internal. `latchkey --help` is its manual.
//
//	main.go         the process: signals, exit codes
//	run.go          one run: parse, then one command
//	cli.go          the commands; settings.go: flags, variables and the YAML file as one
//	config.go       what serve is told, judged; senders.go: providers in one line
//	server.go       the house put together, started and stopped
//	clock.go        what time it is
//	dev.go, demo.go, serve.go                  the two servers
//	project.go, client.go, user.go, key.go, event.go, configcheck.go, migrate.go, secret.go, version.go
//	                the operator's commands; open.go: their database; output.go: tables, JSON, questions
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one has its usual effect: it ends the process at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], world{
		Getenv: os.Getenv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Now: clock(),
	})
	stop()
	os.Exit(code)
}
