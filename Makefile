# Each target is one or two lines that could as well be typed.
RELEASES ?= trixie forky

.PHONY: help demo test test-brokers test-debian13 quirks check bench chaos fuzz wheel deb clean

help: ## this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## a broker, two providers and smsd on this machine, and messages going through (KEEP=1 leaves it running)
	deploy/setup.sh demo
	.venv/bin/python deploy/demo/demo.py

test: ## set up, check, and run the tests (ARGS="tests/core -k text")
	deploy/setup.sh test
	$(MAKE) --no-print-directory check
	.venv/bin/python -m pytest --numprocesses 2 --dist worksteal $(ARGS)

test-brokers: ## what meets a broker, on RabbitMQ 4.0 and 4.3 from Debian 13 and the next (RELEASES=trixie ARGS="-k text")
	deploy/setup.sh test
	for release in $(RELEASES); do .venv/bin/python tests/rig/debian.py $$release || exit; done
	for release in $(RELEASES); do \
		SMSD_TEST_DEBIAN=$$release SMSD_TEST_QUEUES=quorum .venv/bin/python -m pytest --numprocesses 2 --dist worksteal \
			$$(cat tests/brokers/selection) $(ARGS) || failed="$$failed $$release"; \
	done; test -z "$$failed" || { echo "failed on:$$failed"; exit 1; }

test-debian13: ## demo and test from a fresh clone on a fresh Debian 13, by debootstrap, as root (RELEASE=forky WHAT="demo" ARGS="-k text")
	@echo "Makes a Debian $(or $(RELEASE),trixie) in .run, clones this commit into it, and runs there: $(or $(WHAT),demo test)."
	deploy/setup.sh debian
	python3 tests/rig/fresh.py $(or $(RELEASE),trixie) $(or $(WHAT),demo test)

quirks: ## the quirks of SMSCs that we survive, by number, each line a test (tests/quirks)
	@deploy/setup.sh test
	@.venv/bin/python -m pytest tests/quirks --collect-only | \
		sed -nE 's/.*::test_q([0-9]+)_([^[]+).*/Q\1 \2/p' | tr _ ' ' | sort -uV

check: ## lint, format, types, layers
	.venv/bin/ruff check --quiet .
	.venv/bin/ruff format --check --quiet .
	.venv/bin/mypy --no-error-summary
	.venv/bin/lint-imports --no-cache > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }

bench: ## measure throughput, pacing and delays
	deploy/setup.sh test
	.venv/bin/python -m bench

chaos: ## faults at random moments under load, then every message accounted for (MINUTES=10 SEED=1)
	deploy/setup.sh test
	.venv/bin/python -m tests.chaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

fuzz: ## mutated PDUs into a live bind, between real traffic that must not suffer (PDUS=1000000 SEED=1)
	deploy/setup.sh test
	.venv/bin/python -m tests.fuzz --pdus $(or $(PDUS),1000000) $(if $(SEED),--seed $(SEED))

wheel: ## dist/smsd-VERSION-py3-none-any.whl
	deploy/setup.sh demo
	deploy/wheel.sh

deb: wheel ## dist/smsd_VERSION_ARCH.deb, of this machine's Debian and architecture; see docs/operating.md
	deploy/debian/build.sh

clean: ## remove what was built, the virtual environment too
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .run build dist smsd.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
