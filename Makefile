# Everything runs in .venv, made here from pins with a Python 3.12 found on this machine. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
PYTHON := $(VENV)/bin/python
RUN := PYTHONPATH=lambda:. $(PYTHON)
INSTALL := bundling/install.sh $(PYTHON)
# Hundreds of processes import the same modules, which are compiled once, also where the environment says otherwise.
export PYTHONDONTWRITEBYTECODE :=
# Two more than two cores have work for: whoever applies Terraform, or is given a seventh of a processor, mostly waits, and
# the others wait now and then.
WORKERS ?= 4

.PHONY: help demo test browser lint style types unit faults bench cost build doctor rotate-odoo-key checkov lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(VENV)/demo  ## run the whole pipeline on this machine, or try it with your own Odoo (ODOO_…, BOOKS, MAPPING)
	@$(RUN) -m local.demo

# The types are checked beside the tests, which often wait. What is wrong with them is said at once, and fails the whole.
test: $(VENV)/test browser style  ## everything that must hold: style, types, tests, Terraform
	@$(MAKE) --no-print-directory types & types=$$!; \
	$(MAKE) --no-print-directory unit; tests=$$?; \
	wait $$types || { echo "The types are wrong: make types says where."; exit 1; }; exit $$tests

browser:
	@tests/install_browser.sh

lint: style types

style: $(VENV)/test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .

types: $(VENV)/test
	$(VENV)/bin/mypy

unit: $(VENV)/test
	$(PYTHON) -m pytest -n $(WORKERS) --dist worksteal

faults: $(VENV)/demo  ## break everything on purpose, RUNS=300 times, and compare the books
	@$(RUN) -W ignore -m local.simulation --runs $(or $(RUNS),300) --seed $(or $(SEED),1)

bench: $(VENV)/test build  ## one table: speed, calls, cold start, sizes, faults, memory
	@$(RUN) -m local.bench

cost: $(VENV)/test  ## what AWS charges for a month, and for a thousand documents
	@$(RUN) -W ignore -m local.cost

build:  ## the zips of the functions
	./build.sh

doctor: $(VENV)/operate  ## look at a deployed pipeline (ENVIRONMENT=prod) and name what is wrong
	@$(RUN) -m operate doctor --env "$(or $(ENVIRONMENT),prod)"

rotate-odoo-key: $(VENV)/operate  ## another API key in the Odoo secret (ENVIRONMENT=prod), the former one revoked
	@$(RUN) -m operate.rotate_odoo_key

checkov: .venv-checkov/done  ## security rules over the Terraform
	.venv-checkov/bin/checkov -d . --framework terraform --skip-download --quiet --compact

lock:  ## pin the requirements again
	for room in bundling lambda operate local tests; do \
	  $(VENV)/bin/uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --universal \
	    --python-version 3.12 $$room/requirements.in -o $$room/requirements.txt; done
	$(VENV)/bin/uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --universal \
	  --python-version 3.12 tests/checkov-requirements.in -o tests/checkov-requirements.txt

clean:  ## remove what was built
	rm -rf build lambda/*.zip lambda/*.cdx.json .venv .venv-checkov .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(PYTHON):
	@python="$$(bundling/find_python.sh)" && "$$python" -m venv $(VENV)

$(VENV)/demo: $(PYTHON) local/requirements.txt
	@echo "Installing what the demo needs into $(VENV) ..."
	@$(INSTALL) local/requirements.txt
	@touch $@

$(VENV)/operate: $(PYTHON) operate/requirements.txt
	@echo "Installing what operating a deployment needs into $(VENV) ..."
	@$(INSTALL) operate/requirements.txt
	@touch $@

$(VENV)/test: $(PYTHON) tests/requirements.txt
	@echo "Installing what the tests need into $(VENV) ..."
	@$(INSTALL) tests/requirements.txt
	@touch $@ $(VENV)/demo $(VENV)/operate

.venv-checkov/done: $(PYTHON) tests/checkov-requirements.txt
	@$(PYTHON) -m venv .venv-checkov
	@bundling/install.sh .venv-checkov/bin/python tests/checkov-requirements.txt
	@touch $@
