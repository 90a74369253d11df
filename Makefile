# The two commands of a newcomer are `make demo` and `make test`; both install what is missing first.
SHELL := /bin/bash
CARGO ?= cargo
CLIP ?=
SONG ?=
ART ?=

.PHONY: demo test test-all bench lint docs generated setup

## Score a real clip and say where the film, the document and the picture of what happened are.
demo:
	@scripts/setup demo
	@$(CARGO) build --release --locked --package synchresis-cli --no-default-features
	@scripts/demo "$(CLIP)"

## The fast tests: every room, and whole commands on small real media.
test:
	@scripts/setup test
	@scripts/nextest --workspace

## The long ones too: thousands of seeds, an hour of film, parity with the reference libraries.
test-all:
	@scripts/setup test-all
	@scripts/nextest --workspace --run-ignored all
	@scripts/endpoint
	@$(CARGO) build --quiet --locked --package synchresis-cli
	@tests/api/schemathesis $${CARGO_TARGET_DIR:-target}/debug/synchresis 50

## Every measure of docs/performance.md, in one run.
bench:
	@scripts/setup bench
	@$(CARGO) build --release --locked --package synchresis-cli
	@benches/run

## What CI checks beside the tests.
lint:
	@scripts/setup lint
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) deny --all-features --locked check licenses bans sources
	$(CARGO) run --quiet --locked --package xtask -- arrows
	$(CARGO) run --quiet --locked --package xtask -- generate --check
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --quiet

## Man pages, completions and schemas, made from the code.
generated:
	$(CARGO) run --quiet --locked --package xtask -- generate

setup:
	@scripts/setup test
