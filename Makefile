# LetsBe: everything that is done often. `make` or `make help` lists it.
# Each target sets up what it needs: install.sh says what it installs before it installs it, and does nothing
# the second time. Needed beforehand: Debian 12, root, a Rust toolchain (1.95).

SHELL := /bin/bash
export PATH := $(HOME)/.cargo/bin:$(PATH)
LAB := target/debug/letsbe-lab
# The end-to-end tests: those that crates/lab/end-to-end/Cargo.toml keeps out of `cargo test`.
END_TO_END := $(shell sed -n '/^\[\[test\]\]/{n;s/^name = "\(.*\)"/\1/p}' crates/lab/end-to-end/Cargo.toml)
# So many at once: one needs about 4 GB of memory, and on two cores a third makes none of them faster.
AT_ONCE ?= 2

# Not by its own name in a recipe: what names that is run even by `make -n`, which shall only print.
AGAIN = $(MAKE)
# A line whenever a program said nothing for ten seconds.
STILL := xtask/scripts/still-running.sh

.DEFAULT_GOAL := help
.PHONY: help demo disaster test fast images unit end-to-end run-end-to-end fuzz bench setup test-programs build check tidy clean-lab deny

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

demo: ## Start the lab and a Hub, place a real order, and watch it become a live server.
	$(STILL) crates/lab/scripts/install.sh
	$(STILL) cargo build --workspace --bins
	$(LAB) demo

disaster: setup build ## The same, then the server is destroyed and the customer comes back on another one.
	target/debug/letsbe demo disaster

# From clean, incremental compilation only costs: time, and tens of gigabytes that the lab's servers need.
test: export CARGO_INCREMENTAL := 0
test: setup test-programs build ## Everything that a change must pass, as in CI: all checks, all tests.
	$(AGAIN) --jobs 2 fast images
	xtask/scripts/build-end-to-end.sh $(END_TO_END)
	$(AGAIN) --jobs 2 run-end-to-end deny check

fast: # The images of the end-to-end tests are built beside them: that waits for the network more than it computes.
	xtask/scripts/fast-tests.sh

images: setup build
	$(LAB) images

unit: test-programs ## The fast tests only; needs no lab, but root: firewall and agent are tried in namespaces.
	RUST_TEST_THREADS=8 cargo test --workspace --no-fail-fast --lib --bins --tests

# They start dockerd and the lab themselves. What one says is shown when it has ended.
end-to-end: setup build images ## The end-to-end tests in the lab, AT_ONCE (2) at a time.
	xtask/scripts/build-end-to-end.sh $(END_TO_END)
	$(AGAIN) run-end-to-end

# Those that build-end-to-end.sh built. What only computes (the lints) runs beside them and gives way: servers are waited for.
run-end-to-end:
	xtask/scripts/end-to-end.sh $(AT_ONCE) $(END_TO_END)

fuzz: ## Random input for whatever reads the outside world, FUZZ_SECONDS (30) each (needs nightly Rust).
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is not there: installing it"; cargo install cargo-fuzz --locked; }
	cd fuzz && for target in $$(cargo +nightly fuzz list --fuzz-dir .); do \
		echo "── $$target"; cargo +nightly fuzz run --fuzz-dir . $$target -- -max_total_time=$(or $(FUZZ_SECONDS),30) || exit 1; done

bench: setup build ## A run with nothing to do, heartbeats, redaction, the proxy, memory, nights: each against its peer.
	cargo build --release --workspace --bins --examples
	xtask/scripts/bench.sh

setup: ## Install the Debian packages that the lab needs.
	crates/lab/scripts/install.sh

test-programs: ## Install the programs that tests run on this machine: nginx, sshd, Compose v2.
	xtask/scripts/install-test-programs.sh

build: ## Build all programs.
	cargo build --workspace --bins

# Clippy cannot use what `build` compiled, nor the other way round: from clean this checks the dependencies once
# more (about 1.5 minutes on two cores). It is worth it.
check: ## Formatting and lints; a warning is an error.
	cargo fmt --all --check
	nice cargo clippy --workspace --all-targets -- -D warnings
	nice cargo clippy --workspace --test '*' -- -D warnings

tidy: ## The repository's own rules: sizes, layers, error pages, invariants; prints how large the crates are.
	cargo test -p xtask --no-fail-fast
	cargo run --quiet -p xtask -- sizes

clean-lab: ## Stop the lab and remove its servers.
	$(LAB) down

deny: ## Licences, sources and bans of the dependencies; known vulnerabilities where their database can be had.
	xtask/scripts/install-cargo-deny.sh
	cargo deny --log-level error check licenses bans sources
	@if timeout 120 cargo deny --log-level off fetch db; then cargo deny --log-level error check advisories; \
	else echo "The database of known vulnerabilities cannot be had here: they were not checked."; fi
