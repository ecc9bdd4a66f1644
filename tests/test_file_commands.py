"""The commands that import and export: the pages' code, and exit statuses that scripts can use."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from conftest import database_with_tables, settings
from pages import add_people, stored
from webadmin import create_app
from webadmin.cli import main


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return create_app(settings(database_with_tables("sqlite", tmp_path, {}), tmp_path))


def call(app: Flask, *arguments: str, data: str | bytes = b"") -> Result:
    uri = str(app.config["DATABASE_URI"])
    return CliRunner().invoke(main, ["--database", uri, *arguments], input=data)


GOOD, BAD = "id,name,age\n,Ada,36\n,Zoë,\n", "name,age,note\nAda,36,x\nWrong,old,y\n"


def test_a_file_is_imported(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(GOOD, "utf-8")
    result = call(app, "import", "users", str(tmp_path / "good.csv"), "--dry-run")
    assert (result.exit_code, stored(app)) == (0, [])
    assert "2 new, 0 changed, 0 unchanged, 0 refused.\nThis was a rehearsal" in result.output
    result = call(app, "import", "users", "-", data=GOOD)
    assert result.exit_code == 0
    assert stored(app) == [(1, "Ada", 36), (2, "Zoë", None)]


def test_refused_lines(app: Flask, tmp_path: Path) -> None:
    result = call(app, "import", "users", "-", data=BAD)
    assert (result.exit_code, stored(app)) == (1, [])
    assert "Line 3, Age 'old': Write a whole number" in result.output
    assert "Left out, since no field is called so: note." in result.output
    assert "Nothing was imported. Mend the refused lines, or use --partly." in result.output
    refused = tmp_path / "refused.csv"
    result = call(app, "import", "users", "-", "--partly", "--refused", str(refused), data=BAD)
    assert (result.exit_code, stored(app)) == (3, [(1, "Ada", 36)])
    assert "Wrong,old,y" in refused.read_text("utf-8")
    assert call(app, "import", "users", "-", "--dry-run", data=BAD).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import", "userz", "-"), "There is no resource 'userz'. There are: users"),
        (("import", "users", "-", "--mode", "update"), "the file must have their key: ID."),
        (("export", "userz"), "There is no resource 'userz'."),
        (("export", "users", "--filter", "age"), "Write a filter as NAME=VALUE"),
        (("export", "users", "--filter", "nothing=1"), "“nothing” is wrong. It is unknown."),
        (("export", "users", "--columns", "nothing"), "“columns” is wrong. It is unknown."),
        (("export", "users", "-o", "/no/folder/users.csv"), "cannot be written: No such file"),
        (("export", "users", "-o", "users.pdf"), "The format of users.pdf is unknown."),
    ],
)
def test_what_is_wrong_is_one_line(app: Flask, arguments: tuple[str, ...], message: str) -> None:
    result = call(app, *arguments, data="name\nx\n")
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def test_an_empty_file(app: Flask) -> None:
    result = call(app, "import", "users", "-", data="")
    assert result.exit_code == 1
    assert "The file is empty." in result.output


def test_export_to_standard_output_has_no_mark(app: Flask) -> None:
    add_people(app)
    result = call(app, "export", "users", "--search", "ada", "--columns", "name,age")
    assert result.exit_code == 0
    assert result.stdout_bytes == b"name,age\r\nAda Lovelace,36\r\n"
    result = call(app, "export", "users", "--format", "jsonl", "--sort", "-age")
    assert result.stdout.splitlines()[0] == '{"id": 4, "name": "鈴木", "age": 150}'
