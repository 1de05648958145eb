# Every target does its own set-up; scripts/ holds what is longer than a line.
#   HOME of the node: P2PNODE_HOME=… make run     Python: make run PYTHON=/usr/bin/python3.12

.PHONY: help web run demo test check browser screens faults fuzz lint format lock bench clean
.DEFAULT_GOAL := help
export PYTHON
ARGS ?=

help: ## say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: ## set everything up, make an identity if there is none, start a node (NAME=Eve AREA=52.52,13.40 make run; ARGS="--listen …")
	@exec scripts/run.sh $(ARGS)

web: ## set everything up and open the page, which makes a node where there is none (ARGS="--no-open --listen …")
	@scripts/setup.sh run
	@exec .venv/bin/p2pnode web $(ARGS)

demo: ## several nodes on this machine act out a small story, with the real commands
	@scripts/setup.sh run
	@exec .venv/bin/python scripts/demo.py $(ARGS)

test: ## lint, types, architecture, units, vectors, properties, simulation, end to end (at most 15 min on 2 cores)
	@exec scripts/test.sh test $(ARGS)

check: ## make test, more of its seeds, a browser, transcripts and short fault tests (what CI runs; at most 45 min)
	@exec scripts/test.sh check $(ARGS)

browser: ## the page in a real browser: Debian's Chromium, installed with apt if that asks for no password
	@exec scripts/test.sh browser $(ARGS)

screens: ## pictures of every view of the page, into docs/screens
	@scripts/setup.sh dev
	@scripts/check-tools.sh screens
	@.venv/bin/python -m tests.browser.screens $(ARGS)

faults: ## fault tests at full length, which takes hours: one row with ROW=kills (the rows: ls tests/faults)
	@scripts/setup.sh dev
	@P2PNODE_LONG=1 P2PNODE_FIGURES=$${P2PNODE_FIGURES:-tests/faults/figures.jsonl} \
	  .venv/bin/pytest -v -rs -s tests/faults$(if $(ROW),/test_$(ROW).py) $(ARGS)

fuzz: ## coverage-guided fuzzing of every target, or of one: TARGET=facts SECONDS=60 (x86-64 only)
	@scripts/setup.sh fuzz
	@.venv/bin/python -m tests.fuzz.run $(TARGET) --seconds $(or $(SECONDS),10) $(ARGS)

lint: ## ruff, mypy, import-linter: no tests
	@exec scripts/test.sh lint

format: ## let ruff lay out the code
	@scripts/setup.sh dev
	@.venv/bin/ruff check --fix-only --quiet . ; .venv/bin/ruff format .

lock: ## renew the lock files from pyproject.toml (KEEP=1: change only what is forced)
	@KEEP=$(KEEP) exec scripts/lock.sh

bench: ## the benchmarks, one table each, which takes hours (CSV=FILE: the ratings for reputation)
	@scripts/setup.sh dev
	@missed=; for name in $$(basename -s .py $$(grep -l __main__ bench/*.py)); do printf '\n== bench.%s\n' $$name; \
	  set --; [ $$name != reputation ] || set -- $(if $(CSV),'$(CSV)'); \
	  .venv/bin/python -m bench.$$name "$$@" || missed="$$missed $$name"; done; \
	  [ -z "$$missed" ] || { echo "make bench: a target was missed, or it failed:$$missed"; exit 1; }

clean: ## remove what set-up and tests have made here (not the node's home)
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .fuzz .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
