# The one command surface; .ci/run calls the same. `make` alone lists it.

.DEFAULT_GOAL := help
.PHONY: help run test lint contract faults bench performance soak fuzz interleavings doc fixtures fresh image image-test release

CARGO ?= cargo
BENCH ?=
FUZZ_SECONDS ?= 30
CASES ?= 20000
SEED := $(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))
MINUTES ?= 5
FUZZ_TARGETS ?= head frames sockjs message ejson packet nats config markup certificate
# Tests mostly wait, for processes and for conditions.
TEST_THREADS ?= $(shell expr 2 '*' $$(nproc))
# What they found before is played again first, which takes its time.
FUZZ_FOUND ?= target/fuzz

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## the service, configured by the environment
	$(CARGO) run --locked

test: fixtures ## every test, against real parts
	RUST_TEST_THREADS=$(TEST_THREADS) $(CARGO) test --locked --no-fail-fast
	rm -rf target/fuzz-moment
	$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=2 FUZZ_FOUND=target/fuzz-moment

lint: ## formatting, clippy, documentation, dependencies and their licences, the scripts' syntax
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) check --locked --release --bins
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --locked --no-deps
	scripts/dependencies
	grep -rlZ '^#!.*bash' scripts .ci | xargs -0 -n 1 bash -n
	scripts/contract -q
	find tests/peers tests/browser -name node_modules -prune -o -name '*.js' -print0 | xargs -0 -n 1 node --check

contract: ## every row of the contract, and the tests that name it
	@scripts/contract

faults: fixtures ## every fault of tests/faults/catalogue.txt, as one table: ten minutes (ONLY=nats: some of them)
	@scripts/faults $(ONLY)

bench: ## the micro benches; BENCH=fanout for some of them
	$(CARGO) bench --locked -p ddp-streamer-benches -- $(BENCH)

performance: fixtures ## the figures of this machine, as one table: an hour and a half, nobody else on it (ONLY=fanout: some of them)
	@scripts/performance --tools $(ONLY)
	$(CARGO) build --locked --release --bins
	@scripts/performance $(ONLY)

soak: fixtures ## everything at once for MINUTES (5; 60 at most), and whether anything stays
	$(CARGO) build --locked --release --bins
	target/release/ddp-bench soak --spawn target/release/ddp-streamer --seconds $$(($(MINUTES) * 60)) --server-cpu 0 --bench-cpu 1

fuzz: ## each fuzz target for FUZZ_SECONDS (30); FUZZ_TARGETS=head: some of them. What they find stays in target/fuzz
	set -e; export RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/scripts/fuzz-rustc; \
	$(CARGO) build --locked -p ddp-streamer-fuzz $(FUZZ_TARGETS:%=--bin fuzz_%); \
	for target in $(FUZZ_TARGETS); do \
		mkdir -p $(FUZZ_FOUND)/$$target; \
		$(CARGO) run --locked -q -p ddp-streamer-fuzz --bin fuzz_$$target -- $(FUZZ_FOUND)/$$target fuzz/corpus/$$target \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 -artifact_prefix=$(FUZZ_FOUND)/$$target- -print_final_stats=1 -verbosity=0; \
	done

interleavings: ## grants, revocations and events in any order, others each time: CASES of each release (20000: ten minutes; SEED=1: these again)
	@echo "SEED=$(SEED) plays these again"
	PROPTEST_CASES=$(CASES) PROPTEST_RNG_SEED=$(SEED) $(CARGO) test --locked --lib interleavings

doc: ## the documentation, opened in a browser
	$(CARGO) doc --locked --no-deps --open

fixtures: ## the real parts of the tests, in .cache/
	scripts/fixtures

fresh: ## README's two commands on a bare Debian, made by debootstrap (root, half an hour)
	scripts/fresh

image: ## the image for amd64 and arm64 without an engine, as OCI archives in target/image (root, ten minutes)
	scripts/image

image-test: fixtures ## the images of `make image`, tried (root)
	scripts/image-test

release: ## a release: VERSION=1.2.3 (checks, changelog, tag, images, checksums; pushes nothing)
	@scripts/release "$(VERSION)"
