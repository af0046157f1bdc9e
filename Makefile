# Only Python (3.11 to 3.13) and make are assumed. `make demo` and `make test` set up .venv when it is missing.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test test-fast lint format bench test-long faults soak fuzz audit tensorboard setup clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@echo "Installing PyTorch and the rest into .venv: 5 GB, one to three minutes."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/python -m runner model=resnet optimizer=adamw scheduler=onecycle optimizer.lr=0.01 trainer.max_epochs=15

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest -n 2 --dist worksteal

test-fast: lint
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow and not long"

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	$(BIN)/python benchmarks/step_overhead.py
	$(BIN)/python benchmarks/startup.py

test-long: setup
	$(BIN)/pytest -n 2 --dist worksteal -m long

faults: setup
	$(BIN)/python -m tests.faults --most 60

soak: setup
	$(BIN)/python -m tests.faults.soak

fuzz: setup
	$(BIN)/python tests/fuzz/fuzz.py --inputs 10000

# Versions that are known to be vulnerable, asked in an environment of its own: pip-audit is no dependency.
audit:
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet pip-audit
	build/audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

tensorboard: setup
	$(BIN)/tensorboard --logdir outputs --host 127.0.0.1

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
