"""Creating and deleting: what a page promises is what the database holds."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import lists
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_wtf import FlaskForm
from sqlalchemy import URL, ForeignKey, String, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from wtforms import BooleanField, SelectField, StringField

from conftest import database_with_tables, settings
from pages import add_people, hidden, stored
from webadmin import bulk, create_app, history, records, submissions
from webadmin.database import db, writing
from webadmin.resource import Resource
from webadmin.users import USERS


class Own(DeclarativeBase):
    pass


class Writer(Own):
    __tablename__ = "writer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    salary: Mapped[int | None]
    texts: Mapped[list["Writing"]] = relationship(back_populates="writer")
    notes: Mapped[list["Note"]] = relationship(cascade="all, delete-orphan")


class Writing(Own):
    __tablename__ = "writing"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50))
    kind: Mapped[str | None] = mapped_column(String(10))
    paid: Mapped[bool | None]
    writer_id: Mapped[int | None] = mapped_column(ForeignKey("writer.id"))
    writer: Mapped[Writer | None] = relationship(back_populates="texts")


class Note(Own):
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    writer_id: Mapped[int] = mapped_column(ForeignKey("writer.id"))


class WritingForm(FlaskForm):
    """A form of plain WTForms fields."""

    title = StringField("Title")
    kind = SelectField("Kind", choices=["prose", "verse"])
    paid = BooleanField("Paid")


WRITERS = Resource(model=Writer, list_display=("id", "name"), ordering=("salary",))
WRITINGS = Resource(model=Writing, form=WritingForm)


@pytest.fixture
def library(
    database_kind: str, tmp_path: Path, servers: dict[str, URL | str]
) -> Iterator[FlaskClient]:
    uri = database_with_tables(database_kind, tmp_path, servers, [__name__], Own.metadata)
    app = create_app(settings(uri, tmp_path) | {"RESOURCES": ["test_saving"]})
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context(), writing():
        writers = [Writer(name=f"W{i}", salary=5000 + i) for i in range(1, 61)]
        db.session.add_all(writers)
        db.session.flush()
        text = Writing(title="First", kind="verse", paid=True, writer_id=1)
        db.session.add_all([text, Note(writer_id=2)])
        db.session.commit()
    yield app.test_client()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def test_a_delete_that_would_empty_other_records_is_refused(library: FlaskClient) -> None:
    response = library.post("/writer/1/delete")
    assert response.status_code == 409
    assert "Other records refer to it" in response.text
    with library.application.app_context():
        assert db.session.scalars(select(Writing.writer_id)).all() == [1]


def test_a_delete_takes_along_what_the_model_says(library: FlaskClient) -> None:
    assert library.post("/writer/2/delete").status_code == 303
    with library.application.app_context():
        assert db.session.scalars(select(Note.id)).all() == []


def test_a_column_that_the_list_does_not_show_is_in_no_cursor(library: FlaskClient) -> None:
    import base64
    import re

    page = library.get("/writer/?size=25").text
    cursor = re.search(r"after=([\w-]+)", page)
    assert cursor
    assert b"50" not in base64.urlsafe_b64decode(cursor[1] + "==")
    second = library.get(f"/writer/?size=25&after={cursor[1]}").text
    assert ">W26<" in second
    assert ">W25<" not in second


def test_a_conflict_keeps_what_plain_fields_sent(library: FlaskClient) -> None:
    original = hidden(library.get("/writing/1/edit"), "_original")
    other = {"title": "Theirs", "kind": "verse", "paid": "y", "_original": original}
    assert library.post("/writing/1/edit", data=other).status_code == 303
    mine = {"title": "Mine", "kind": "prose", "_original": original}
    page = library.post("/writing/1/edit", data=mine)
    assert page.status_code == 409
    assert "Your other changes are saved" in page.text
    again = {name: hidden(page, name) for name in ("title", "kind", "_original", "_conflict")}
    assert 'name="paid"' not in page.text
    assert library.post("/writing/1/edit", data=again).status_code == 303
    with library.application.app_context():
        row = db.session.execute(select(Writing.title, Writing.kind, Writing.paid)).one()
        assert tuple(row) == ("Mine", "prose", False)


def test_a_form_saved_again_after_a_delete_creates_again(app: Flask, client: FlaskClient) -> None:
    data = {"name": "Bob", "_submission": hidden(client.get("/users/new"), "_submission")}
    client.post("/users/new", data=data)
    client.post("/users/1/delete")
    assert client.post("/users/new", data=data).status_code == 303
    assert [row[1] for row in stored(app)] == ["Bob"]
    assert client.post("/users/new", data=data).status_code == 303
    assert len(stored(app)) == 1


def test_a_record_without_a_name_has_a_link_with_words(app: Flask, client: FlaskClient) -> None:
    add_people(app, [(None, 1), ("", 2)])
    page = client.get("/users/").text
    assert '<a href="/users/1">User 1</a>' in page
    assert '<a href="/users/2">User 2</a>' in page


def test_search_takes_the_usual_spellings_as_equal(app: Flask, client: FlaskClient) -> None:
    add_people(app, [("Müller", 1), ("Åsa", 2)])
    assert "Müller" in client.get("/users/?q=MÜLLER").text
    assert "Åsa" in client.get("/users/?q=åsa").text


@pytest.fixture
def one_name(app: Flask) -> Iterator[None]:
    """Let no two users have the same name, for a while."""
    with app.app_context():
        on = " ON users" if db.engine.dialect.name in ("mysql", "mariadb") else ""
    run(app, "CREATE UNIQUE INDEX one_name ON users (name)")
    yield
    run(app, f"DROP INDEX one_name{on}")


def run(app: Flask, sql: str) -> None:
    with app.app_context(), writing():
        db.session.execute(text(sql))
        db.session.commit()


@pytest.mark.parametrize("unique", [False, True])
def test_of_one_form_sent_twice_at_the_same_time_the_second_is_told_the_key(
    app: Flask,
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    unique: bool,
) -> None:
    if unique:  # then the record itself is refused first
        request.getfixturevalue("one_name")
    data = {"name": "Bob", "_submission": hidden(client.get("/users/new"), "_submission")}
    assert client.post("/users/new", data=data).status_code == 303
    real, asked = submissions.find, []

    def late(identifier: str) -> submissions.Made | None:
        asked.append(identifier)
        return None if len(asked) == 1 else real(identifier)  # not yet, when it first looks

    monkeypatch.setattr(submissions, "find", late)
    answer = client.post("/users/new", data=data, follow_redirects=True)
    assert "was created already" in answer.text
    assert len(asked) == 2
    assert [row[1] for row in stored(app)] == ["Bob"]
    with app.app_context():
        assert db.session.scalars(select(history.Change.action)).all() == ["create"]


@pytest.mark.usefixtures("one_name")
def test_what_refuses_a_record_is_no_second_form(app: Flask, client: FlaskClient) -> None:
    add_people(app, [("Bob", 1)])
    token = hidden(client.get("/users/new"), "_submission")
    answer = client.post("/users/new", data={"name": "Bob", "_submission": token})
    assert answer.status_code == 422
    assert len(stored(app)) == 1
    answer = client.post("/users/new", data={"name": "Eve", "_submission": token})
    assert answer.status_code == 303


def test_a_form_saved_twice_again_after_a_delete_creates_once(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find what was deleted; the one that comes second does not take it from the first."""
    data = {"name": "Bob", "_submission": hidden(client.get("/users/new"), "_submission")}
    client.post("/users/new", data=data)
    client.post("/users/1/delete")
    real = submissions.find
    with app.app_context():
        found = real(only(db.session.scalars(select(history.Change.submission)).all()))
    client.post("/users/new", data=data)
    asked: list[str] = []

    def late(identifier: str) -> submissions.Made | None:
        asked.append(identifier)
        return found if len(asked) == 1 else real(identifier)

    monkeypatch.setattr(submissions, "find", late)
    monkeypatch.setattr(records, "exists", lambda *_: False)
    answer = client.post("/users/new", data=data, follow_redirects=True)
    assert "was created already" in answer.text
    assert [row[1] for row in stored(app)] == ["Bob"]


def only(found: Sequence[str | None]) -> str:
    [one] = filter(None, found)
    return one


def test_an_earlier_form_is_found_by_an_index(app: Flask) -> None:
    with app.app_context(), writing():
        bulk.insert(USERS, ({"name": f"N{i}"} for i in range(3000)))
        db.session.commit()
        name = db.engine.dialect.name
        table = " TABLE webadmin_change" if name in ("mysql", "mariadb") else " webadmin_change"
        db.session.execute(text(f"ANALYZE{table}"))
        db.session.commit()
        with lists.statements() as run:
            assert submissions.find("0" * 64) is None
        assert lists.records_read(*run[-1]) <= 1
