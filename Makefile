BIN := .venv/bin

.PHONY: run test lint format messages

run: $(BIN)/webadmin
	$(BIN)/webadmin run

test: $(BIN)/pytest
	$(BIN)/pytest

lint: $(BIN)/ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit -q -c pyproject.toml -r webadmin

format: $(BIN)/ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: $(BIN)/webadmin
	$(BIN)/pybabel extract -F pyproject.toml -k _l -k lazy_gettext -k noop --no-location \
		--project webadmin --copyright-holder "the webadmin authors" -o webadmin/translations/messages.pot .
	$(BIN)/pybabel update -i webadmin/translations/messages.pot -d webadmin/translations --no-fuzzy-matching --ignore-obsolete
	$(BIN)/pybabel compile -d webadmin/translations

$(BIN)/python:
	python3 -m venv .venv

$(BIN)/webadmin: $(BIN)/python
	$(BIN)/pip install -e .

$(BIN)/pytest: $(BIN)/python
	$(BIN)/pip install -e '.[test]'

$(BIN)/ruff: $(BIN)/python
	$(BIN)/pip install -e '.[test,lint]'
