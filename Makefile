# For people: `make demo` and `make test`. Each sets up what is missing first; a second run does nothing twice.
#   make demo [INPUT=photo|folder|clip|/dev/videoN|rtsp://…|sim:…] [PORT=8765]
#   make test
#   make fuzz [FUZZ_SECONDS=60]                  fuzz/README.md
#   make faults-long [LPR_FAULT_ROUNDS=200]      docs/faults.md
#   make soak [SOAK_MINUTES=60]                  docs/soak.md (as root)
#   make bench [LPR_BENCH_ROWS=100000]           docs/cost.md
#   make package                                 docs/install.md: .deb files for this machine's Debian, into target/debian
#   make package-test [SUITE=bookworm|trixie]    installs, upgrades and purges them in a root of their own (as root)
#   make training-test                           models/training: tests of the plate reader's training
#   make cross SUITE=bookworm|trixie             docs/cross.md: the same for aarch64 (as root)
# The rest are their parts: setup, setup-test, build, models, lint.

.DEFAULT_GOAL := help
.PHONY: help setup setup-test setup-roots build models demo demo-stop test fuzz faults-long soak bench lint package package-test cross training-test

# The development folder's models, where there is one: nothing to download then.
ifneq ($(wildcard ../shared/models),)
export LPR_MODEL_CACHE ?= $(abspath ../shared/models)
endif

export INPUT PORT

help:
	@sed -n '1,12s/^# \{0,1\}//p' Makefile

setup:
	@scripts/rust.sh
	@scripts/packages.sh scripts/packages-build.txt

setup-test:
	@scripts/rust.sh
	@scripts/packages.sh scripts/packages-build.txt scripts/packages-test.txt
	@scripts/test-tools.sh

build: setup
	cargo build --release --locked

models: build
	@scripts/models.sh target/release/lpr-agent

demo: build
	@scripts/demo.sh

demo-stop:
	@scripts/demo_stop.sh

# With the tests that kill the programs. Many tests wait for the most part (for browsers, time-outs, restarts): four at a time.
# That server, outbox and uplink need neither OpenCV nor ONNX Runtime is held by `make lint`.
test: setup-test
	cargo build --locked --features kill-points
	@scripts/models.sh target/debug/lpr-agent cct-xs-v2 plate-ocr-trial yolov8n >/dev/null
	RUST_TEST_THREADS=4 cargo test --locked --features kill-points

# The proof that no event is lost silently or applied twice, at length; writes target/faults-report.md.
LPR_FAULT_ROUNDS ?= 200
faults-long:
	LPR_FAULT_ROUNDS=$(LPR_FAULT_ROUNDS) cargo test --locked --no-default-features --features server,uplink,kill-points \
		--test faults -- --nocapture

# Cameras, agent and server at length, with faults on purpose: nothing lost, nothing grows.
SOAK_MINUTES ?= 60
soak: models setup-test
	@scripts/soak.sh $(SOAK_MINUTES)

# What reading costs, which needs the models, and what delivery costs, in one run.
bench: models
	cargo bench --locked --bench read --bench gate
	cargo bench --locked --no-default-features --features server,uplink --bench outbox --bench drain --bench server_ingest --bench server

FUZZ_SECONDS ?= 60
fuzz:
	@scripts/fuzz.sh $(FUZZ_SECONDS)

lint: setup-test
	@scripts/lint.sh

package:
	@scripts/rust.sh
	@scripts/packages.sh scripts/packages-build.txt scripts/packages-package.txt
	@scripts/package.sh

setup-roots:
	@scripts/packages.sh scripts/packages-roots.txt

training-test:
	@scripts/training.sh test

SUITE ?= $(shell . /etc/os-release && echo $$VERSION_CODENAME)
package-test: setup-roots
	@scripts/package-test.sh $(SUITE)

cross: setup-roots
	@scripts/cross.sh $(SUITE)
