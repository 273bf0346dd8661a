# Hotline's commands. `make run` and `make test`, and nothing clever.

# One profile for all, so that nothing is compiled twice.
PROFILE ?= release
CARGO_TARGET_DIR ?= target
HOTLINE = $(CARGO_TARGET_DIR)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/hotline
# DEMO=once ends after the first call; otherwise the demo goes on serving until Ctrl-C.
DEMO ?=
export CARGO_TARGET_DIR

.DEFAULT_GOAL := help
.PHONY: help run test check bench setup golden build console models tools lint deny clean

help: ## Show these lines
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

run: setup ## Call the demo: server, backend and a caller (DEMO=once: exit after the call)
	$(HOTLINE) demo $(if $(filter once,$(DEMO)),--once)

# The tests are built first, and with them the binary that fetches the models: nothing is compiled for one alone.
test: tools console lint ## Everything: format, clippy, all tests with real models and sockets
	cargo test --workspace --profile $(PROFILE) --locked --no-run
	@$(HOTLINE) models fetch
	cargo test --workspace --profile $(PROFILE) --locked --no-fail-fast

check: tools lint deny ## Fast: format, clippy, docs, unit tests
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --profile $(PROFILE)
	cargo test --workspace --profile $(PROFILE) --lib

bench: setup ## Measure; the figures are explained in docs/benchmarks.md
	$(HOTLINE) bench speech
	$(HOTLINE) bench voices
	cargo bench -p media --bench frame
	cargo bench -p tts --bench speak

setup: tools console build models ## Make this machine ready: packages, page, binary, models

golden: setup ## Write the golden files anew; review the difference as code
	INSTA_UPDATE=always UPDATE_GOLDEN=1 cargo test --workspace --profile $(PROFILE)
	git --no-pager diff --stat

tools:
	@scripts/setup.sh

build: tools console
	cargo build --profile $(PROFILE) --locked -p server --bin hotline

console: tools ## Build the page for calls from a browser
	@scripts/console.sh

models: build
	@$(HOTLINE) models fetch

lint: tools
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --profile $(PROFILE) --locked -- -D warnings

deny: tools
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check; \
	else echo "cargo-deny is not installed; licences were not checked (cargo install cargo-deny)"; fi

clean: ## Remove what was built; models, recordings and data stay
	cargo clean
	rm -rf console/node_modules console/dist/assets console/dist/*.html console/dist/*.js console/dist/*.svg
