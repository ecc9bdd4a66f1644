"""Listeners: what a developer's code hears of records that forms make, and what it may refuse."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import JSON, URL, String, event, inspect, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, mapped_column, validates

from conftest import database_with_tables, settings
from pages import hidden
from webadmin import create_app, history, listeners
from webadmin.database import db, writing
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


class Prefilled(Own):
    __tablename__ = "prefilled"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(50), default="Nobody")
    extra: Mapped[Any] = mapped_column(JSON(none_as_null=False), nullable=True)


class Coded(Own):
    __tablename__ = "coded"
    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    age: Mapped[int | None]


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
PREFILLED, CODED = Resource(model=Prefilled), Resource(model=Coded)


# What changes the age: SQLite's after RETURNING; PostgreSQL's writes into another table and returns
# nothing, as partitions were made once.
TRIGGERS = {
    "sqlite": [
        "CREATE TRIGGER older AFTER INSERT ON coded "
        "BEGIN UPDATE coded SET age = 7 WHERE name = new.name; END"
    ],
    "postgresql": [
        "CREATE TABLE part () INHERITS (coded)",
        "CREATE FUNCTION older() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO part VALUES (new.name, 7); RETURN NULL; END $$",
        "CREATE TRIGGER older BEFORE INSERT ON coded FOR EACH ROW EXECUTE FUNCTION older()",
    ],
    "mysql": ["CREATE TRIGGER older BEFORE INSERT ON coded FOR EACH ROW SET new.age = 7"],
}
TRIGGERS["mariadb"] = TRIGGERS["mysql"]


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
        return list(db.session.scalars(select(model.name).order_by(*inspect(model).primary_key)))


def shout(_mapper: object, _connection: object, record: Any) -> None:
    record.name = record.name.upper()


def shout_all(session: Any, *_: object) -> None:
    for record in session.new:
        record.name = record.name.upper()


def test_nobody_hears_of_a_plain_record(client: FlaskClient) -> None:
    """Else saving would take twice as long: the numbers in `listeners` are those of webadmin."""
    with client.application.app_context():
        for model in (User, Plain):
            mapper = inspect(model)
            assert not listeners.hear(mapper)
            for dispatch, own in (
                (mapper.dispatch, listeners._OF_MAPPER),
                (db.session().dispatch, listeners._OF_SESSION),
            ):
                assert {name: len(getattr(dispatch, name)) for name in own} == own
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


def test_what_was_prefilled_and_emptied_is_empty(client: FlaskClient) -> None:
    client.post("/prefilled/new", data={"name": "", "extra": ""})
    with listening(Prefilled, "before_insert", lambda *_: None):
        client.post("/prefilled/new", data={"name": "", "extra": ""})
    assert names(client, Prefilled) == [None, None]
    with client.application.app_context():
        assert db.session.scalar(text("SELECT COUNT(*) FROM prefilled WHERE extra IS NULL")) == 2


def test_who_listens_to_the_engine_hears_everything(client: FlaskClient) -> None:
    heard: list[str] = []

    def hear(_link: object, _cursor: object, sql: str, *_: object) -> None:
        heard.append(sql)

    with client.application.app_context():
        engine = db.engine
    with listening(engine, "after_cursor_execute", hear):
        client.post("/plain/new", data={"name": "Ada"})
    for table in ("plain", "webadmin_change"):
        assert any(sql.startswith(f"INSERT INTO {table} ") for sql in heard), heard


def test_a_trigger_may_change_or_move_what_is_saved(client: FlaskClient) -> None:
    with client.application.app_context(), writing():
        for sql in TRIGGERS[db.engine.dialect.name]:
            db.session.execute(text(sql))
        db.session.commit()
    answer = client.post("/coded/new", data={"name": "Ada", "age": "1"})
    assert answer.status_code == 303
    assert names(client, Coded) == ["Ada"]
    with client.application.app_context():
        after = db.session.scalars(select(Change.after)).one()
        assert json.loads(after or "") == {"name": "Ada", "age": 7}


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
