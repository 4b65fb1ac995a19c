# Two commands do everything, set-up included:
#   make demo   starts the example hospital, sends it real messages and shows what became of them
#   make test   runs every test
# Others: make test-verified, make lint, make bench, make fuzz, make soak, make plugins, make help.

SHELL := /bin/bash
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
export CARGO_TARGET_DIR := $(TARGET)
BINARY := $(TARGET)/debug/transfuse
PLUGINS := $(TARGET)/plugins
PYTHON := $(TARGET)/python
# One version of each, because the suite compares what they send and read with what is expected, value for value.
PYTHON_PACKAGES := hl7==0.4.5 hl7apy==1.3.5
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: help demo test test-verified lint bench fuzz soak plugins guests build toolchain node registry
.DEFAULT_GOAL := help

help:
	@sed -n '1,4s/^# \{0,1\}//p' Makefile

demo: plugins
	@$(BINARY) demo --site examples/lab-results --plugins $(PLUGINS) --work $(TARGET)/demo

test: guests registry $(PYTHON)/.ready
	cargo test --workspace --quiet --no-fail-fast

# The same tests; every engine that one is done with runs all its messages again, and none may come out differently.
test-verified: guests registry $(PYTHON)/.ready
	@rm -f $(TARGET)/verified.jsonl
	TRANSFUSE_VERIFIED=$(TARGET)/verified.jsonl cargo test --workspace --quiet --no-fail-fast
	@$(PYTHON)/bin/python tests/suite/verified.py $(TARGET)/verified.jsonl

lint: toolchain
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- --deny warnings

bench: toolchain $(PYTHON)/.ready
	cargo build --release --package transfuse --package transfuse-bench
	$(TARGET)/release/transfuse plugin build plugins/redact plugins/lab-normalize --out $(PLUGINS)
	$(TARGET)/release/transfuse-bench --plugins $(PLUGINS)

# Ten minutes, or TRANSFUSE_FUZZ_SECONDS of them, guided by coverage; `make test` has a bounded run without that.
# What is found is kept in $(TARGET)/fuzz; an input that broke a rule belongs into tests/fuzz/corpus once it holds.
fuzz: toolchain
	@command -v c++ >/dev/null || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q g++; }
	tests/fuzz/run.sh

# A thousand kills under load, ten thousand hot swaps, each write and sync of a workload failing once, a backlog of a million
# messages, and a thousand interfaces: three hours or so, so not part of `make test`.
soak: guests
	TRANSFUSE_SWAPS=10000 cargo test --package transfuse-suite --test hot_swap_load -- --nocapture
	TRANSFUSE_KILLS=1000 cargo test --package transfuse-suite --test kill -- --nocapture
	TRANSFUSE_DISK=all cargo test --package transfuse-suite --test disk_faults -- --nocapture
	TRANSFUSE_QUEUED=1000000 cargo test --package transfuse-suite --test backlog -- --nocapture
	TRANSFUSE_INTERFACES=1000 cargo test --package transfuse-suite --test many_interfaces -- --nocapture

plugins: build
	@$(BINARY) plugin build plugins/redact plugins/lab-normalize --out $(PLUGINS)

# Plugins for tests, of which one misbehaves on purpose, stay out of the folder that the demo shows.
guests: plugins node
	@$(BINARY) plugin build tests/guests/annotate tests/guests/mischief tests/guests/tally tests/guests/stumble \
	  tests/guests/wayward \
	  plugin-sdk/js/examples/lab-normalize --out $(TARGET)/test-plugins
	@$(BINARY) plugin build plugins/map plugins/map-tables --out $(TARGET)/plugin-build/map
	@$(BINARY) plugin build plugin-sdk/python/examples/lab-normalize plugins/map plugins/map-tables plugins/lab-mapping \
	  --out $(TARGET)/language-plugins

# The binary and the tests in one build, so that nothing is compiled twice.
build: toolchain
	cargo build --workspace --all-targets --quiet

# A C compiler for SQLite, and Rust's library for WebAssembly: from rustup where it can be had, and otherwise the one that
# Debian's packages build.
toolchain:
	@command -v cargo >/dev/null || { echo "Rust is missing: install its stable toolchain with rustup" >&2; exit 1; }
	@command -v cc >/dev/null || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q gcc libc6-dev; }
	@test -d "$$(rustc --print target-libdir --target wasm32-unknown-unknown)" \
	  || rustup target add wasm32-unknown-unknown \
	  || test -x /usr/bin/wasm-ld-19 -a -x /usr/bin/cargo -a -d /usr/lib/rustlib \
	  || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q --no-install-recommends rustc-web cargo-web rust-web-src lld-19; }

# What plugins in JavaScript are built with; the rest `plugin build` installs itself, below $(TARGET)/plugin-build.
node:
	@command -v node >/dev/null && command -v npm >/dev/null || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q nodejs npm; }

# What the suite pushes packages to.
registry:
	@command -v docker-registry >/dev/null \
	  || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q --no-install-recommends docker-registry; }

$(PYTHON)/.ready: Makefile
	python3 -m venv --clear $(PYTHON) || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q python3-venv && python3 -m venv --clear $(PYTHON); }
	$(PYTHON)/bin/pip install --quiet --disable-pip-version-check $(PYTHON_PACKAGES)
	@touch $@
