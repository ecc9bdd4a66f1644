"""Fixtures: a fresh database of each kind, and a site on it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

import signing_in  # noqa: F401 - browsers are signed in from here on
from webadmin import create_app, schema
from webadmin.database import database_url, db

IN_CI = os.environ.get("CI") == "true"
SERVERS = {
    "postgresql": "WEBADMIN_TEST_POSTGRESQL_URI",
    "mariadb": "WEBADMIN_TEST_MARIADB_URI",
}
NAME = f"webadmin_test_{os.getpid()}"


def missing(reason: str) -> None:
    """Skip the test where a service is missing; in CI that is a failure."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


def _run(url: URL, *statements: str) -> None:
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


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
        try:
            _run(url, f"DROP DATABASE IF EXISTS {NAME}", f"CREATE DATABASE {NAME}")
        except SQLAlchemyError as error:
            found[kind] = f"The {kind} server of {variable} does not answer: {error}"
            continue
        found[kind] = url.set(database=NAME)
    yield found
    for kind, url in found.items():
        if isinstance(url, URL):
            force = " WITH (FORCE)" if kind == "postgresql" else ""
            server = make_url(database_url(os.environ[SERVERS[kind]], Path()))
            _run(server, f"DROP DATABASE {NAME}{force}")


def fresh_database(kind: str, folder: Path, servers: dict[str, URL | str]) -> str:
    """Return the URI of an empty database of a kind, or skip the test."""
    if kind == "sqlite":
        return f"sqlite:///{folder / 'test.sqlite'}"
    url = servers[kind]
    if isinstance(url, str):
        missing(url)
    assert isinstance(url, URL)
    if kind == "postgresql":
        _run(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    else:
        _run(url, f"DROP DATABASE {NAME}", f"CREATE DATABASE {NAME}", f"USE {NAME}")
    return url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_uri(
    request: pytest.FixtureRequest, tmp_path: Path, servers: dict[str, URL | str]
) -> str:
    """The URI of a fresh, empty database; once for each kind."""
    return fresh_database(request.param, tmp_path, servers)


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


@pytest.fixture
def empty_app(database_uri: str, tmp_path: Path) -> Iterator[Flask]:
    """A site on a database without tables."""
    app = create_app(settings(database_uri, tmp_path))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(empty_app: Flask) -> Flask:
    """A site on a database with its tables."""
    with empty_app.app_context():
        schema.upgrade()
    return empty_app


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
