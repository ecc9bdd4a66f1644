"""Pages of models that inherit: each shows, finds and writes the records of its own kind alone."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import URL, Column, ForeignKey, String, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column
from test_history_pages import undo_button

from conftest import database_with_tables, site_on
from webadmin import indexes, search_indexes
from webadmin.database import db
from webadmin.index_commands import lines
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


class Visit(Own):
    __tablename__ = "visit"
    id: Mapped[int] = mapped_column(primary_key=True)
    animal_id: Mapped[int] = mapped_column(ForeignKey("animal.id"))


class Fish(Animal):  # whose table says its kind as well
    __tablename__ = "fish"
    id: Mapped[int] = mapped_column(ForeignKey("animal.id"), primary_key=True)
    kind: Mapped[str] = column_property(Column(String(20)), Animal.__table__.c.kind)
    __mapper_args__ = {"polymorphic_identity": "fish"}  # noqa: RUF012


SHOWN = {"list_display": ("id", "name"), "list_filter": ("name",), "search_fields": ("name",)}
DOGS = Resource(model=Dog, name="dog", **SHOWN)
CATS = Resource(model=Cat, list_display=("id", "name"), list_filter=("name", "lives"))
ANIMALS = Resource(model=Animal, list_display=("kind", "name"))
VISITS = Resource(model=Visit)
FISHES = Resource(model=Fish)
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


def test_what_kind_a_record_is_is_set(client: FlaskClient) -> None:
    for path in ("/animal/new", "/animal/2/edit", "/dog/new", "/cat/3/edit"):
        form = client.get(path)
        assert form.status_code == 200
        assert 'name="kind"' not in form.text
    assert client.post("/animal/new", data={"name": "Any"}).status_code == 303
    with client.application.app_context():
        assert db.session.scalar(select(Animal.kind).where(Animal.name == "Any")) == "animal"


def test_a_record_is_called_by_its_name_and_no_link_to_itself(client: FlaskClient) -> None:
    for path, name in (("/animal/2", "dog 2"), ("/cat/3", "cat 3")):
        assert f"<h1><bdi>{name}</bdi></h1>" in client.get(path).text
    assert 'href="/animal/3"' not in client.get("/cat/3").text
    assert 'href="/animal/3"' not in client.get("/cat/").text


def test_no_index_for_searches_is_made(client: FlaskClient) -> None:
    with client.application.app_context():
        for resource in (DOGS, CATS):
            assert search_indexes.wanted(resource) is None
            assert "none is made for a model that inherits" in "\n".join(lines(resource))
        made = [need.columns for need in indexes.needs(CATS) if need.missing]
        assert made == [("lives",)]
    assert client.post("/cat/new", data={"name": "Tom"}).status_code == 303
    assert client.get("/cat/?q=om").text.count('id="record-') == 1


def test_references_are_to_all_records_of_a_table(client: FlaskClient) -> None:
    form = client.get("/visit/new").text
    assert [f'value="{key}"' in form for key, _ in ROWS] == [True] * len(ROWS)
    assert client.post("/visit/new", data={"animal_id": "1"}).status_code == 303


def test_a_kind_that_stands_in_both_tables_is_set_in_both(client: FlaskClient) -> None:
    assert client.post("/fish/new", data={"name": "Nemo"}).status_code == 303
    with client.application.app_context():
        tables = (Fish.__table__, Animal.__table__)
        kinds = [db.session.execute(select(each.c.kind).order_by(each.c.id)) for each in tables]
        assert [found.scalars().all()[-1] for found in kinds] == ["fish", "fish"]
