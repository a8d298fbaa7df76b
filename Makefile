# The two commands a newcomer needs are `make bench` and `make test`; `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PACKAGES := libopenblas-dev libomp-dev cmake
SWIFT_FLAGS ?=
CLANG_FORMAT ?= clang-format
JOBS := $(shell nproc)
, := ,
CLANG := $(shell dirname "$$(readlink -f "$$(command -v swiftc || echo /usr/bin/swiftc)")")/clang
CMAKE := cmake -S . -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=$(CLANG) -DHEED_TESTS=ON
BENCH := .build/bench
HEED := .build/release/heed

.PHONY: help setup setup-format build bench benchmarks results peers peers-training growth test test-all test-c test-swift test-plain test-examples sanitize format check-format install clean

help: ## lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | awk -F'|' '{printf "make %-15s %s\n", $$1, $$2}'

# Installs those of some packages that are missing; asks for root only then.
define install_missing
@missing=""; \
for package in $(1); do dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
if [ -n "$$missing" ]; then \
  echo "installing$$missing"; \
  root=""; [ "$$(id -u)" = 0 ] || root=sudo; \
  $$root apt-get update -qq && $$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; \
fi
endef

# What a toolchain from swift.org needs of a Debian system, with the C library that every compiler needs.
TOOLCHAIN_NEEDS := build-essential git libcurl4-openssl-dev libedit2 libncurses-dev libpython3-dev libsqlite3-0 libxml2-dev libz3-dev pkg-config tzdata zlib1g-dev
# The programs that the targets call, beside those of every system.
TOOLS := awk cmake git grep sed

# Ends make with one line.
define refuse
{ echo "$(1)" >&2; exit 1; }
endef

# Says how long the first build takes where $(1), which it makes, is missing.
define say_first
@[ -e $(1) ] || echo "The first time, $(2) on two cores; this machine has $(JOBS). Later builds take what changed."
endef

setup: ## installs the system packages that are missing (Debian; asks for root only then)
	@command -v swift >/dev/null || $(call refuse,Heed needs a Swift toolchain$(,) 6.2 or later$(,) in PATH: https://swift.org/install)
	@said="$$({ swift --version && swift build --version; } 2>&1 </dev/null)" || \
	  $(call refuse,$$(command -v swift) does not start ($$(tail -n 1 <<<"$$said")). If a library is missing: apt-get install $(TOOLCHAIN_NEEDS)); \
	version="$$(sed -nE 's/.*Swift version ([0-9]+[.][0-9]+).*/\1/p' <<<"$$said" | head -n 1)"; \
	printf '6.2\n%s\n' "$$version" | sort -V -C || \
	  $(call refuse,Heed needs Swift 6.2 or later$(,) and $$(command -v swift) is $${version:-of an unknown version}: https://swift.org/install)
	@said="$$($(CLANG) -x c - -o /dev/null 2>&1 <<<'int main(void) { return 0; }')" || \
	  $(call refuse,$(CLANG) cannot make a program ($$(tail -n 1 <<<"$$said")). It needs the system's C library and linker: apt-get install build-essential)
ifeq ($(shell command -v dpkg-query),)
	@echo "not a Debian system: libomp, OpenBLAS and CMake have to be there already" >&2
else
	$(call install_missing,$(PACKAGES))
endif
	@missing=""; for tool in $(TOOLS); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	[ -z "$$missing" ] || $(call refuse,PATH lacks$$missing: on Debian$(,) apt-get install$$missing)

# swift format comes with the toolchain, clang-format with nothing that the build needs.
setup-format:
ifneq ($(shell command -v $(CLANG_FORMAT)),)
else ifneq ($(and $(filter clang-format,$(CLANG_FORMAT)),$(shell command -v apt-get)),)
	$(call install_missing,clang-format)
else
	@echo "no $(CLANG_FORMAT) in PATH: install clang-format, version 14 to 21, or name one: make check-format CLANG_FORMAT=clang-format-19" >&2; exit 1
endif

build: setup ## builds the command heed in release mode
	$(call say_first,$(HEED),the release build takes about 3 minutes)
	swift build $(SWIFT_FLAGS) -c release --product heed

bench: build ## measures attention on this machine, naive beside tiled: table, picture, report
	@mkdir -p $(BENCH)
	@echo; echo "Real queries, keys and values: layer 3 of all-MiniLM-L6-v2 reading 512 tokens"
	$(HEED) bench attention --input Benchmarks/minilm_layer3_attention.safetensors
	@echo; echo "Random ones, length 128 to 16384"
	$(HEED) bench attention --sweep --plot $(BENCH)/attention.svg --report $(BENCH)/attention.html
	@echo; echo "picture: $(BENCH)/attention.svg    report: $(BENCH)/attention.html"

benchmarks: setup ## measures the library for regressions (ordo-one/benchmark; BENCHMARK="baseline update NAME" and others are passed on)
	swift package --package-path Benchmarks --allow-writing-to-package-directory benchmark $(BENCHMARK)

results: build ## trains every recipe in full and holds what it reaches against its bounds; continues where it was stopped
	$(HEED) results --out Benchmarks/results
	@echo; echo "table: Benchmarks/results/results.md    pictures beside it"

peers: build ## measures attention here beside PyTorch, ONNX Runtime and OpenVINO, which it installs into .build/peers
	Benchmarks/peers/run --json .build/peers/peers.json --markdown .build/peers/peers.md --svg .build/peers/peers.svg
	@echo; echo "table: .build/peers/peers.md    picture: .build/peers/peers.svg"

peers-training: build ## measures training steps beside PyTorch (whole models; minutes), and their peak memory
	Benchmarks/peers/run --training --json .build/peers/training.json --markdown .build/peers/training.md
	@echo; echo "table: .build/peers/training.md"

growth: build ## trains a tiny model for 10,000 steps and shows that memory does not grow
	HEED_COMMAND=$(HEED) Benchmarks/growth

test: test-c test-plain test-examples test-swift ## all tests, C and Swift (the exhaustive ones: make test-all)

test-c: setup
	$(call say_first,.build/c/CMakeCache.txt,the builds of all tests and the tests take up to 40 minutes)
	$(CMAKE) -B .build/c >/dev/null
	cmake --build .build/c -j $(JOBS) -- --no-print-directory
	ctest --test-dir .build/c --output-on-failure

# The same C tests without OpenMP and OpenBLAS, and the Swift package without its traits.
test-plain: setup
	$(CMAKE) -B .build/c-plain -DHEED_OPENMP=OFF -DHEED_OPENBLAS=OFF >/dev/null
	cmake --build .build/c-plain -j $(JOBS) -- --no-print-directory
	ctest --test-dir .build/c-plain --output-on-failure
	swift build $(SWIFT_FLAGS) --disable-default-traits --scratch-path .build/plain --product heed
	.build/plain/debug/heed verify --strict Tests/Fixtures/conformance | tail -n 1

test-swift: setup
	$(call say_first,.build/debug,building the Swift tests takes about 7 minutes)
	swift test $(SWIFT_FLAGS)

test-examples: setup ## builds the examples against the last commit, by version, with and without the traits, and runs them
	Examples/test

test-all: test-c test-plain test-examples ## the same with the full cross of shapes, masks and strides, and the long fault loops
	HEED_TEST_EXHAUSTIVE=1 ctest --test-dir .build/c --output-on-failure --timeout 3600
	HEED_TEST_EXHAUSTIVE=1 swift test $(SWIFT_FLAGS)

sanitize: setup ## the C tests under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer
	for kind in address thread; do \
	  flags=$$kind; [ $$kind = address ] && flags="address,undefined"; \
	  $(CMAKE) -B .build/c-$$kind "-DHEED_SANITIZE=$$flags" >/dev/null; \
	  cmake --build .build/c-$$kind -j $(JOBS) -- --no-print-directory; \
	  ctest --test-dir .build/c-$$kind --output-on-failure --timeout 1800; \
	done

format: setup-format ## formats C and Swift with the committed configurations
	git ls-files '*.c' '*.h' | xargs $(CLANG_FORMAT) -i
	git ls-files '*.swift' | xargs swift format -i

check-format: setup-format ## fails where C or Swift is not formatted (clang-format 14 to 21)
	git ls-files '*.c' '*.h' | xargs $(CLANG_FORMAT) --dry-run -Werror
	git ls-files '*.swift' | xargs swift format lint --strict

install: build ## installs the command heed (PREFIX=/usr/local)
	install -D -m 755 $(HEED) "$(DESTDIR)$(or $(PREFIX),/usr/local)/bin/heed"

clean: ## removes what was built
	rm -rf .build Benchmarks/.build
