# Everything a person types. What each target does is in tools/.
.DEFAULT_GOAL := help
.PHONY: help setup build python wheel demo test test-c test-py test-e2e sanitize \
	fuzz stress helgrind bench check format install clean

help: ## show this list
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | \
	    awk -F ':.*## ' '{printf "make %-9s %s\n", $$1, $$2}'

setup: ## install what is missing: Debian packages, .venv, npm packages
	@tools/setup

build: setup ## compile the release build into build/release
	@tools/build release

python: setup ## build the wheel and install it into .venv
	@tools/install-python

wheel: python ## the same; the wheel is in build/dist

demo: build python ## open the demo; DIR=… is the folder to browse
	@DIR="$(DIR)" tools/demo

test: setup ## run every test
	@tools/run-tests

test-c: setup ## C tests that need no display
	@tools/run-tests c

test-py: setup ## Python tests that need no display
	@tools/run-tests python

test-e2e: setup ## tests that open windows, on a display of their own
	@tools/run-tests display

sanitize: setup ## C tests under ASan+UBSan and under TSan
	@tools/run-tests asan tsan

fuzz: setup ## fuzz the parsers at trust boundaries; SECONDS=… of each
	@tools/fuzz $(or $(SECONDS),60)

stress: setup ## races for long, release and TSan; SEED=… replays, AUV_STRESS=… is how many
	@tools/stress

helgrind: setup ## unit tests and short stress under Helgrind
	@tools/helgrind

bench: ## measure, compare with the peers, write build/bench.json
	@tools/setup --bench
	@tools/build release
	@tools/install-python
	@tools/bench

check: setup ## includes, headers, style and types
	@tools/run-tests check

format: setup ## lay out the C sources
	@tools/check-style --format

install: build ## install the library; PREFIX=… and DESTDIR=… are heard
	@.venv/bin/meson install -C build/release --no-rebuild

clean: ## remove what was built; keeps .venv and node_modules
	rm -rf build
