"""Resources of other modules: found, or refused in plain words."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from webadmin import create_app
from webadmin.config import ConfigError

MODEL = """
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
    class Base(DeclarativeBase): pass
    class Thing(Base):
        __tablename__ = "things"
        id: Mapped[int] = mapped_column(primary_key=True)
        label: Mapped[str]
"""
THREE_LINES = """
    from {model} import Thing
    from webadmin.resource import Resource
    THINGS = Resource(model=Thing)
"""
Write = Callable[..., None]
Site = Callable[..., Flask]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write modules that can be imported in this test only."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**modules: str) -> None:
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))

    return write


@pytest.fixture
def make(tmp_path: Path) -> Site:
    def make(**given: Any) -> Flask:
        return create_app({"SECRET_KEY": "x", "INSTANCE_PATH": str(tmp_path)} | given)

    return make


def names(app: Flask) -> list[str]:
    """Return the resources in their order; the accounts are always the last."""
    *found, last = app.extensions["webadmin"]
    assert last == "accounts"
    return found


def test_three_lines_make_a_resource(write: Write, make: Site) -> None:
    write(reg_model1=MODEL, reg_admin1=THREE_LINES.format(model="reg_model1"))
    app = make(RESOURCES=["reg_admin1"])
    assert names(app) == ["users", "things"]
    assert {"things.index", "things.new", "things.edit"} <= set(app.view_functions)
    things = app.extensions["webadmin"]["things"]
    assert (things.form, things.list_display, things.labels) == (
        None, ("id", "label"), ("Thing", "Things"),
    )  # fmt: skip


def test_the_setting_is_read_from_the_environment(
    write: Write, make: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(reg_model2=MODEL, reg_admin2=THREE_LINES.format(model="reg_model2"))
    monkeypatch.setenv("WEBADMIN_RESOURCES", " reg_admin2 ,reg_admin2, ")
    assert names(make()) == ["users", "things"]


def test_one_name_needs_no_list(write: Write, make: Site) -> None:
    write(reg_model3=MODEL, reg_admin3=THREE_LINES.format(model="reg_model3"))
    assert names(make(RESOURCES="reg_admin3")) == ["users", "things"]


def test_a_resource_that_is_imported_twice_is_one(write: Write, make: Site) -> None:
    write(
        reg_model4=MODEL,
        reg_admin4=THREE_LINES.format(model="reg_model4"),
        reg_more4="from reg_admin4 import THINGS\nfrom webadmin.users import USERS\nAGAIN = THINGS",
    )
    assert names(make(RESOURCES=["reg_admin4", "reg_more4"])) == ["users", "things"]


@pytest.mark.parametrize(
    ("setting", "source", "said"),
    [
        ("reg_absent", "", ["reg_absent", "there is no module reg_absent", "PYTHONPATH"]),
        ("reg_bad.admin", "x = 1", ["reg_bad.admin", "no module reg_bad.admin"]),
        ("reg_bad", "import reg_unknown", ["reg_bad", "no module reg_unknown"]),
        ("reg_bad", "x = 1", ["reg_bad", "no Resource(...) is defined there"]),
        ("reg_bad", "def x(:", ["reg_bad", "cannot be imported", "SyntaxError", "line 1"]),
        ("reg_bad", "\n1 / 0", ["reg_bad", "ZeroDivisionError", "line 2"]),
        ("reg_bad", "from reg_model import Nothing", ["reg_bad", "Nothing", "line 1"]),
        (
            "reg_bad",
            "from reg_model import Thing\nfrom webadmin.resource import Resource\n"
            "X = Resource(model=Thing, ordering=('lable',))",
            ["reg_bad", "ordering", "'lable'", "'label'"],
        ),
        (
            "reg_bad",
            "from reg_model import Thing\nfrom webadmin.resource import Resource\n"
            "X = Resource(model=Thing, name='users')",
            ["Two resources are named 'users'", "name="],
        ),
        (".relative", "", [".relative", "cannot be imported"]),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(
    write: Write,
    make: Site,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    source: str,
    said: list[str],
) -> None:
    for name in ("reg_bad", "reg_model"):
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    write(reg_model=MODEL, reg_bad=source)
    with pytest.raises(ConfigError) as caught:
        make(RESOURCES=[setting])
    message = str(caught.value)
    assert [each for each in said if each not in message] == []
    assert message.endswith(".")
    assert "\n" not in message
