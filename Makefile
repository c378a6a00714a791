# The one task runner; `make` alone lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# A file of tests stays in one process: what it made once, an engine or a report, is not made twice.
SIDE_BY_SIDE := -n 2 --dist loadfile

# A test of the lab waits for engines most of its time: more files at once than processors.
LAB_WORKERS := 3
LAB_SIDE_BY_SIDE := -n $(LAB_WORKERS) --dist loadfile --no-loadscope-reorder

# Hundreds of processes are started: without compiled files each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

# Their recipes install; a change of what is to be installed makes them run again.
RUNTIME := $(VENV)/.runtime
TOOLS := $(VENV)/.tools
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

COVER :=
COVER_ALL := --cov --cov-report= --cov-fail-under=0

# What `make test` runs, in this order; `coverage` is that of `unit` and `lab`.
STAGES := lint unit fuzz versions docs-check site integrations packaging page lab coverage engines \
	mutants bench-quick
# With `make -k test` the stages after one that failed are run, too.
KEEP_GOING = $(if $(findstring k,$(firstword -$(MAKEFLAGS))),--keep-going)
# Side by side, and each to its end; the shortest are the first to speak, the longest begins early.
LINTERS := lint-format lint-style lint-pyright lint-mypy lint-imports lint-dead-code

UNIT := tests/unit tests/test_architecture.py
FACTS := tests/lab/test_link_semantics.py $(wildcard tests/lab/test_engine_facts*.py)
SITUATIONS := tests/lab/test_forty_situations.py tests/lab/test_causes.py
RECREATIONS := tests/lab/test_recreate.py tests/lab/test_run_words.py
SAME := 'not test_recreate.py or same_afterwards or changes_nothing_more or ports_hosts'
OTHER_ENGINES := engine-26.1 engine-28.5
stage = @printf '\n== %s\n' '$(1)'
# Without the flag a sub-make announces its directory each time.
at_once = @$(MAKE) --no-print-directory --jobs 2 --keep-going --output-sync=target

.PHONY: help demo check test docs pages machine clean bench $(STAGES) $(LINTERS) \
	$(OTHER_ENGINES)

help:
	@echo 'make demo       install into $(VENV) and report on two recorded hosts'
	@echo 'make check      lint and unit, side by side: what to run while you work'
	@echo 'make test       every check and every test, in this order, and how long each took;'
	@echo '                make -k test goes on after a stage that failed'
	@echo '  make lint       format, lint, complexity, types, import contracts, dead code'
	@echo '  make unit       the unit tests'
	@echo '  make fuzz       every reader of what others wrote, before much more of it'
	@echo '  make versions   can it be installed on each Python; the unit tests on every other one here, and'
	@echo '                  with the lowest versions'
	@echo '  make docs-check that docs/ is what `make docs` would write'
	@echo '  make site       the documentation as a web site, in build/site'
	@echo '  make integrations  what deploy/ holds, read by the programs that it is for'
	@echo '  make packaging  wheel, sdist and editable install, each in a clean environment'
	@echo '  make page       the HTML report and the picture in a browser (Chromium)'
	@echo '  make lab        the tests against real engines (root, and Docker installed)'
	@echo '  make coverage   how much of the code unit tests and lab ran, branches counted'
	@echo '  make engines    the facts of docs/engines.md on engines 26.1 and 28.5 (root, debootstrap);'
	@echo '                  make engine-28.5 on that one alone'
	@echo '  make mutants    changes the heart and three rules, and sees whether a test notices'
	@echo '  make bench-quick  the benchmarks in small: do they run, and is no rule quadratic?'
	@echo 'make bench      what it costs, against what one would use instead: ten minutes, alone'
	@echo 'make docs       write the generated pages and schemas of docs/'
	@echo 'make pages      type the commands of docs/ anew, on real engines (root, and Docker installed)'
	@echo 'make clean      remove what the above left behind'
	@echo 'PYTHON=python3.13 chooses the Python of $(VENV) (3.11 or newer).'

demo: $(RUNTIME)
	@$(BIN)/linkdoctor demo

check: $(TOOLS)
	$(at_once) $(LINTERS) unit

test: machine $(TOOLS)
	@rm -f .coverage .coverage.*
	@$(BIN)/python tests/stages.py $(KEEP_GOING) $(STAGES) COVER="$(COVER_ALL)" $(MAKEOVERRIDES)

lint: $(TOOLS)
	$(at_once) $(LINTERS)

lint-format: $(TOOLS)
	$(call stage,ruff format)
	@$(BIN)/ruff format --check

lint-style: $(TOOLS)
	$(call stage,ruff check)
	@$(BIN)/ruff check

lint-mypy: $(TOOLS)
	$(call stage,mypy --strict)
	@$(BIN)/mypy --strict

lint-pyright: $(TOOLS)
	$(call stage,pyright)
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python

lint-imports: $(TOOLS)
	$(call stage,import-linter)
	@$(BIN)/lint-imports --no-logo

lint-dead-code: $(TOOLS)
	$(call stage,dead code)
	@$(BIN)/vulture

unit: $(TOOLS)
	$(call stage,unit tests)
	@COVERAGE_FILE=.coverage.unit $(PYTEST) $(SIDE_BY_SIDE) $(COVER) $(UNIT)

# What is led by coverage needs a package that not every Python has.
fuzz: $(TOOLS)
	$(call stage,more examples)
	@LINKDOCTOR_FUZZ=15 $(PYTEST) -n 2 tests/unit/test_fuzz.py tests/unit/test_references.py \
		tests/unit/test_variable_reads.py tests/unit/test_log_complaints.py \
		tests/unit/test_redaction.py
	$(call stage,fuzzing led by coverage)
	@if $(INSTALL) --editable '.[fuzz]'; then $(BIN)/python -m tests.fuzz 4; else \
		echo 'left out: there is no atheris for this Python' >&2; fi

versions: $(TOOLS)
	$(call stage,pinned versions on the oldest Python and lower bounds on each: is there a wheel?)
	@$(BIN)/python -m tests.installable
	$(call stage,unit tests on every other Python)
	@$(BIN)/python tests/each_python.py $(SIDE_BY_SIDE) $(UNIT)
	$(call stage,unit tests with the lowest versions of all that is needed)
	@$(BIN)/python tests/lowest.py $(SIDE_BY_SIDE) tests/unit

docs: $(TOOLS)
	@$(BIN)/python docs/generate.py
	@$(BIN)/python docs/readme.py
	@$(BIN)/python docs/manpage.py
	@$(BIN)/python -m tests.lab.engines_table

# What only an engine can tell: the outputs in the tutorial and the runbooks, and who sees what.
pages: $(TOOLS)
	@$(BIN)/python -m tests.lab.pages
	@$(BIN)/python -m tests.lab.privileges

docs-check: $(TOOLS)
	$(call stage,generated documentation)
	@$(BIN)/python docs/generate.py --check
	@$(BIN)/python docs/readme.py --check
	@$(BIN)/python docs/manpage.py --check
	@$(BIN)/python -m tests.lab.engines_table --check

site: $(TOOLS)
	$(call stage,documentation site)
	@$(BIN)/python docs/site.py build/site

integrations: $(TOOLS)
	$(call stage,tests of deploy/)
	@$(PYTEST) tests/deploy

packaging: $(TOOLS)
	$(call stage,packaging tests)
	@$(PYTEST) tests/packaging

page: $(TOOLS)
	$(call stage,pages in a browser)
	@$(PYTEST) tests/page

lab: $(TOOLS)
	$(call stage,lab tests)
	@COVERAGE_FILE=.coverage.lab $(PYTEST) $(LAB_SIDE_BY_SIDE) $(COVER) tests/lab

# Of unit tests and lab together: much can only be reached with an engine.
coverage: $(TOOLS)
	$(call stage,coverage of src/ and rules/)
	@$(BIN)/coverage combine --quiet .coverage.*
	@$(BIN)/coverage report

mutants: $(TOOLS)
	$(call stage,changes that no test notices)
	@$(BIN)/python tests/mutation.py

# The machine's own engine runs the whole lab; the others, what linkdoctor knows of Docker.
engines: $(OTHER_ENGINES)

$(OTHER_ENGINES): engine-%: $(TOOLS)
	$(call stage,what is known of Docker on engine $*)
	@LINKDOCTOR_LAB_ENGINE=$* $(PYTEST) $(LAB_SIDE_BY_SIDE) -k $(SAME) $(FACTS) $(SITUATIONS) \
		$(RECREATIONS)

# On a machine that does nothing else; the real engine needs root and Docker.
bench: $(TOOLS)
	$(call stage,benchmarks)
	@$(BIN)/python -m benchmarks

bench-quick: $(TOOLS)
	$(call stage,benchmarks in small)
	@$(BIN)/python -m benchmarks --quick

clean:
	rm -rf .venv .venv-3.* build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache

# --- what must be installed -----------------------------------------------------------------------

# Nothing that is installed is to be started: the tests start what they need.
APT := DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 apt-get -qq
CAN_APT := [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null

# What the tests need, and the Debian packages that hold it. Only what is missing is installed: a
# Docker that came from elsewhere is left alone. What stays missing, the tests complain of.
PROGRAMS := dockerd:docker.io containerd:containerd iptables:iptables nft:nftables \
	busybox:busybox-static \
	ip:iproute2 ps:procps hostname:hostname nsenter:util-linux unshare:util-linux \
	openssl:openssl debootstrap:debootstrap chromium:chromium strace:strace setpriv:util-linux \
	promtool:prometheus nagios4:nagios4-core icinga2:icinga2-bin crontab:cron visudo:sudo \
	systemd-analyze:systemd man:man-db groff:groff-base

machine:
	@PATH="$$PATH:/usr/sbin:/sbin"; missing=''; \
	for each in $(PROGRAMS); do \
		command -v "$${each%%:*}" >/dev/null || missing="$$missing $${each#*:}"; \
	done; \
	: 'a library that the driver of the browser needs, and that a small Debian has not'; \
	ldconfig -p 2>/dev/null | grep -q 'libatomic\.so\.1' || missing="$$missing libatomic1"; \
	if [ -n "$$missing" ] && $(CAN_APT); then \
		echo "installing Debian packages:$$missing"; \
		$(APT) update && $(APT) install -y --no-install-recommends $$missing >/dev/null || \
			echo 'they could not be installed' >&2; \
	fi; \
	if ! command -v docker >/dev/null && $(CAN_APT); then \
		: 'from Debian 13 on the client is a package of its own'; \
		$(APT) install -y --no-install-recommends docker-cli >/dev/null || \
			echo 'the docker client could not be installed' >&2; \
	fi

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "linkdoctor needs Python 3.11 or newer, and $(PYTHON) is not: choose one, as in" \
			"'make PYTHON=python3.13'" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { $(CAN_APT) && \
		$(APT) update && $(APT) install -y --no-install-recommends python3-venv >/dev/null; } || { \
		echo "$(PYTHON) cannot make virtual environments: install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)

$(RUNTIME): pyproject.toml constraints.txt | $(BIN)/python
	@echo 'installing linkdoctor into $(VENV)'
	@$(INSTALL) --editable .
	@touch $@

$(TOOLS): pyproject.toml constraints.txt | $(BIN)/python
	@echo 'installing linkdoctor and what its tests need into $(VENV)'
	@$(INSTALL) --editable '.[test]'
	@touch $@ $(RUNTIME)
