"""Pages of models that inherit: each shows, finds and writes the records of its own kind alone."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import URL, ForeignKey, String, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from test_history_pages import undo_button

from conftest import database_with_tables, site_on
from webadmin.database import db
from webadmin.resource import Resource


class Own(DeclarativeBase):
    pass


class Animal(Own):
    __tablename__ = "animal"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    kind: Mapped[str] = mapped_column(String(20))
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}  # noqa: RUF012


class Dog(Animal):  # in the same table
    __mapper_args__ = {"polymorphic_identity": "dog"}  # noqa: RUF012


class Cat(Animal):  # in a table of its own, whose key has another name
    __tablename__ = "cat"
    cat_id: Mapped[int] = mapped_column(ForeignKey("animal.id"), primary_key=True)
    lives: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "cat"}  # noqa: RUF012


SHOWN = {"list_display": ("id", "name"), "list_filter": ("name",), "search_fields": ("name",)}
DOGS = Resource(model=Dog, name="dog", **SHOWN)
CATS = Resource(model=Cat, **SHOWN)
# Of each kind the second and the fourth: what lies between them is of another kind.
ROWS = [(1, "animal"), (2, "dog"), (3, "cat"), (4, "dog"), (5, "cat"), (6, "animal")]


@pytest.fixture
def client(
    database_kind: str, tmp_path: Path, servers: dict[str, URL | str]
) -> Iterator[FlaskClient]:
    uri = database_with_tables(database_kind, tmp_path, servers, [__name__], Own.metadata)
    with site_on(uri, tmp_path, RESOURCES=[__name__], WTF_CSRF_ENABLED=False) as app:
        with app.app_context():
            for key, kind in ROWS:  # PostgreSQL counts on from keys that it gave itself
                values = {"name": f"{kind} {key}", "kind": kind}
                db.session.execute(insert(Animal.__table__).values(values))
            cats = [{"cat_id": key, "lives": 7} for key, kind in ROWS if kind == "cat"]
            db.session.execute(insert(Cat.__table__), cats)
            db.session.commit()
        yield app.test_client()


KINDS = [("dog", 2, 4), ("cat", 3, 5)]


@pytest.mark.parametrize(("kind", "first", "second"), KINDS)
def test_lists_and_records_are_of_one_kind(
    client: FlaskClient, kind: str, first: int, second: int
) -> None:
    for query in ("", "?sort=-id", "?sort=name", f"?q={kind}", f"?name__startswith={kind}"):
        page = client.get(f"/{kind}/{query}").text
        assert page.count('id="record-') == 2, query
        beside = client.get(f"/{kind}/{first}{query}").text
        assert f'href="/{kind}/{second}{query}"' in beside, query
        assert 'rel="prev"' in beside if query == "?sort=-id" else 'rel="next"' in beside
        assert ('rel="prev"' in beside) != ('rel="next"' in beside), query
    for other in (key for key, its in ROWS if its != kind):
        for path in ("", "/edit", "/delete", "?sort=name"):
            assert client.get(f"/{kind}/{other}{path}").status_code == 404, path
        assert client.post(f"/{kind}/{other}/delete").status_code == 404


@pytest.mark.parametrize(("kind", "first", "second"), KINDS)
def test_records_are_written_as_their_kind(
    client: FlaskClient, kind: str, first: int, second: int
) -> None:
    assert client.post(f"/{kind}/new", data={"name": "Rex"}).status_code == 303
    original = client.get(f"/{kind}/{first}/edit").text.partition('name="_original" value="')[2]
    changed = {"name": "Tom", "_original": original.partition('"')[0]}
    assert client.post(f"/{kind}/{first}/edit", data=changed).status_code == 303
    assert client.post(f"/{kind}/{second}/delete").status_code == 303
    with client.application.app_context():
        wanted = select(Animal.name).where(Animal.kind == kind).order_by(Animal.id)
        assert db.session.scalars(wanted).all() == ["Tom", "Rex"]
        assert len(db.session.scalars(select(Animal.id)).all()) == len(ROWS)
    export = client.get(f"/{kind}/export.csv").text.splitlines()
    assert len(export) == 3


@pytest.mark.parametrize(("kind", "first", "second"), KINDS)
def test_files_and_many_records_are_of_one_kind(
    client: FlaskClient, kind: str, first: int, second: int
) -> None:
    def names() -> list[str]:
        with client.application.app_context():
            found = select(Animal.name).where(Animal.kind == kind).order_by(Animal.id)
            return list(db.session.scalars(found))

    data = f"ID;Name\n{first};Changed\n1;Of another kind\n;Made\n".encode()
    page = client.post(f"/{kind}/import", data={"file": (io.BytesIO(data), "a.csv")}).location
    choices = {"_column_0": "id", "_column_1": "name", "mode": "both"}
    rehearsed = client.post(page, data={"_do": "rehearse", **choices}).text
    assert "Import all but the refused" in rehearsed
    done = client.post(page, data={"_do": "import", "partly": "true"}).text
    assert "The file was imported" in done, done
    assert names() == ["Changed", f"{kind} {second}", "Made"]
    every = {"every": "1", "number": "3", "set": "name", "name": "Same"}
    assert client.post(f"/{kind}/bulk/edit", data=every).status_code == 303
    assert names() == ["Same"] * 3
    undo = undo_button(client.get(f"/{kind}/").text)
    assert client.post("/history/undo", data=undo).status_code == 303
    assert names() == ["Changed", f"{kind} {second}", "Made"]
    chosen = {"key": [str(first), "1"], "number": "1"}
    assert client.post(f"/{kind}/bulk/delete", data=chosen).status_code == 303
    assert names() == [f"{kind} {second}", "Made"]
    client.post("/history/undo", data=undo_button(client.get(f"/{kind}/").text))
    assert names() == ["Changed", f"{kind} {second}", "Made"]
    with client.application.app_context():
        assert len(db.session.scalars(select(Animal.id)).all()) == len(ROWS) + 1
