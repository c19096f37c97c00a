# The short front of Meson. `make help` says what there is.
BUILD  ?= build
PREFIX ?= /usr/local
NINJA   = ninja --quiet -C $(BUILD)

all: $(BUILD)/build.ninja
	$(NINJA)

$(BUILD)/build.ninja: | deps-build
	meson setup $(BUILD) --prefix=$(PREFIX) >/dev/null

# What is installed, without tests and benchmarks.
programs: $(BUILD)/build.ninja
	$(NINJA) programs

## installs what is missing, builds, and runs the example job with a planted shell in it
demo: deps-demo programs
	@examples/report/run.sh $(CURDIR)/$(BUILD)/src/writ/writ

## installs what is missing, builds, and runs every test
check: deps-check all oracle
	@tests/run $(BUILD)

# The official Cedar engine, for comparison; without npm that one test is skipped.
oracle:
	@command -v npm >/dev/null && [ ! -d tests/differential/node_modules ] && \
	  npm install --silent --no-package-lock --no-audit --no-fund --prefix tests/differential >/dev/null 2>&1 || true

## installs (DESTDIR and PREFIX are honoured)
install: all
	meson configure $(BUILD) --prefix=$(PREFIX)
	meson install -C $(BUILD)

## every test under AddressSanitizer and UndefinedBehaviorSanitizer
asan: deps-check
	[ -e $(BUILD)-asan/build.ninja ] || meson setup $(BUILD)-asan -Db_sanitize=address,undefined -Db_lundef=false
	ninja -C $(BUILD)-asan
	@tests/run $(BUILD)-asan

## clang-format, clang-tidy, cppcheck
lint: deps-lint
	@tools/lint $(BUILD)-lint

## each fuzz target for FUZZ_SECONDS (default 60)
fuzz: deps-fuzz
	[ -e $(BUILD)-fuzz/build.ninja ] || CC=clang meson setup $(BUILD)-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
	ninja -C $(BUILD)-fuzz
	@tools/fuzz $(BUILD)-fuzz $(or $(FUZZ_SECONDS),60)

## the Cedar conformance families, passed and failed of each
conformance: deps-build all
	@tests/conformance/run.sh $(BUILD)/tests/cedar-conformance

## measures, beside what one would use instead
bench: deps-bench all
	@bench/run $(BUILD)

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-fuzz $(BUILD)-lint

help:
	@awk '/^## /{what=substr($$0,4)} /^[a-z]+:/{if(what){split($$1,n,":"); printf "make %-12s %s\n",n[1],what} what=""}' Makefile

deps-%:
	@tools/deps $*

.PHONY: all oracle programs demo check install asan lint fuzz conformance bench clean help
