"""Fixtures: a fresh database of each kind, and a site on it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import URL, MetaData
from sqlalchemy.exc import SQLAlchemyError

import compiled
import databases
import signing_in  # noqa: F401 - browsers are signed in from here on
from databases import NAME, Template
from webadmin import create_app
from webadmin.database import database_url, db

IN_CI = os.environ.get("CI") == "true"
SERVERS = {
    "postgresql": "WEBADMIN_TEST_POSTGRESQL_URI",
    "mariadb": "WEBADMIN_TEST_MARIADB_URI",
}


compiled.once()


def missing(reason: str) -> None:
    """Skip the test where a service is missing; in CI that is a failure."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, URL | str]]:
    """The database of each server for this process, or why there is none."""
    found: dict[str, URL | str] = {}
    for kind, variable in SERVERS.items():
        uri = os.environ.get(variable)
        if not uri:
            found[kind] = f"{variable} is not set: it names a {kind} server to test on."
            continue
        url = database_url(uri, Path())
        if url.get_driver_name() == "pymysql":
            # It would read the machine's certificates for each connection, 35 ms long.
            url = url.update_query_dict({"ssl_disabled": "true"})
        try:
            found[kind] = databases.make(url, NAME)
        except SQLAlchemyError as error:
            found[kind] = f"The {kind} server of {variable} does not answer: {error}"
    yield found
    databases.drop_kept()
    for kind, url in found.items():
        if isinstance(url, URL):
            databases.drop(database_url(os.environ[SERVERS[kind]], Path()), NAME)


def _server(kind: str, servers: dict[str, URL | str]) -> URL:
    url = servers[kind]
    if isinstance(url, str):
        missing(url)
    assert isinstance(url, URL)
    return url


def fresh_database(kind: str, folder: Path, servers: dict[str, URL | str]) -> str:
    """Return the URI of an empty database of a kind, or skip the test."""
    if kind == "sqlite":
        return f"sqlite:///{folder / 'test.sqlite'}"
    url = _server(kind, servers)
    if kind == "postgresql":
        databases.run(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    else:
        databases.run(url, f"DROP DATABASE {NAME}", f"CREATE DATABASE {NAME}")
    return url.render_as_string(hide_password=False)


def database_with_tables(
    kind: str,
    folder: Path,
    servers: dict[str, URL | str],
    resources: Sequence[str] = (),
    more: MetaData | None = None,
) -> str:
    """Return the URI of a database of a kind with tables and no records, or skip the test.

    Args:
        kind: sqlite, postgresql or mariadb.
        folder: Where a SQLite database is made.
        servers: The fixture of this name.
        resources: Modules whose resources have tables there, besides webadmin's own.
        more: Tables that are no resource's.
    """
    template = Template(tuple(resources), more)
    if kind == "sqlite":
        return databases.copied(template, folder / "test.sqlite")
    return databases.kept(template, _server(kind, servers))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """The kind of database: the test is run once for each."""
    return str(request.param)


@pytest.fixture
def database_uri(database_kind: str, tmp_path: Path, servers: dict[str, URL | str]) -> str:
    """The URI of a fresh, empty database."""
    return fresh_database(database_kind, tmp_path, servers)


@pytest.fixture
def tables_uri(database_kind: str, tmp_path: Path, servers: dict[str, URL | str]) -> str:
    """The URI of a database with webadmin's tables, and no records."""
    return database_with_tables(database_kind, tmp_path, servers)


@pytest.fixture(params=["postgresql", "mariadb"])
def server_uri(
    request: pytest.FixtureRequest, tmp_path: Path, servers: dict[str, URL | str]
) -> str:
    """The URI of a fresh, empty database on a server; once for each kind."""
    return fresh_database(request.param, tmp_path, servers)


def settings(database_uri: str, folder: Path) -> dict[str, object]:
    """Settings of a site for tests."""
    return {
        "DATABASE_URI": database_uri,
        "SECRET_KEY": "only for tests",
        "INSTANCE_PATH": str(folder),
        "TESTING": True,
    }


@contextmanager
def site_on(uri: str, folder: Path, **given: object) -> Iterator[Flask]:
    """Make a site on a database; its connections are closed at the end."""
    app = create_app(settings(uri, folder) | given)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def empty_app(database_uri: str, tmp_path: Path) -> Iterator[Flask]:
    """A site on a database without tables."""
    with site_on(database_uri, tmp_path) as app:
        yield app


@pytest.fixture
def app(tables_uri: str, tmp_path: Path) -> Iterator[Flask]:
    """A site on a database with its tables."""
    with site_on(tables_uri, tmp_path) as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without JavaScript, whose forms need no CSRF token."""
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def site(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    servers: dict[str, URL | str],
) -> Iterator[Flask]:
    """A site with a table of every sortable type, for the tests of a module."""
    import lists  # it imports this module

    yield from lists.site(request.param, tmp_path_factory.mktemp("site"), servers)
