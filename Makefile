# Everything a user or a developer does here. `make help` lists it.

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=
IMAGE ?= nodeproxy
SECONDS ?= 60

# Of the machine that builds: a static binary needs no other.
STATIC_TARGET := $(shell tools/static_target.sh)
STATIC_BINARY := target/$(STATIC_TARGET)/release/nodeproxy

.PHONY: help run build static install image size test parity clients soak fuzz bench bench-chart
.PHONY: microbench flame
.PHONY: check lint clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 14

run: cargo memcached build ## five memcacheds on 11220-11224 and nodeproxy before them on 11111
	@tools/run.sh target/release/nodeproxy

build: cargo ## the release binary, target/release/nodeproxy
	$(CARGO) build --release --locked --bin nodeproxy

static: cargo ## the same without any shared library, for containers
	RUSTFLAGS="$(RUSTFLAGS) -C target-feature=+crt-static" \
		$(CARGO) build --release --locked --bin nodeproxy --target $(STATIC_TARGET)

install: build ## into PREFIX (/usr/local), below DESTDIR if given
	install -D -m 755 target/release/nodeproxy "$(DESTDIR)$(PREFIX)/bin/nodeproxy"

image: static ## a container image from nothing but the static binary
	@tools/image.sh "$(STATIC_BINARY)" "$(IMAGE)"

size: static ## how large the static binary is, and its memory when idle
	@tools/size.sh "$(STATIC_BINARY)"

test: cargo memcached ## every test
	@CARGO="$(CARGO)" tools/test.sh

parity: cargo memcached build ## the real clients and proxies store, nodeproxy reads; ONLY="NAME ..." for some
	@command -v python3 >/dev/null || { echo "python3 is missing; install it"; exit 1; }
	@python3 parity/parity.py target/release/nodeproxy $(ONLY)

clients: cargo memcached build ## real clients, as their users use them; needs the network once
	@command -v python3 >/dev/null || { echo "python3 is missing; install it"; exit 1; }
	@python3 parity/clients.py target/release/nodeproxy

soak: cargo memcached build ## load and random faults together for SECONDS (60); SEED=N begins the same way
	NODEPROXY="$(CURDIR)/target/release/nodeproxy" SOAK_SECONDS="$(SECONDS)" SEED="$(SEED)" \
		$(CARGO) test --locked --workspace --test it soak -- --include-ignored --nocapture

fuzz: cargo ## each fuzz target for FUZZ_SECONDS (60); needs a nightly Rust and cargo-fuzz
	@tools/fuzz.sh

bench: bench-programs ## nodeproxy beside its peers, and beside what was recorded; BENCH="--quick", "--help"
	@target/release/tools bench $(BENCH)

bench-chart: bench-programs ## the same, recorded from now on, and README's chart of it
	@command -v python3 >/dev/null || { echo "python3 is missing; install it"; exit 1; }
	@target/release/tools bench --record $(BENCH)
	@python3 tools/chart.py target/bench/results.json >tools/bench.svg

microbench: cargo ## nanoseconds of parsers, rings, hashes, the core; ONLY="WORD" for some
	$(CARGO) bench --locked -p tools --bench micro -- $(ONLY)

flame: bench-programs ## where the instructions of a request go, by valgrind; ONLY="50x1 mget100"
	@command -v python3 >/dev/null || { echo "python3 is missing; install it"; exit 1; }
	$(CARGO) build --profile profiling --locked --bin nodeproxy
	@python3 tools/flame.py $(ONLY)

check: lint test ## what CI runs

lint: cargo ## formatting, lints, documentation: without a warning; do the fuzz targets compile?
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items
	RUSTFLAGS="-D warnings" $(CARGO) check --locked --manifest-path tests/fuzz/Cargo.toml \
		--no-default-features --target-dir target/fuzz-check

clean: ## remove what was built
	$(CARGO) clean

.PHONY: cargo memcached nutcracker bench-programs
cargo:
	@command -v $(CARGO) >/dev/null || { echo "cargo is missing; install Rust 1.88 or later (rustup, or your system's packages)"; exit 1; }

memcached:
	@tools/need.sh memcached

bench-programs: cargo memcached nutcracker build
	@$(CARGO) build --release --locked -p tools --bin tools

# The bench goes on without it.
nutcracker:
	@tools/need.sh nutcracker || true
