PYTHON ?= python3.11
BIN = .venv/bin

.PHONY: demo test test-slow lint clean

demo: .venv/installed  ## compare pipelines on synthesised music
	$(BIN)/python examples/compare_pipelines.py --out results

# Two processes of tests, one thread each.
PYTEST = OMP_NUM_THREADS=1 SCIPY_ARRAY_API=1 $(BIN)/python -m pytest -n 2 --dist worksteal

test: .venv/installed lint  ## everything but the slow tests
	$(PYTEST)

test-slow: .venv/installed  ## all tests
	$(PYTEST) -m ""

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e ".[test]"
	touch $@

clean:
	rm -rf .venv results
