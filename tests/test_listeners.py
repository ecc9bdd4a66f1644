"""Listeners: what a developer's code hears of records that forms make, and what it may refuse."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import URL, String, event, inspect, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, mapped_column, validates

from conftest import database_with_tables, settings
from pages import hidden
from webadmin import create_app, history, listeners
from webadmin.database import db
from webadmin.history import Change
from webadmin.resource import Resource
from webadmin.users import User


class Own(DeclarativeBase):
    pass


class Plain(Own):
    __tablename__ = "plain"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    day: Mapped[date | None]


class Checked(Own):
    __tablename__ = "checked"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))

    @validates("name")
    def _check(self, _column: str, value: str) -> str:
        if value == "silent":
            raise ValueError
        if not value.isalpha():
            raise ValueError("Letters only.")
        return value.title()


class Stubborn(Own):
    __tablename__ = "stubborn"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value.upper() if name == "name" else value)


class Numbered(Own):
    __tablename__ = "numbered"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    code: Mapped[str] = mapped_column(String(50), default=lambda: "made")


class Versioned(Own):
    __tablename__ = "versioned"
    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()
    name: Mapped[str] = mapped_column(String(50), server_default="Nobody")
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's


class Ready(Own):
    __tablename__ = "ready"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), server_default="Nobody")


PLAIN, CHECKED = Resource(model=Plain), Resource(model=Checked)
STUBBORN, NUMBERED = Resource(model=Stubborn), Resource(model=Numbered)
VERSIONED, READY = Resource(model=Versioned), Resource(model=Ready)


@pytest.fixture
def client(
    database_kind: str, tmp_path: Path, servers: dict[str, URL | str]
) -> Iterator[FlaskClient]:
    uri = database_with_tables(database_kind, tmp_path, servers, [__name__], Own.metadata)
    app = create_app(settings(uri, tmp_path) | {"RESOURCES": ["test_listeners"]})
    app.config["WTF_CSRF_ENABLED"] = False
    yield app.test_client()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@contextmanager
def listening(target: Any, name: str, hear: Callable[..., Any]) -> Iterator[None]:
    event.listen(target, name, hear)
    yield
    event.remove(target, name, hear)


def names(client: FlaskClient, model: type[Any]) -> list[str]:
    with client.application.app_context():
        return list(db.session.scalars(select(model.name).order_by(model.id)))


def shout(_mapper: object, _connection: object, record: Any) -> None:
    record.name = record.name.upper()


def shout_all(session: Any, *_: object) -> None:
    for record in session.new:
        record.name = record.name.upper()


def test_nobody_hears_of_a_plain_record(client: FlaskClient) -> None:
    """Else saving would take twice as long: the numbers in `listeners` are those of webadmin."""
    with client.application.app_context():
        for model in (User, Plain):
            assert not listeners.hear(inspect(model))
        for model in (Checked, Stubborn):
            assert listeners.hear(inspect(model))


@pytest.mark.parametrize(
    ("target", "name", "hear"),
    [
        (Plain, "before_insert", shout),
        (Mapper, "before_insert", shout),
        (db.session, "before_flush", shout_all),
        (Plain.name, "set", lambda _record, value, *_: value.upper()),
    ],
)
def test_who_listens_hears_of_what_a_form_makes(
    client: FlaskClient, target: Any, name: str, hear: Any
) -> None:
    assert client.post("/plain/new", data={"name": "Ada"}).status_code == 303
    options = {"retval": True} if name == "set" else {}
    event.listen(target, name, hear, **options)
    try:
        assert client.post("/plain/new", data={"name": "Bob"}).status_code == 303
    finally:
        event.remove(target, name, hear)
    assert names(client, Plain) == ["Ada", "BOB"]
    with client.application.app_context():
        images = db.session.scalars(select(Change.after).order_by(Change.id)).all()
        assert ['"name":"Ada"' in images[0], '"name":"BOB"' in images[1]] == [True, True]


def test_after_an_insert_too(client: FlaskClient) -> None:
    heard = []
    with listening(Plain, "after_insert", lambda *arguments: heard.append(arguments[2].name)):
        client.post("/plain/new", data={"name": "Ada"})
    assert heard == ["Ada"]


def test_what_a_model_does_itself_is_done(client: FlaskClient) -> None:
    client.post("/stubborn/new", data={"name": "Ada"})
    assert names(client, Stubborn) == ["ADA"]
    client.post("/numbered/new", data={"name": "Ada"})
    client.post("/versioned/new", data={"name": "Ada", "version": "7"})
    assert client.post("/ready/new", data={"name": ""}).status_code == 303
    assert names(client, Ready) == ["Nobody"]
    with client.application.app_context():
        assert db.session.scalars(select(Numbered.code)).all() == ["made"]
        assert db.session.scalars(select(Versioned.version)).all() == [1]


@pytest.mark.parametrize("given", ["4", "silent"])
def test_a_validator_refuses_at_its_field(client: FlaskClient, given: str) -> None:
    client.post("/checked/new", data={"name": "ada"})
    assert names(client, Checked) == ["Ada"]
    message = {"4": "Letters only.", "silent": "The database does not allow this value."}[given]
    original = hidden(client.get("/checked/1/edit"), "_original")
    for path, more in (("new", {}), ("1/edit", {"_original": original})):
        answer = client.post(f"/checked/{path}", data={"name": given, **more})
        assert answer.status_code == 422
        assert f'<ul class="errors" id="error-name"><li>{message}</li></ul>' in answer.text
        assert f'value="{given}"' in answer.text
    assert names(client, Checked) == ["Ada"]


def test_a_form_sent_twice_makes_one_object(client: FlaskClient) -> None:
    data = {"name": "ada", "_submission": "one"}
    for words in ("was created.", "was created already"):
        answer = client.post("/checked/new", data=data, follow_redirects=True)
        assert words in answer.text
    assert names(client, Checked) == ["Ada"]
    client.post("/checked/1/delete")
    client.post("/checked/new", data=data)
    assert names(client, Checked) == ["Ada"]
    with client.application.app_context():
        sent = db.session.scalars(select(Change.submission).order_by(Change.id)).all()
        assert [each is not None for each in sent] == [False, False, True]
        assert db.session.scalars(select(Change.action).order_by(Change.id)).all() == [
            history.CREATE,
            history.DELETE,
            history.CREATE,
        ]
