PYTHON ?= python3.11
BIN = .venv/bin

.PHONY: demo docs test test-slow test-machines lint clean

demo: .venv/installed  ## compare pipelines on synthesised music
	$(BIN)/skdeepmir compare --out results --html results/comparison.html

# The site, in docs/_build/html, with its tests; on recordings of your own by
# `make docs FOLDER=my_music` (a class per sub-folder).
docs: export SKDEEPMIR_FOLDER = $(FOLDER)
docs: .venv/installed  ## build the site, run the code on its pages, check it
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	$(if $(FOLDER),,$(PYTEST) --doctest-glob='*.rst' $(PAGES))
	$(PYTEST) -m site tests/test_site.py
	@echo "The site is in docs/_build/html/index.html"
# Those that are written, not generated.
PAGES = $(wildcard docs/*.rst $(patsubst %,docs/%/*.rst,start guide systems contributing))

# Three processes of tests, one thread each: some tests wait for files or other processes.
PYTEST = OMP_NUM_THREADS=1 SCIPY_ARRAY_API=1 $(BIN)/python -m pytest -n 3 --dist worksteal

# Those of one room of the package: `make test ROOM=decoding`; `python -m tests.rooms`
# prints the rooms.
test: .venv/installed $(if $(ROOM),,lint)  ## everything but the slow tests
	$(if $(ROOM),paths=$$($(BIN)/python -m tests.rooms $(ROOM)) &&) $(PYTEST) $(if $(ROOM),$$paths)

test-slow: .venv/installed  ## all tests
	$(PYTEST) -m ""

# The tests as on other processors, with a load and on newer Pythons: some hours. A part
# by ONLY="Haswell load"; an environment that there is by PYTHONS="3.13=/path/bin/python".
test-machines: .venv/installed $(if $(ONLY)$(PYTHONS),,.venv-3.12/installed .venv-3.13/installed)
	$(BIN)/python -m tests.machines $(if $(ONLY),--only $(ONLY)) $(if $(PYTHONS),--python $(PYTHONS))

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e ".[docs,test]"
	touch $@

.venv-%/installed: pyproject.toml constraints-newest.txt
	python$* -m venv .venv-$*
	.venv-$*/bin/pip install -q --disable-pip-version-check -c constraints-newest.txt -e ".[docs,test]"
	touch $@

clean:
	rm -rf .venv .venv-3.* results docs/_build docs/auto_examples docs/api/[!i]*
