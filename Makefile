# What a developer of Onus types. `make` alone lists it.

SHELL         := /bin/bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS     += --no-print-directory

TARGETS  ?= embedded
BENCH    ?= .
FUZZTIME ?= 20s

tool := go tool -modfile=tools/go.mod

# The linter remembers findings by the path that they were found at: a cache
# that several checkouts share tells of files that are not there any more.
export GOLANGCI_LINT_CACHE := $(CURDIR)/.cache/golangci-lint

.PHONY: help build demo test check bench record fuzz fmt generate
.PHONY: servers node-packages check-format check-vet check-lint check-generated check-modules check-vulnerabilities

help: ## list these targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/onus
	@go build -o bin/onus ./cmd/onus

demo: build ## run the main job on a made-up company (TARGETS=real: on slapd and PostgreSQL)
	@case '$(TARGETS)' in \
	embedded) bin/onus demo ;; \
	real) tools/needs servers && bin/onus demo --targets real ;; \
	*) echo "make demo: TARGETS is embedded or real, not '$(TARGETS)'" >&2; exit 1 ;; \
	esac

test: servers node-packages ## install what the tests need and run all of them, real systems included, with -race
	@ONUS_REAL=1 go test -race -p 2 -timeout 20m ./...

check: check-format check-vet check-lint check-generated check-modules check-vulnerabilities ## format, vet, lint, generated files, modules, known vulnerabilities
	@echo 'check: all is well'

bench: ## measure, and print the figures of docs/performance.md (BENCH=regexp chooses)
	@go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m ./internal/bench/

record: ## keep recorded runs of a release, for the tests of those to come (RELEASE=v0.2.0)
	@test -n '$(RELEASE)' || { echo 'make record: name the release, as in RELEASE=v0.2.0' >&2; exit 1; }
	@go test ./internal/attribution -run TestRecordedRunsOfEveryRelease -record '$(RELEASE)'
	@ls internal/attribution/testdata/releases

fuzz: ## fuzz every parser for 20 s each (FUZZTIME=5m for longer)
	@tools/fuzz '$(FUZZTIME)'

fmt: ## format every Go file
	@$(tool) golangci-lint fmt

generate: ## make the generated files again
	@go generate ./...

# What make test and make check are made of.

servers:
	@tools/needs servers

node-packages:
	@tools/needs node-packages internal/rig/scimmy
	@tools/needs node-packages internal/rig/postgres18
	@tools/needs node-packages internal/rig/axe

check-format:
	@echo 'check: format'
	@$(tool) golangci-lint fmt --diff

check-vet:
	@echo 'check: go vet'
	@go vet ./...

check-lint:
	@echo 'check: golangci-lint'
	@$(tool) golangci-lint run --allow-parallel-runners ./...

check-generated:
	@echo 'check: generated files are up to date'
	@tools/check-generated

check-modules:
	@echo 'check: modules'
	@go mod tidy -diff
	@go mod verify

check-vulnerabilities:
	@echo 'check: known vulnerabilities'
	@tools/check-vulnerabilities
