# `make test` is the whole check: it installs what the machine lacks, then runs vet, the linters and every test.
# Nothing is skipped: LATCHKEY_TEST_ALL turns a missing server or tool into a failure.

GOLANGCI_LINT_VERSION := v2.15.0
BASE ?= main
GOLANGCI_LINT := .bin/golangci-lint-$(GOLANGCI_LINT_VERSION)

.PHONY: build test quick lint setup bench bench-short bench-compare bench-curves fuzz clean

build: ## the program, stripped, as ./latchkey
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o latchkey ./cmd/latchkey

# SQLite's own code is watched for races by nobody: it is C made into Go, one connection belongs to one goroutine at a time, and
# watching each of its memory accesses makes the tests of the store seven times as slow. Who calls it is watched.
UNWATCHED := -gcflags='modernc.org/...=-race=false'

test: setup lint ## everything, with the race detector
	LATCHKEY_TEST_ALL=1 go test -race $(UNWATCHED) -timeout 20m ./...
	go test -run AllocateLittle ./internal/httpapi # which the race detector would miscount

quick: ## every test that needs nothing but Go
	go test -short ./...

lint: $(GOLANGCI_LINT)
	go vet ./...
	$(GOLANGCI_LINT) run ./...

setup: ## what the full suite needs and Go does not bring
	./scripts/setup

bench: ## every figure that is promised, beside the floor of this machine in the same run: 25 minutes on a quiet machine
	go run ./bench table

bench-short: ## the same in under three minutes, to see that it works
	go run ./bench table -short

bench-compare: ## this tree against BASE (default main), by turns, with the spread of the ratio
	go run ./bench compare -for 5s -base $(BASE)

bench-curves: ## pictures of how the figures move with workers, users stored and held polls
	go run ./bench curves

fuzz: ## every fuzzer for FUZZTIME (default 1m) each
	./scripts/fuzz

clean:
	rm -rf .bin latchkey

$(GOLANGCI_LINT):
	GOBIN=$(CURDIR)/.bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv .bin/golangci-lint $@
