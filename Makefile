# make test    one pass through every promise           make demo   a cluster, a job and its clean-up, on real data
# make lint    style, types and layers                 make docs   the users' pages, into site/
# make bench   how long things take here               make format what lint can mend by itself
#              (BENCH_ON=local: without a Kubernetes, which takes an hour)
# make test-all   every trial there is: hours; interrupted, the next one goes on where it was (FRESH=1: from the start)
#              ARGS="tests/core -k sizing" are pytest's, for both
# make testbed-up, make testbed-down   a Kubernetes that stays between runs of the tests; testbed-build only builds it
# PYTHON=... chooses the interpreter, VENV=... the environment's folder, ENGINE=flink the demo's engine.
PYTHON ?= python3
VENV ?= .venv
ENGINE ?= spark
ARGS ?=
FRESH ?=
BENCH_ON ?= local kubernetes
BENCHES_local := import_bench.py local_launch_bench.py registry_bench.py waits_bench.py "upkeep_bench.py --on memory"
BENCHES_kubernetes := kubernetes_launch_bench.py kubernetes_jobs_bench.py kubernetes_waits_bench.py \
	"upkeep_bench.py --on kubernetes"
BIN := $(VENV)/bin
ENVIRONMENT = $(PYTHON) tools/environment.py $(VENV)
# Hundreds of Python processes import Airflow here; each would compile it anew.
unexport PYTHONDONTWRITEBYTECODE

# Three processes on two processors: one waits for Kubernetes, one for Airflow, most of the time.
SPREAD := --numprocesses=3 --dist=loadgroup --no-loadscope-reorder

.PHONY: demo test test-all lint bench docs testbed-build testbed-up testbed-down format constraints clean

demo:
	@$(ENVIRONMENT)
	@$(BIN)/python -m demo $(ENGINE)

test:
	@$(ENVIRONMENT) test lint docs
	$(BIN)/python -m pytest $(or $(ARGS),$(SPREAD))

test-all:
	@$(ENVIRONMENT) test lint docs
	@$(if $(FRESH),rm -rf .test-all)
	DCLUSTER_TEST_ALL=true $(BIN)/python -m pytest $(or $(ARGS),$(SPREAD))

lint:
	@$(ENVIRONMENT) test lint docs
	@failed=0; \
	for check in "ruff check" "ruff format --check" mypy "lint-imports --no-cache"; do \
		echo "$$check"; $(BIN)/$$check || failed=1; \
	done; exit $$failed

bench:
	@$(ENVIRONMENT) test lint docs
	@for bench in $(foreach platform,$(BENCH_ON),$(BENCHES_$(platform))); do \
		echo "$$bench"; $(BIN)/python benchmarks/$$bench || exit 1; \
	done

docs:
	@$(ENVIRONMENT) test lint docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going docs site

testbed-build testbed-up testbed-down: testbed-%:
	@$(ENVIRONMENT) test lint docs
	@PYTHONPATH=tests $(BIN)/python -m testbed $*

format:
	@$(ENVIRONMENT) test lint docs
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# One file for every supported Python, each line with the versions it is for. For the trials of older Airflows: what there
# was in the week of its release, as in its own constraints (later releases of what it is made of break it), and the floors.
OLDER_AIRFLOW := 3.2.2
OLDER_AIRFLOW_WEEK := 2026-06-05
COMPILE = $(BIN)/uv pip compile - pyproject.toml --universal --python-version 3.10 --all-extras \
	--upgrade --no-annotate --no-header --quiet
constraints:
	@$(ENVIRONMENT) test lint docs
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.10 --all-extras \
		--group environment --group lint --group test --group docs \
		--upgrade --no-annotate --no-header --quiet --output-file constraints.txt
	echo 'apache-airflow==$(OLDER_AIRFLOW)' | $(COMPILE) --exclude-newer $(OLDER_AIRFLOW_WEEK) \
		--output-file tests/live/constraints-airflow-3.2.txt
	echo | $(COMPILE) --exclude-newer $(OLDER_AIRFLOW_WEEK) --resolution lowest-direct \
		--output-file tests/live/constraints-floors.txt

clean:
	rm -rf $(VENV) .demo .test-all site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
