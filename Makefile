# Everything that a developer or CI does has a word here; `make help` prints them.
PYTHON ?= python3
BIN := .venv/bin
export SEMSEARCH_INDEXES ?= indexes

.PHONY: help install demo test test-slow check bench benchmark-peers clean

help:       ## print this
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  *##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/'

install: .venv/.installed  ## make .venv with semsearch and the tools of development in it

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[cpu,code]' --group dev
	@touch $@

demo: install  ## index Python's own documentation, ask it three questions, and show what the space of meaning is
	$(BIN)/semsearch build indexes/python-docs.toml
	$(BIN)/semsearch search python-docs "find the most common items in a list" -k 3
	$(BIN)/semsearch search python-docs "compare two files line by line and show the differences" -k 3
	$(BIN)/semsearch search python-docs "measure how long a small piece of code takes" -k 3 --filter '{"kind": "module"}'
	$(BIN)/python benchmarks/meaning.py

test: install  ## the default suite, a part on each core
	$(BIN)/pytest --numprocesses auto --dist worksteal

test-slow: install  ## what proves the promises at length
	$(BIN)/pytest -m slow

check: install  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: install  ## every benchmark whose data is here; results as JSON in benchmarks/results
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/embedding.py
	$(BIN)/python benchmarks/retrieval_quality.py
	$(BIN)/python benchmarks/analogies.py
	$(BIN)/python benchmarks/image_quality.py
	$(BIN)/python benchmarks/image_directions.py
	$(BIN)/python benchmarks/image_search.py
	$(BIN)/python benchmarks/image_adding.py
	$(BIN)/python benchmarks/metadata.py
	$(BIN)/python benchmarks/knob.py
	$(BIN)/python benchmarks/filters.py
	$(BIN)/python benchmarks/concurrency.py
	$(BIN)/python benchmarks/scale.py

benchmark-peers:  ## semsearch beside its peers, an hour or two; tables and a picture into docs
	$(PYTHON) -m venv .venv/peers
	.venv/peers/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	.venv/peers/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[cpu,plot]' --group peers
	.venv/peers/bin/python benchmarks/peers.py
	.venv/peers/bin/python benchmarks/peers_report.py

clean:      ## remove what was built, but no collection
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
