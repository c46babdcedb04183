# The environment is a virtual one in .venv; a stamp says that it is complete.
PYTHON ?= python3
# The CPU build of PyTorch is tested too; `make test TORCH=` leaves it out.
TORCH ?= torch==2.13.0
BIN := .venv/bin
RUN := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: demo test lint docs fuzz reliability bench clean

.venv/demo: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[plot]'
	touch $@

.venv/dev: pyproject.toml
	$(PYTHON) -m venv .venv
	$(if $(TORCH),$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH))
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,docs,plot]'
	touch $@ .venv/demo

demo: .venv/demo ## a spin chain, then the spin experiment of the reference paper
	$(RUN) $(BIN)/tensorflowlr integrate examples/quench.toml --output output
	$(RUN) $(BIN)/tensorflowlr reproduce long_range_ising --output output
	@echo "Pictures and results are in output/:"
	@ls output/*.png output/*/*.png 2>/dev/null || true

test: .venv/dev lint docs ## everything that must hold
	$(RUN) $(BIN)/python -m pytest -n 2 -q --doctest-modules tensorflowlr tests

docs: .venv/dev ## the site, in site/; the examples draw its gallery
	$(RUN) $(BIN)/mkdocs build --strict --quiet

fuzz: .venv/dev ## 10 000 generated cases and every property test at length
	$(RUN) GENERATED_CASES=10000 $(BIN)/python -m pytest -n 2 -q tests/test_generated.py
	$(RUN) HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n 2 -q tests -m hypothesis

reliability: .venv/dev ## the figures of docs/reliability.md
	$(RUN) $(BIN)/python benchmarks/reliability/run_all.py

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv/dev ## the figures of the documentation; see benchmarks/README.md
	$(RUN) $(BIN)/python benchmarks/overhead.py
	$(RUN) $(BIN)/python benchmarks/quench.py
	$(RUN) $(BIN)/python benchmarks/convergence.py

clean:
	rm -rf .venv output site .pytest_cache .mypy_cache .ruff_cache .hypothesis
