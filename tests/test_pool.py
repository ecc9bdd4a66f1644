"""The pool of connections: one for each thread, and an answer where there is none left."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import NullPool, create_engine, text

from conftest import settings
from pages import add_people
from webadmin import create_app, idle, schema
from webadmin.database import db

FORM = {"name": "Ada", "age": "36"}


def made(uri: str, folder: Path, **more: object) -> Flask:
    app = create_app({**settings(uri, folder), **more})
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        schema.upgrade()
    add_people(app, [("Ada Lovelace", 36), ("Grace Hopper", 85)])
    return app


@pytest.fixture
def narrow(database_uri: str, tmp_path: Path) -> Iterator[Flask]:
    """A site that has one connection, and waits a second for it."""
    app = made(database_uri, tmp_path, POOL_SIZE=1, DATABASE_TIMEOUT=1)
    yield app
    with app.app_context():
        db.engine.dispose()


def test_a_request_that_finds_no_connection_is_told_to_come_back(
    narrow: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    client: Any = narrow.test_client()
    assert client.get("/users/").status_code == 200
    with narrow.app_context(), db.engine.connect():
        answers = [client.get("/users/"), client.post("/users/new", data=FORM)]
        ready = client.get("/readyz")
    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert "The site is busy" in answer.text
    assert 'value="Ada"' in answers[1].text, "what was typed is kept"
    assert ready.status_code == 503
    logged = [each.message for each in caplog.records if each.levelno == logging.ERROR]
    assert len(logged) >= 2
    for line in logged[:2]:
        assert "all 1 database connections of this worker were in use for 1 s" in line
        assert "raise WEBADMIN_POOL_SIZE to the number of its threads" in line
    assert client.get("/users/").status_code == 200


def test_no_request_needs_a_second_connection(narrow: Flask) -> None:
    """So as many connections as threads are enough, whatever they do at the same time."""
    client: Any = narrow.test_client()
    for path in ("/", "/users/", "/users/1", "/users/1/edit", "/history/", "/accounts/", "/readyz"):
        assert client.get(path).status_code == 200, path
    for form in ("csv", "jsonl", "xlsx"):
        assert client.get(f"/users/export.{form}", buffered=True).status_code == 200, form
    assert client.post("/users/new", data=FORM).status_code == 303
    assert client.post("/users/2/delete").status_code == 303
    bulk = {"key": "1", "field": "age", "value": "1"}
    assert client.post("/users/bulk/edit", data=bulk).status_code in (200, 400)


def test_more_threads_than_sqlalchemy_expects_have_a_connection_each(
    database_uri: str, tmp_path: Path
) -> None:
    app = made(database_uri, tmp_path, DATABASE_TIMEOUT=5)
    threads, found = 20, []
    together = threading.Barrier(threads)

    def hold() -> None:
        with app.app_context(), db.engine.connect() as connection:
            together.wait(20)
            found.append(connection.scalar(text("SELECT count(*) FROM users")))

    running = [threading.Thread(target=hold) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert found == [2] * threads
    with app.app_context():
        db.engine.dispose()


def test_a_connection_that_the_server_has_closed_is_replaced(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        url, name = db.engine.url, db.engine.dialect.name
        if name == "sqlite":
            return
        own = "pg_backend_pid()" if name == "postgresql" else "connection_id()"
        number = db.session.execute(text(f"SELECT {own}")).scalar_one()
        db.session.rollback()
        stop = (
            f"SELECT pg_terminate_backend({number})" if name == "postgresql" else f"KILL {number}"
        )
        with create_engine(url, poolclass=NullPool).connect() as other:
            other.execute(text(stop.format(number)))
    monkeypatch.setattr(idle, "TRUSTED", 0.0)
    assert client.get("/users/").status_code == 200
    assert client.get("/users/new").status_code == 200
