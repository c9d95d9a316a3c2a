# Everything lives in .venv and build/. `make demo` and `make test` set up what is missing.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
MINUTES ?= 20
EXAMPLES ?= 100000

.DEFAULT_GOAL := help
.PHONY: help demo test check unit packages bench soak fuzz histories mutate lock clean

help: ## say what can be made
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements/dev.txt pyproject.toml
	@echo "setting up .venv (once)"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY) ## run the main job: broker, simulated site, the real daemon
	@$(BIN)/gatewayd demo $(ARGS)

test: $(READY) packages check unit ## every check and every test

check: $(READY) ## linters, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(READY) packages ## the tests, with the coverage of the two inner rings
	HYPOTHESIS_PROFILE=ci $(BIN)/pytest -n auto --dist worksteal -m "not bench and not soak" --cov --cov-report=term

packages: ## what the tests need from the system (Mosquitto)
	@./tests/packages.sh

bench: $(READY) packages ## measure, beside a peer or a physical limit
	@$(BIN)/pip install --quiet --require-hashes -r requirements/bench.txt
	$(BIN)/python -m tests.bench $(ARGS)

soak: $(READY) packages ## outages in real time with foreign units, for MINUTES=20
	$(BIN)/pytest -m soak --timeout 7200
	$(BIN)/python -m tests.soak --minutes $(MINUTES) $(ARGS)

fuzz: $(READY) ## look for inputs nobody thought of, for MINUTES=20
	@$(BIN)/pip install --quiet --only-binary :all: --require-hashes -r requirements/fuzz.txt || true
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(ARGS)

histories: $(READY) ## decide long histories twice, also by the reference; EXAMPLES=100000
	EXAMPLES=$(EXAMPLES) HYPOTHESIS_PROFILE=long $(BIN)/pytest -q -n0 --timeout 0 --hypothesis-show-statistics \
		tests/core/access/test_reference.py

mutate: $(READY) ## break what decides, and see that the tests notice; half an hour, ARGS=access 7 minutes
	@$(BIN)/pip install --quiet --only-binary :all: --require-hashes -r requirements/mutate.txt
	$(BIN)/python -m tests.mutate $(ARGS)

lock: $(READY) ## resolve requirements/*.txt again
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-options \
		--strip-extras --allow-unsafe --extra dev --output-file requirements/dev.txt pyproject.toml
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-options \
		--strip-extras --output-file requirements/fuzz.txt requirements/fuzz.in
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-options \
		--strip-extras --output-file requirements/mutate.txt requirements/mutate.in
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-options \
		--strip-extras --output-file requirements/bench.txt requirements/bench.in

clean: ## forget .venv and build
	rm -rf .venv build dist *.egg-info
