# Two commands do everything on a fresh machine: `make quickstart` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: quickstart test fast coverage lint types bench clean

quickstart: $(READY)
	$(BIN)/scl-rl run quickstart

test: $(READY)
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest

# Without the tests that take long or kill processes.
fast: $(READY)
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m "not slow"

# The tests once more, counting lines: processes that a test starts are counted as well.
coverage: $(READY)
	$(BIN)/coverage erase
	HF_HUB_OFFLINE=1 $(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY)
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python benchmarks/rewards.py --out build/bench/rewards.json
	$(BIN)/python benchmarks/compare_coverage.py --out build/bench/compare_coverage.json
	$(BIN)/python benchmarks/overhead.py --out build/bench/overhead.json

# torch comes first and alone: a range that admits a newer one would pull several GB of CUDA packages.
$(READY): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	rm -rf scl_rl.egg-info  # an old one would be read before the new one
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
