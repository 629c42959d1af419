# `make demo` and `make test` set up everything they need; `make help` lists the other targets.
.DEFAULT_GOAL := help
.PHONY: help demo test test-compiled test-plain lint lint-venv lint-style lint-format lint-types lint-layers bench growth compare peers selftests corpus newcomer browser vm fuzz fuzz-asan dist screenshots docs wheels deb rpm oci release venv clean
JOBS ?= 2
TESTS ?= tests
PYTEST = python -m pytest -n $(JOBS) --dist worksteal -q $(ARGS) $(TESTS)

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

demo: ## minimize a kernel's BTF for a program, on this machine
	@tools/venv.sh .venv
	@tools/demo.sh .venv

COMPILED = .venv/bin/btfkit --version | grep -q '(compiled'
NO_COMPILED = == THERE IS NO COMPILED FORM HERE (no C compiler, or no headers of Python)

test: ## run the tests in both forms, or in the plain form if there is no compiler (TESTS=tests/unit ARGS="-k name" JOBS=2)
	@tools/venv.sh .venv
	@if $(COMPILED); then $(MAKE) --no-print-directory test-compiled; else echo "$(NO_COMPILED): only the plain form is tested"; fi
	@$(MAKE) --no-print-directory test-plain
	@$(COMPILED) || echo "$(NO_COMPILED): only the plain form is tested"

test-compiled: ## ... with compiled loops
	@tools/venv.sh .venv test
	@$(COMPILED) || { echo "$(NO_COMPILED): run \`make test-plain\`"; exit 1; }
	@echo "== tests, compiled form: $$(.venv/bin/btfkit --version)"
	PATH="$(CURDIR)/.venv/bin:$$PATH" $(PYTEST)

test-plain: ## ... with plain Python loops, without tests marked slow
	@BTFKIT_PURE=1 tools/venv.sh .venv-plain test
	@echo "== tests, plain form: $$(.venv-plain/bin/btfkit --version)"
	PATH="$(CURDIR)/.venv-plain/bin:$$PATH" BTFKIT_PURE=1 $(PYTEST) -m 'not slow'

lint: lint-style lint-format lint-types lint-layers ## check style, types and layers (make -k lint: all of them, even if one fails)

lint-venv:
	@tools/venv.sh .venv lint

lint-style: lint-venv
	.venv/bin/ruff check --output-format concise .

lint-format: lint-venv
	.venv/bin/ruff format --check .

lint-types: lint-venv
	.venv/bin/mypy
	.venv/bin/mypy docs/examples/*.py

lint-layers: lint-venv
	PYTHONPATH=src .venv/bin/lint-imports --no-logo

growth: ## double the work of every command and report how its cost grows (ARGS="--only dedup --all")
	@tools/venv.sh .venv test
	PATH="$(CURDIR)/.venv/bin:$$PATH" python bench/growth.py $(ARGS)

compare: ## compare the output of every command with another build's (OLD=.../btfkit), over $BTFKIT_CORPUS (ARGS=--quick)
	@tools/venv.sh .venv test
	.venv/bin/python tools/compare_builds.py $(OLD) .venv/bin/btfkit $(ARGS)

bench: ## run the benchmarks side by side with the peers (ARGS=...)
	@tools/venv.sh .venv test
	PATH="$(CURDIR)/.venv/bin:$$PATH" python bench/run.py $(ARGS)

peers: ## install the real bpftool, pahole and libbpf in a disposable chroot (needs root)
	tools/peers.sh

selftests: ## compile the BPF programs of the kernel's selftests (fetches 165 MB), and compare each verdict of `check` with a real load (needs root)
	tools/selftests.sh
	@tools/venv.sh .venv test
	PATH="$(CURDIR)/.venv/bin:$$PATH" python -m pytest -q -s $(ARGS) tests/peers/test_selftests.py

corpus: ## make a corpus of real kernels, modules and objects out of Debian's packages (fetches about 1 GB)
	tools/corpus.sh

newcomer: ## run `make demo` and `make test` in a clone, in a bare Debian chroot (needs root)
	tools/newcomer.sh

browser: ## install a headless browser for the tests of HTML pages (needs root)
	tools/browser.sh

vm: ## fetch real kernels for QEMU (needs root), then run the tests that boot them and load modules
	tools/vm.sh
	@tools/venv.sh .venv test
	PATH="$(CURDIR)/.venv/bin:$$PATH" python -m pytest -q $(ARGS) tests/vm

fuzz: ## fuzz the compiled form with mutated real inputs (N=10000 ARGS=...)
	@tools/venv.sh .venv test
	PATH="$(CURDIR)/.venv/bin:$$PATH" N="$(N)" python tests/fuzz/fuzz.py $(ARGS)

fuzz-asan: ## ... with loops compiled with -fsanitize=address,undefined
	N="$(N)" tools/fuzz_asan.sh $(ARGS)

screenshots: ## make the pictures of the documents anew (docs/images); needs `make browser` and a corpus
	@tools/venv.sh .venv test
	.venv/bin/python tools/screenshots.py

docs: ## build the documentation site: site/index.html
	@tools/venv.sh .venv-docs docs
	.venv-docs/bin/sphinx-build -q -W --keep-going docs site
	@echo "site/index.html"

dist: ## build sdist and wheels into dist/, inspect and install them
	@tools/dist.sh

wheels: ## build the wheels for the Pythons of this machine into dist/ (ARGS="python3.13"; ARGS=--cibuildwheel for other machines)
	tools/wheels.sh $(ARGS)

deb: ## build the Debian package in a chroot of Debian sid, check it with lintian and run its smoke test (needs root)
	tools/deb.sh

rpm: ## build the RPM package there, by Debian's rpmbuild, install it into an empty root and run its smoke test (needs root)
	tools/deb.sh rpm

oci: ## build a container image with btfkit (needs podman, buildah or docker)
	@for tool in podman buildah docker; do \
	  if command -v $$tool >/dev/null; then exec $$tool build -t btfkit -f Containerfile .; fi; \
	done; echo "oci: install podman, buildah or docker" >&2; exit 1

release: ## make a release: version, changelog, tag, packages, SBOM and digests; pushes nothing (VERSION=1.2.3 ARGS=--dry-run)
	tools/release.sh $(VERSION) $(ARGS)

venv: ## create both virtual environments, with all tools
	@tools/venv.sh .venv test lint
	@BTFKIT_PURE=1 tools/venv.sh .venv-plain test

clean: ## remove what this Makefile created
	rm -rf .venv .venv-plain .venv-asan .venv-docs build dist site docs/generated src/*.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	find src tests tools bench -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
