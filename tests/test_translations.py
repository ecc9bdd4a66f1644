"""Every text passes through gettext, German is complete, and the locale shapes the page."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient

from pages import add_people

ROOT = Path(__file__).parent.parent
GERMAN = ROOT / "webadmin" / "translations" / "de" / "LC_MESSAGES"


def in_source() -> set[object]:
    """Return the ids of the messages of all templates and modules."""
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    keywords = {"_": None, "gettext": None, "_l": None, "lazy_gettext": None, "noop": None}
    keywords |= {"ngettext": (1, 2)}
    found: set[object] = set()
    for folder in ("webadmin", "templates"):
        methods = [(m["pattern"], m["method"]) for m in mappings if m["pattern"].startswith(folder)]
        options = {pattern: {"trimmed": "true"} for pattern, _ in methods}
        methods = [(pattern.removeprefix(f"{folder}/"), method) for pattern, method in methods]
        options = {pattern.removeprefix(f"{folder}/"): value for pattern, value in options.items()}
        for _, _, message, _, _ in extract_from_dir(
            ROOT / folder, method_map=methods, options_map=options, keywords=keywords
        ):
            found.add(message)
    return found


def german() -> Catalog:
    with (GERMAN / "messages.po").open("rb") as file:
        return read_po(file, locale="de")


def texts(catalogue: Catalog) -> dict[object, object]:
    """Return the messages of a catalogue by id; those with plurals as tuples."""
    return {
        tuple(m.id) if isinstance(m.id, list) else m.id: (
            tuple(m.string) if isinstance(m.string, list) else m.string
        )
        for m in catalogue
        if m.id
    }


def test_german_is_complete() -> None:
    have = {message.id: message.string for message in german() if message.id}
    assert in_source() - set(have) == set(), "run: make messages"
    assert set(have) - in_source() == set(), "run: make messages"
    empty = [
        key for key, text in have.items() if not all([text] if isinstance(text, str) else text)
    ]
    assert empty == []
    assert [message.id for message in german() if message.fuzzy] == []


def test_placeholders_are_kept() -> None:
    for message in german():
        if message.id:
            ids = message.id if isinstance(message.id, tuple) else (message.id,)
            texts = message.string if isinstance(message.string, tuple) else (message.string,)
            names = set(re.findall(r"%\(\w+\)s", ids[-1]))
            assert all(set(re.findall(r"%\(\w+\)s", text)) == names for text in texts), ids


def test_the_compiled_catalogue_is_up_to_date() -> None:
    with (GERMAN / "messages.mo").open("rb") as file:
        compiled = texts(read_mo(file))
    assert compiled == texts(german())


SHOWN = {"flash", "ValueError", "ValidationError", "StopValidation", "ListError", "Explanation"}
# Raised for code, not for people: caught, and answered in words of their own.
FOR_CODE = {"values", "cursors", "keyset", "keys", "config", "settings"}


@pytest.mark.parametrize(
    "path",
    [p for p in (ROOT / "webadmin").glob("*.py") if p.stem not in FOR_CODE],
    ids=lambda path: path.stem,
)
def test_texts_for_people_are_never_bare(path: Path) -> None:
    """A literal with a space in it, given to what people are shown, was forgotten."""
    bare = [
        f"{path.name}:{argument.lineno}: {argument.value!r}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in SHOWN
        for argument in node.args
        if isinstance(argument, ast.Constant)
        and isinstance(argument.value, str)
        and " " in argument.value
    ]
    assert bare == []


def test_the_browser_chooses_the_language(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    page = client.get("/users/", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}).text
    assert '<html lang="de" dir="ltr"' in page
    assert "Personen" in page
    assert "Suchen" in page
    wrong = client.post("/users/new", data={}, headers={"Accept-Language": "de"}).text
    assert "Füllen Sie dieses Feld aus." in wrong
    assert '<html lang="en"' in client.get("/", headers={"Accept-Language": "ja"}).text


def test_a_setting_chooses_for_everybody(app: Flask, client: FlaskClient) -> None:
    app.config["LANGUAGE"] = "de"
    assert '<html lang="de"' in client.get("/", headers={"Accept-Language": "en"}).text


def test_numbers_follow_the_locale(app: Flask, client: FlaskClient) -> None:
    add_people(app, [(f"Name {i}", i % 90) for i in range(1234)])
    assert "1,234" in client.get("/users/").text
    assert "1.234" in client.get("/users/", headers={"Accept-Language": "de"}).text


def test_make_messages_changes_nothing(tmp_path: Path) -> None:
    """The template of the catalogues, too, is what the source says."""
    target = tmp_path / "messages.pot"
    command = ["extract", "-F", "pyproject.toml", "-k", "_l", "-k", "lazy_gettext", "-k", "noop"]
    command += ["--no-location"]
    subprocess.run(
        [sys.executable, "-m", "babel.messages.frontend", "-q", *command, "-o", target, "."],
        cwd=ROOT,
        check=True,
    )
    with target.open("rb") as fresh, (GERMAN.parents[1] / "messages.pot").open("rb") as kept:
        assert {m.id for m in read_po(fresh)} == {m.id for m in read_po(kept)}
