# make simulate and make test do all the set-up on a fresh machine with Python 3.11 or newer.
# ENGINE=torch: Sionna 2 on PyTorch, in an environment of its own.
PYTHON ?= python3
ENGINE ?= tensorflow
TORCH_VENV ?= .venv-torch
ifeq ($(ENGINE),torch)
VENV ?= $(TORCH_VENV)
REQUIREMENTS = requirements-torch.txt
else
VENV ?= .venv
REQUIREMENTS = requirements.txt
endif
RUN = $(VENV)/bin/python
ARGS ?=
# Processes that share the tests, file by file, longest files first (tests/conftest.py); each takes up
# to 5 GB and, as there are several, one thread.
TEST_PROCESSES ?= 2
PYTEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 $(RUN) -m pytest \
	-n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

# What the suite needs on PyTorch, in the versions of requirements-dev.txt; and the tests of what
# differs between the engines. How runs end when they are killed or lose their streams does not.
TORCH_DEV = pytest pytest-xdist hypothesis scikit-image stlpips-pytorch
TORCH_TESTS = tests/phy tests/codec tests/sources tests/sweep tests/user_codec tests/perceptual \
	tests/linear $(filter-out $(TORCH_WITHOUT),$(wildcard tests/test_*.py))
TORCH_WITHOUT = tests/test_notebooks.py tests/test_interrupted_runs.py \
	tests/test_standard_streams.py

.PHONY: simulate test test-torch run-test-torch lint clean

simulate: $(VENV)/.runtime
	$(RUN) -m moclink.simulate --snr -5:30 --engine $(ENGINE) $(ARGS)

ifeq ($(ENGINE),torch)
test: run-test-torch
else
test: $(VENV)/.dev
	$(PYTEST) $(ARGS)
endif

test-torch:
	$(MAKE) ENGINE=torch VENV=$(TORCH_VENV) run-test-torch

run-test-torch: $(VENV)/.dev-torch
	MOCLINK_ENGINE=torch $(PYTEST) $(TORCH_TESTS) $(ARGS)

lint: $(VENV)/.dev
	$(RUN) -m ruff check moclink tests benchmarks notebooks examples
	$(RUN) -m mypy

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(REQUIREMENTS) setup.cfg | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check -r $(REQUIREMENTS)
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

$(VENV)/.dev-torch: requirements-dev.txt $(VENV)/.runtime
	$(RUN) -m pip install --quiet --disable-pip-version-check -c requirements-dev.txt $(TORCH_DEV)
	touch $@

clean:
	rm -rf $(VENV) $(TORCH_VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
