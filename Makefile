# Frameport's make targets. `make help` lists them.
#
# Everything needed is fetched on the way: packages with apt, FFmpeg into
# $XDG_CACHE_HOME/frameport, tools at the versions of tools/go.mod.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-builtin-rules --no-print-directory

BINARY    := build/frameport
VERSION    = $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS    = -X main.version=$(VERSION)
# go with the environment that the cgo packages need (deps/README.md).
ENV       := eval "$$(deps/env.sh)";
TOOL      := go tool -modfile=tools/go.mod
MODULE    := github.com/frameport/frameport
# Files with the build tag "peers" talk to servers that other people wrote; with
# "failpoint", tests make faults happen inside the program (internal/failpoint).
TAGS      := peers,failpoint

TESTFLAGS ?=
FUZZTIME  ?= 10s
DEMO_SECONDS ?=
DEMO_ARGS    ?=
BENCH_ARGS   ?=

.PHONY: help
help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## Set-up ---------------------------------------------------------------------

.PHONY: deps deps-test deps-bench deps-peers
deps: ## Install what building needs: apt packages, the minimal FFmpeg, codec headers
	@deps/apt.sh build
	@deps/ffmpeg.sh
	@deps/ffnvcodec.sh
	@deps/turbojpeg.sh

deps-test: deps
	@deps/apt.sh test

deps-bench: deps-test
	@deps/apt.sh bench

deps-peers: deps-test
	@deps/apt.sh peers

## Build and run --------------------------------------------------------------

.PHONY: build
build: deps ## Build build/frameport
	@mkdir -p build
	@echo "building $(BINARY) $(VERSION)"
	@$(ENV) go build -trimpath -ldflags '$(LDFLAGS)' -o $(BINARY) ./cmd/frameport

.PHONY: sbom
sbom: build ## Write what the binary is made of: build/frameport.cdx.json (CycloneDX)
	@$(ENV) go run ./deps/sbom $(BINARY) '$(VERSION)' $(BINARY).cdx.json
	@echo "$(BINARY).cdx.json"

# A release: the bytes, what they are made of, how, and checksums. Nothing is signed.
.PHONY: release reproducible vulncheck
release: build ## Put binary, bill of materials, provenance and checksums into build/release
	@$(ENV) tools/release.sh $(BINARY) '$(VERSION)'

reproducible: deps ## Build the last commit twice, in two places, and compare the bytes
	@$(ENV) tools/reproducible.sh '$(VERSION)'

# Not part of check: it needs a network, and its answer changes while the code does not.
vulncheck: build ## Look for known vulnerabilities in code and binary (VULNDB: another database)
	@$(ENV) VULNDB='$(VULNDB)' tools/vulncheck.sh $(BINARY)

.PHONY: demo
demo: build ## Show it on four synthetic cameras until Ctrl-C (or for DEMO_SECONDS)
	@exec $(BINARY) demo --output-dir build/demo $(if $(DEMO_SECONDS),--duration $(DEMO_SECONDS:s=)s) $(DEMO_ARGS)

## Test -----------------------------------------------------------------------

.PHONY: test
test: deps-test gpusim ## Run the tests
	@$(ENV) go test -timeout 15m $(TESTFLAGS) ./...
	@$(MAKE) test-python

.PHONY: test-python
test-python: build deps-test gpusim ## Run the Python client's tests with Debian's libraries and the newest
	@clients/python/test.sh

# Without the tests of the whole worker: internal/e2e drives a child process, which
# the detector can't see into, and those of cmd live in real time with dozens of
# cameras, which the detector slows down too much for two cores. Run them by hand:
# make test-race RACE_PACKAGES=./cmd/...
# Short: without the largest clips, which are pixels and no other code; `make test` has them.
RACE_PACKAGES ?= $$(go list ./... | grep -v -e /internal/e2e -e /cmd/)
.PHONY: test-race
test-race: deps-test gpusim ## Run the tests under the race detector
	@$(ENV) go test -race -short -timeout 15m $(TESTFLAGS) $(RACE_PACKAGES)

# The C code under AddressSanitizer with its leak check, and UndefinedBehaviorSanitizer:
# that of the packages below and of the simulated driver they run on. Go's -asan also
# checks what Go code reads and writes of C's memory. Not seen: the inside of FFmpeg and
# libjpeg-turbo, beyond their calls of memcpy and free.
# Skipped are tests that count Go allocations, which -asan adds to, and one that measures
# resident memory, which freed blocks stay in for a while; the leak check asks better.
# Short, as test-race.
SANITIZE_PACKAGES ?= ./gpu ./gpu/gpusim ./gpu/gputest ./gpu/kernels/... ./gpu/surface ./internal/dl ./internal/shm \
	./decoder/avcodec ./decoder/nvdec ./convert/hostconv ./convert/gpuconv ./jpeg/turbo ./jpeg/nvjpeg
SANITIZE_SKIP   := ^(TestLaunchDoesNotAllocate|TestNoAllocation|TestTensorAllocates|TestInPlace|TestCloseFreesNativeMemory)$$
SANITIZE_CFLAGS := -g -O2 -fno-omit-frame-pointer -fsanitize=undefined,float-cast-overflow,bounds-strict -fno-sanitize-recover=all
# intercept_tls_get_addr: with it, gcc 12's leak check crashes on libraries opened at run time.
ASAN_SETTINGS   := detect_leaks=1:intercept_tls_get_addr=0:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1:max_malloc_fill_size=1073741824
# Without the cache: it does not know the simulated driver's files nor these settings.
.PHONY: test-sanitize
test-sanitize: gpusim-sanitize ## Run the tests of C code under ASan, LSan and UBSan
	@$(ENV) export CGO_CFLAGS='$(SANITIZE_CFLAGS)' CGO_CXXFLAGS='$(SANITIZE_CFLAGS)' CGO_LDFLAGS=-fsanitize=undefined \
	  FRAMEPORT_GPU_LIBRARY_PATH='$(CURDIR)/build/gpusim-sanitize' FRAMEPORT_GPUSIM_DIR='$(CURDIR)/build/gpusim-sanitize' \
	  ASAN_OPTIONS='$(ASAN_SETTINGS)' UBSAN_OPTIONS=print_stacktrace=1; \
	go test -asan -short -count=1 -timeout 10m -skip '$(SANITIZE_SKIP)' $(TESTFLAGS) $(SANITIZE_PACKAGES)

.PHONY: hostile
hostile: deps ## Try what hostile clients can do at every method, ROUNDS=500 with SEED=1
	@$(ENV) FRAMEPORT_HOSTILE_ROUNDS=$(or $(ROUNDS),500) FRAMEPORT_HOSTILE_SEED=$(SEED) \
	go test ./server -run '^(TestHostileMessages|TestRapidReset|TestTenThousandStreams|TestHalfReadAnswers)$$' -count=1 -timeout 30m -v $(TESTFLAGS)

.PHONY: test-peers
test-peers: deps-peers go2rtc ## Run the tests against GStreamer's RTSP server, go2rtc and VLC
	@packages=$$(tools/tagged.sh peers); \
	$(ENV) GO2RTC=$(CURDIR)/build/peers/go2rtc go test -tags peers -run '^TestPeer' -count=1 -parallel 8 -timeout 5m $(TESTFLAGS) $$packages

.PHONY: go2rtc
go2rtc:
	@mkdir -p build/peers
	@CGO_ENABLED=0 go build -modfile=tools/peers/go.mod -o build/peers/go2rtc github.com/AlexxIT/go2rtc

# Every row of the catalogue of faults, and a storm of them (docs/reliability.md).
ROW   ?= all
SEED  ?= 1
STORM ?= 30s
.PHONY: faults
faults: deps-test ## Try what cameras do wrong: all of it, or ROW=17 SEED=3; STORM=0s leaves the storm out
	@$(if $(filter all,$(ROW)),$(ENV) go test -tags failpoint ./internal/failpoint -count=1 -timeout 2m; \
	go test -tags failpoint -run '^TestFailpoint' -count=1 -timeout 5m $$(tools/tagged.sh failpoint | grep -v internal/fa) | { grep -v '^ok' || true; })
	@$(ENV) export FRAMEPORT_FAULTS_ROWS='$(ROW)' FRAMEPORT_FAULTS_SEED='$(SEED)' \
	  FRAMEPORT_FAULTS_STORM='$(if $(filter all,$(ROW)),$(filter-out 0 0s,$(STORM)))'; \
	go test -tags failpoint ./internal/faults -run '^(TestFaults|TestStorm)$$' -count=1 -parallel 16 -timeout 14m -v $(TESTFLAGS) \
	  | { grep -v -E '^ *(=== |--- PASS|--- SKIP)' || true; }

# Figures of docs/reliability.md: JSON lines, also appended to RELIABILITY_LOG. What
# recovers is measured at the same time with go2rtc in our place; all in all six minutes.
RUNS   ?= 100
OUTAGE ?= 30s
FIGURES  = $(ENV) export FRAMEPORT_FAULTS_FIGURES='$(RUNS)' FRAMEPORT_FAULTS_OUTAGE='$(OUTAGE)' \
  FRAMEPORT_FIGURES_LOG='$(abspath $(RELIABILITY_LOG))' GO2RTC='$(CURDIR)/build/peers/go2rtc'; mkdir -p build; \
  go test -count=1 -timeout 30m -v $(TESTFLAGS)
FIGURES_ONLY := | { grep --line-buffered -v -E '^ *(=== |--- PASS|PASS)' || true; }
.PHONY: reliability reliability-recovery reliability-peers reliability-rest reliability-long
reliability: deps-test ## Measure recovery, frozen streams, outages, logins, reloads and growth, RUNS times each (100)
	@$(MAKE) -j2 reliability-recovery reliability-peers
	@$(MAKE) reliability-rest

reliability-recovery:
	@$(FIGURES) ./internal/faults -run '^TestRecovery$$' $(FIGURES_ONLY)

reliability-peers: go2rtc ## Measure recovery with go2rtc in our place
	@$(FIGURES) -tags peers ./internal/peers -run '^TestReliability' $(FIGURES_ONLY)

reliability-rest:
	@$(FIGURES) ./internal/faults -run '^Test(Frozen|Growth|Reconnects|Outage|Nonce|Login|Reload)$$' $(FIGURES_ONLY)
	@$(FIGURES) ./internal/e2e -run '^TestStop$$' $(FIGURES_ONLY)

reliability-long: OUTAGE = 5m
reliability-long: deps-test ## Measure outages of the network of five minutes
	@$(FIGURES) ./internal/faults -run '^TestOutage$$' $(FIGURES_ONLY)

# The binary under what it has to hold, short; and the same at full length, hours in all.
# JSON lines with date, commit and load go to RELIABILITY_LOG.
RELIABILITY_LOG ?= build/reliability.jsonl
HOLD := go run ./bench -append '$(RELIABILITY_LOG)'
.PHONY: hold soak soak-long
hold: build deps-bench ## Let the binary hold 1,000 cameras, overload, kill -9, growth, slow clients: fifteen minutes
	@$(ENV) $(HOLD) -only held,herd,keyframes,overload,killed,slow_clients,growth -seconds 60 -repeat 5

soak: build deps-bench ## Let it run for 3 minutes with faults, adds and removes
	@$(ENV) $(HOLD) -strict -only soak -seconds 180

soak-long: build deps-bench ## 1,000 cameras for 10 minutes, then an hour of 300 with faults
	@$(ENV) $(HOLD) -only held -seconds 600; $(HOLD) -only soak -seconds 3600 -cameras 300 -decoded 20

# BITSTREAMS damaged streams from SEED on (bench/bitstreams).
BITSTREAMS ?= 10000
.PHONY: bitstreams
bitstreams: deps ## Decode 10,000 damaged streams in child processes (BITSTREAMS, SEED)
	@mkdir -p build
	@$(ENV) go build -o build/bitstreams ./bench/bitstreams
	@nice build/bitstreams -count $(BITSTREAMS) -seed $(SEED) -append '$(RELIABILITY_LOG)'

.PHONY: fuzz-long
fuzz-long: ## Fuzz every target for 30 minutes
	@$(MAKE) fuzz FUZZTIME=30m

.PHONY: fuzz
fuzz: deps ## Fuzz every target for FUZZTIME (10s) each
	@$(ENV) tools/fuzz.sh $(FUZZTIME)

# What CI fuzzes, two targets: which follows from the commit. What is found goes to build/fuzz.
FUZZ_PARTS ?= 21
FUZZ_PART  ?=
.PHONY: fuzz-short
fuzz-short: deps ## Fuzz a few of the targets for a minute each, others with every commit (FUZZ_PART=0..20)
	@$(ENV) FUZZ_FLAGS='-parallel=1' FUZZ_FOUND=build/fuzz tools/fuzz.sh 60s $(FUZZ_PARTS) $(FUZZ_PART)

.PHONY: bench
bench: build deps-bench ## Measure Frameport beside its references; BENCH_ARGS go to the program
	@$(ENV) go run ./bench $(BENCH_ARGS)

# The driver that tests use on machines without a GPU (gpu/gpusim/README.md).
.PHONY: gpusim gpusim-sanitize
gpusim: deps-test ## Build the simulated NVIDIA driver into build/gpusim
	@$(ENV) $(MAKE) -f gpu/gpusim/build.mk OUT=build/gpusim

gpusim-sanitize: deps-test
	@$(ENV) $(MAKE) -f gpu/gpusim/build.mk OUT=build/gpusim-sanitize SANITIZE=1

# A folder to carry to a machine with a GPU, and what it does there (bench/results/README.md).
.PHONY: gpu-bundle gpu-check
gpu-bundle: build deps-test ## Make build/gpu-bundle, which tries and measures a machine with a GPU
	@$(ENV) VERSION='$(VERSION)' bench/gpu/bundle.sh build/gpu-bundle

gpu-check: gpu-bundle ## Run it here, into build/gpu-check
	@bash build/gpu-bundle/run.sh build/gpu-check

# A folder to carry to a machine with a GPU: the reference stack (bench/gpupeers/README.md).
.PHONY: gpu-peers-bundle
gpu-peers-bundle: deps-test ## Make build/gpu-peers-bundle, which measures the reference stack on a GPU
	@bench/gpupeers/bundle.sh build/gpu-peers-bundle

## Check ----------------------------------------------------------------------

.PHONY: check
check: deps check-format check-modules lint check-arch check-generated check-pure ## Format, lint, import rule, generated files: what CI asks first

.PHONY: check-format
check-format:
	@echo "format"
	@wrong=$$(tools/gofiles.sh | xargs -r $(TOOL) gofumpt -l -modpath $(MODULE)); \
	if [ -n "$$wrong" ]; then printf 'not gofumpt-formatted:\n%s\nRun: make format\n' "$$wrong" >&2; exit 1; fi

.PHONY: check-modules
check-modules:
	@echo "go.mod"
	@go mod tidy -diff || { echo "go.mod or go.sum is not tidy. Run: go mod tidy" >&2; exit 1; }
	@go mod verify >/dev/null || { echo "A module in the cache is not what go.sum says. Run: go clean -modcache" >&2; exit 1; }

.PHONY: format
format: ## Format all Go and proto files
	@tools/gofiles.sh | xargs -r $(TOOL) gofumpt -w -modpath $(MODULE)
	@$(TOOL) buf format -w

.PHONY: lint
lint: deps ## go vet, staticcheck, buf lint
	@echo "vet"
	@$(ENV) go vet -tags $(TAGS) ./...
	@$(ENV) go vet ./internal/failpoint ./internal/faults # have files that are there without the tags only
	@echo "staticcheck"
	@$(ENV) $(TOOL) staticcheck -tags $(TAGS) ./...
	@echo "buf"
	@$(TOOL) buf lint
	@$(TOOL) buf format --diff --exit-code

.PHONY: check-arch
check-arch:
	@go test ./internal/archtest

# The committed files must be what the generators make of the sources.
.PHONY: check-generated
check-generated:
	@echo "generated files"
	@out=$$(mktemp -d); trap 'rm -rf "$$out"' EXIT; \
	$(TOOL) buf generate -o "$$out"; \
	while read -r file; do \
	  cmp -s "$$out/$$file" "$$file" || { echo "$$file is not what make generate writes. Run it and commit." >&2; exit 1; }; \
	done < <({ cd "$$out" && find api internal -name '*.pb.go'; cd "$(CURDIR)" && find api internal -name '*.pb.go'; } | sort -u)
	@deps/apt.sh stubs
	@clients/python/stubs.sh --check

# Packages without cgo build without a C compiler, so clients can import them.
.PHONY: check-pure
check-pure:
	@echo "packages without cgo"
	@CGO_ENABLED=0 go build $$(tools/pure.sh)

# The wire contract may only grow. Compared with BREAKING_AGAINST, by default main.
BREAKING_AGAINST ?= main
.PHONY: breaking
breaking: ## Compare the wire contract with BREAKING_AGAINST (main)
	@if [ -z "$$(git ls-tree --name-only '$(BREAKING_AGAINST)' proto/ 2>/dev/null)" ]; then \
	  echo "breaking: $(BREAKING_AGAINST) is not here or has no proto/: nothing to compare with"; \
	else $(TOOL) buf breaking --against '.git#ref=$(BREAKING_AGAINST)'; fi

.PHONY: generate stubs
generate: stubs ## Write what is made from proto/ and from the kernels
	@$(TOOL) buf generate
	@deps/apt.sh generate
	@gpu/kernels/generate.sh

stubs:
	@deps/apt.sh stubs
	@clients/python/stubs.sh

.PHONY: clean
clean: ## Remove build/ (the cache folder stays: deps/README.md)
	@rm -rf build
