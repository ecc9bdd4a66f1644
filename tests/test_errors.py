"""Error pages: what happened, what to do, a reference; and a database that goes away."""

import contextlib
import logging
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from sqlalchemy import make_url

from conftest import settings
from pages import add_people, hidden, stored
from webadmin import auth, create_app, schema
from webadmin.database import db
from webadmin.users import User

ALL_PAGES = ["/", "/users/", "/users/new", "/users/1", "/users/1/edit", "/users/1/delete"]


def test_without_tables_every_page_names_the_command(empty_app: Flask) -> None:
    client = empty_app.test_client()
    for path in ALL_PAGES:
        response = client.get(path)
        assert response.status_code == 503, path
        assert "webadmin init" in response.text
        assert response.headers["Retry-After"]
    assert client.get("/healthz").text == "ok\n"
    ready = client.get("/readyz")
    assert (ready.status_code, ready.text) == (503, "run: webadmin init\n")
    with empty_app.app_context():
        schema.upgrade()
    assert client.get("/users/").status_code == 200
    assert client.get("/readyz").text == "ready\n"


def test_tables_that_vanish_are_named_too(app: Flask, client: FlaskClient) -> None:
    assert client.get("/users/").status_code == 200
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE users")
    response = client.get("/users/")
    assert response.status_code == 503
    assert "webadmin init" in response.text


def test_the_reference_on_the_page_is_in_the_log(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        text = client.get("/users/5").text
    found = re.search(r"Reference:?\s*<code>([0-9a-f]{8})</code>", text)
    assert found
    assert found[1] in caplog.text


def test_a_line_break_in_a_path_forges_no_log_line(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/nothing%0a2026-01-01%20forged")
    assert "\\n2026-01-01 forged" in caplog.text
    assert "\n2026-01-01 forged" not in caplog.text


def test_an_unexpected_error_gets_a_page_and_a_traceback_in_the_log(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> str:
        raise RuntimeError("the cause")

    app.add_url_rule("/broken", "broken", broken)
    auth.require(app, "broken", auth.Who.ALWAYS)
    response = app.test_client().get("/broken")
    assert response.status_code == 500
    assert "Something went wrong on our side" in response.text
    assert "the cause" not in response.text
    assert "RuntimeError: the cause" in caplog.text


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415, 418, 429, 500, 503])
def test_each_status_has_its_page(app: Flask, status: int) -> None:
    app.add_url_rule("/refused", "refused", lambda: abort(status))
    auth.require(app, "refused", auth.Who.ALWAYS)
    response = app.test_client().get("/refused")
    assert response.status_code == status
    assert f"Error {status}" in response.text
    assert "<h1>" in response.text


class Cable:
    """A connection to a database server that can be pulled out and put back."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.open: list[socket.socket] = []
        self.plugged = True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if not self.plugged:
                near.close()
                continue
            far = socket.create_connection(self.target)
            self.open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        finally:
            sink.close()

    def pull(self) -> None:
        self.plugged = False
        for end in self.open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.open.clear()

    def close(self) -> None:
        self.pull()
        self.listener.close()


@pytest.fixture
def cable(server_uri: str) -> Iterator[tuple[Cable, str]]:
    url = make_url(server_uri)
    cable = Cable(url.host or "127.0.0.1", url.port or 5432)
    yield cable, url.set(port=cable.port, host="127.0.0.1").render_as_string(hide_password=False)
    cable.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_database_that_goes_away_and_comes_back(cable, tmp_path) -> None:  # type: ignore[no-untyped-def]
    line, uri = cable
    app = create_app(settings(uri, tmp_path) | {"DATABASE_TIMEOUT": 2})
    with app.app_context():
        schema.upgrade()
    add_people(app)
    client = app.test_client()
    form = client.get("/users/new")
    data = {
        "name": "Typed before the failure",
        "csrf_token": hidden(form, "csrf_token"),
        "_submission": hidden(form, "_submission"),
    }
    line.pull()
    for path in ("/", "/users/", "/users/1", "/readyz"):
        response = client.get(path)
        assert response.status_code == 503, path
        assert response.headers["Retry-After"] == "5"
        assert "does not answer" in response.text
    failed = client.post("/users/new", data=data)
    assert failed.status_code == 503
    assert "Typed before the failure" in failed.text
    assert client.get("/healthz").status_code == 200
    line.plugged = True
    assert client.get("/users/").status_code == 200
    again = {name: hidden(failed, name) for name in ("name", "csrf_token", "_submission")}
    assert client.post("/users/new", data=again).status_code == 303
    assert stored(app)[-1][1] == "Typed before the failure"
    with app.app_context():
        db.engine.dispose()


def test_a_wrong_statement_is_our_fault_and_not_the_database_being_away(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/users/").status_code == 200
    with app.app_context(), db.engine.begin() as connection:
        for index in User.__table__.indexes:  # SQLite drops no column that has one
            index.drop(connection)
        connection.exec_driver_sql("ALTER TABLE users DROP COLUMN age")
    response = client.get("/users/")
    assert response.status_code == 500
    assert "Traceback" in caplog.text


def test_text_of_another_encoding_is_shown_and_can_be_deleted(tmp_path: Path) -> None:
    app = create_app(settings(f"sqlite:///{tmp_path / 'old.sqlite'}", tmp_path))
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        schema.upgrade()
        with db.engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO users (name) VALUES (CAST(x'4dfc6c6c6572' AS TEXT))"
            )
    client = app.test_client()
    for path in ("/users/", "/users/?sort=name", "/users/1", "/users/1/edit", "/users/1/delete"):
        assert "M\ufffdller" in client.get(path).text, path
    assert client.post("/users/1/delete").status_code == 303
    with app.app_context():
        db.engine.dispose()
