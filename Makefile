.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(VENV)/installed: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -r requirements-dev.txt
	touch $@

install: $(VENV)/installed ## set up .venv (done by the other targets when needed)

train: install ## train on generated people from their 2D poses alone: 5 minutes on 2 cores
	$(BIN)/python main.py --gpus 0 --train_data synthetic --val_data synthetic --width 256 --max_epochs 60

teacher: install ## train on generated people with supervision: 5 minutes on 2 cores
	$(BIN)/python main.py --gpus 0 --recipe teacher --train_data synthetic --val_data synthetic --width 256 --max_epochs 60

test: install ## lint, then run all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest -n 2

clean: ## remove .venv and caches; logs and checkpoints stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis

.PHONY: help install train teacher test clean
