.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

# torch first, in the build that pip's index offers, with CUDA or without: the lock has the sums of PyPI's builds alone.
$(VENV)/installed: requirements-demo.txt requirements.txt requirements-dev.txt requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=26.1'
	$(BIN)/pip install --quiet --no-deps "$$(grep -o '^torch[^ ]*' requirements-demo.txt)"
	$(BIN)/pip install --quiet -r requirements-dev.txt -c requirements.lock
	touch $@

install: $(VENV)/installed ## set up .venv (the other targets do it when needed)

train: install ## train on synthetic poses from their 2D poses alone: 5 minutes on 2 cores
	$(BIN)/python main.py --gpus 0 --train_data synthetic --val_data synthetic --width 256 --max_epochs 80

synthetic: install ## the same with supervision by synthetic poses
	$(BIN)/python main.py --gpus 0 --recipe synthetic --train_data synthetic --val_data synthetic --width 256 --max_epochs 80

demo: install ## lift test/input_sample.png into demo_out/
	PYTHON=$(BIN)/python bash download_2d_pose_estimator.sh blazepose
	$(BIN)/python demo.py

web: install ## prepare the page in web/ and serve it at http://127.0.0.1:8000
	PYTHON=$(BIN)/python bash download_2d_pose_estimator.sh blazepose
	$(BIN)/python web/prepare.py
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory web 8000

test: install ## lint, check types and run all tests but the slow ones and those in a browser: 2 minutes on 2 cores
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow and not browser"

test-slow: install ## run the tests that start whole runs, kill them, and train in two processes: 1 minute
	$(BIN)/pytest -n 2 --dist worksteal -m slow

test-browser: install ## run the tests that open the pages in Chromium: 1 minute; `make web` prepares them
	$(BIN)/pytest -n 2 --dist worksteal -m browser

fuzz: install ## try a hundred times as many bad inputs as the tests do, others each time: about 5 minutes
	FUZZ=100 $(BIN)/pytest -n 2 test/test_fuzz.py

bench: install ## measure speed, as ratios side by side: about 10 minutes
	$(BIN)/python test/tools/benchmark.py

ablation: install ## train the default recipe with one change at a time: hours; stop it, and it goes on next time
	$(BIN)/python test/tools/ablation.py

curves: install ## draw the runs in lightning_logs/ into curves/curves.png
	$(BIN)/python test/tools/curves.py lightning_logs/version_*

lock: install ## make requirements.lock anew: versions that need not change stay; none is younger than a week
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.10 --generate-hashes --no-annotate \
		--exclude-newer "1 week" --custom-compile-command "make lock" requirements-dev.txt -o requirements.lock

clean: ## remove .venv and caches; logs and checkpoints stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache

.PHONY: help install train synthetic demo web test test-slow test-browser fuzz bench ablation curves lock clean
