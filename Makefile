# The one command surface; .ci/run calls the same. `make` alone lists it.

.DEFAULT_GOAL := help
.PHONY: help run test lint contract bench fuzz doc fixtures

CARGO ?= cargo
FUZZ_SECONDS ?= 30

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## the service, configured by the environment
	$(CARGO) run --locked

test: fixtures ## every test, against real parts
	$(CARGO) build --locked
	$(CARGO) test --locked --no-fail-fast

lint: ## formatting, clippy, documentation, forbidden crates, the scripts' syntax
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --locked --no-deps
	scripts/forbidden-crates
	grep -lZ '^#!.*bash' scripts/* .ci/run | xargs -0 -n 1 bash -n
	scripts/contract -q
	find tests/peers tests/browser -name node_modules -prune -o -name '*.js' -print0 | xargs -0 -n 1 node --check

contract: ## every row of the contract, and the tests that name it
	@scripts/contract

bench: ## the benchmarks
	$(CARGO) bench --locked

fuzz: ## each fuzz target for FUZZ_SECONDS (30); needs cargo-fuzz and a nightly toolchain
	cd fuzz && for target in $$($(CARGO) +nightly fuzz list); do \
		$(CARGO) +nightly fuzz run "$$target" -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

doc: ## the documentation, opened in a browser
	$(CARGO) doc --locked --no-deps --open

fixtures: ## the real parts of the tests, in .cache/
	scripts/fixtures
