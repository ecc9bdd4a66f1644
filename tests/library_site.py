"""A site with the library's resources on each database: made once for a module of tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import URL, delete, insert, select, text

from conftest import database_with_tables, site_on
from library import Author, Base, Book, Shelf
from webadmin.database import db, writing


@dataclass
class Site:
    """The site, a browser without JavaScript, and direct access to the tables."""

    kind: str
    app: Flask
    client: FlaskClient

    def add(self, model: type[Any], *records: dict[str, Any]) -> None:
        """Store records past every page."""
        with self.app.app_context(), writing():
            for record in records:
                db.session.execute(insert(model).values(record))
            db.session.commit()

    def stored(self, model: type[Any], key: Any) -> dict[str, Any]:
        """Return the values of a record by attribute, as the database has them."""
        with self.app.app_context():
            record = db.session.get(model, key, populate_existing=True)
            assert record is not None, f"no {model.__name__} {key}"
            return {name: getattr(record, name) for name in model.__mapper__.column_attrs.keys()}  # noqa: SIM118 - no mapping

    def count(self, model: type[Any]) -> int:
        """Return how many records there are."""
        with self.app.app_context():
            return len(db.session.execute(select(*model.__mapper__.primary_key)).all())


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def library_app(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    servers: dict[str, URL | str],
) -> Iterator[Flask]:
    """The site on a fresh database with its tables; times are those of Berlin."""
    folder = tmp_path_factory.mktemp("library")
    uri = database_with_tables(request.param, folder, servers, ["library"])
    with site_on(
        uri, folder, RESOURCES=["library"], TIMEZONE="Europe/Berlin", WTF_CSRF_ENABLED=False
    ) as app:
        yield app


@pytest.fixture(name="site")
def library_site(library_app: Flask, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The site with an author, a shelf, and a book that has a title only; emptied afterwards."""
    with library_app.app_context():
        kind = db.engine.dialect.name
        if kind == "postgresql":  # its sequences do not see the keys that tests choose
            for table in ("author", "book", "shelf"):
                db.session.execute(text(f"SELECT setval('{table}_id_seq', 1000)"))
            db.session.commit()
    site = Site(kind, library_app, library_app.test_client())
    site.add(Author, {"id": 1, "name": "Ada", "active": True})
    site.add(Shelf, {"id": 1, "code": "A"})
    site.add(Book, {"id": 1, "title": "Plain", "in_print": False, "language": None})
    yield site
    with library_app.app_context(), writing():
        for table in reversed(Base.metadata.sorted_tables):
            if table.name == "tag":
                db.session.execute(table.update().values(parent=None))
            db.session.execute(delete(table))
        db.session.commit()
