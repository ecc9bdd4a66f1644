"""The pages that import: send, match, rehearse, import; and whatever comes between."""

import errno
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from conftest import settings
from pages import add_people, stored
from webadmin import create_app, import_work, schema, uploads
from webadmin.database import db
from webadmin.history import Change
from workers import Workers

PEOPLE = b"ID;Name;Years\n1;Ada King;37\n;Grace Hopper;85\n;Wrong;old\n"


def send(client: FlaskClient, data: bytes, name: str = "people.csv") -> TestResponse:
    return client.post("/users/import", data={"file": (io.BytesIO(data), name)})


def sent(client: FlaskClient, data: bytes = PEOPLE) -> str:
    """Send a file, and return the URL of its page."""
    answer = send(client, data)
    assert answer.status_code == 303, answer.text
    return answer.location


CHOICES = {"_column_0": "id", "_column_1": "name", "_column_2": "age", "mode": "both"}


def files(app: Flask) -> set[str]:
    return {path.suffix for path in (Path(app.instance_path) / "uploads").iterdir()}


def test_a_file_is_sent_matched_rehearsed_and_imported(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    page = sent(client)
    text = client.get(page).text
    assert "people.csv" in text
    assert text.count(" selected") >= 2
    rehearsed = client.post(page, data={"_do": "rehearse", **CHOICES})
    assert rehearsed.status_code == 200
    assert rehearsed.text.rstrip().endswith("</html>")
    for words in ("Write a whole number in plain digits", "Ada Lovelace", "Import all but"):
        assert words in rehearsed.text
    assert len(stored(app)) == 5
    assert "Import all but the refused" in client.get(page).text, "it is kept for who comes back"
    imported = client.post(page, data={"_do": "import", "partly": "true"})
    assert "The file was imported." in imported.text
    assert "1 new, 1 changed, 0 unchanged." in imported.text
    assert "/history/?batch=" in imported.text
    assert [each[1] for each in stored(app)][0::5] == ["Ada King", "Grace Hopper"]
    assert ".raw" not in files(app)
    assert client.post(page, data={"_do": "import", "partly": "true"}).status_code == 409
    assert len(stored(app)) == 6, "not twice"
    with app.app_context():
        who = set(db.session.scalars(select(Change.account).where(Change.source.is_not(None))))
    assert who == {"admin@example.com"}
    refused = client.get(f"{page}/refused.csv")
    assert "Wrong" in refused.text
    assert 'filename="users-refused.csv"' in refused.headers["Content-Disposition"]


def test_nothing_is_imported_where_a_line_is_refused(app: Flask, client: FlaskClient) -> None:
    page = sent(client)
    text = client.post(page, data={"_do": "import", **CHOICES}).text
    assert "The file was imported" not in text
    assert "Import all but the refused" in text
    assert stored(app) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "The file is empty."),
        (b"a,b\n1,2,3\n", "Line 2 has 3 cells"),
        (b"PK\x03\x04", "cannot be read as XLSX"),
    ],
)
def test_a_wrong_file_is_explained(client: FlaskClient, data: bytes, message: str) -> None:
    answer = send(client, data)
    assert answer.status_code == 422
    assert message in answer.text
    assert files(client.application) == set(), "nothing of it is kept"


def test_without_a_file(client: FlaskClient) -> None:
    answer = client.post("/users/import", data={})
    assert answer.status_code == 422
    assert "Choose a file." in answer.text


def test_a_larger_file_than_allowed(app: Flask, client: FlaskClient) -> None:
    app.config["IMPORT_MAX_BYTES"] = 1000
    assert send(client, b"name\n" + b"x" * 1001).status_code == 413
    assert send(client, b"name\n" + b"x" * 20_000).status_code == 413
    assert files(app) == set()
    app.config |= {"MAX_CONTENT_LENGTH": 2000, "IMPORT_MAX_BYTES": 100_000}
    assert send(client, b"name\n" + b"x\n" * 10_000).status_code == 303
    assert client.post("/users/new", data={"name": "x" * 3000}).status_code == 413


@pytest.mark.parametrize("path", ["", "/refused.csv"])
def test_nobody_else_sees_a_file(app: Flask, client: FlaskClient, path: str) -> None:
    page = sent(client)
    assert client.post(page, data={"_do": "rehearse", **CHOICES}).text
    assert client.get(page + path).status_code == 200
    (file,) = (Path(app.instance_path) / "uploads").glob("*.json")
    data = json.loads(file.read_text())
    file.write_text(json.dumps(data | {"account": 7}))
    assert client.get(page + path).status_code == 404
    assert "people.csv" not in client.get("/users/import").text
    file.write_text(json.dumps(data | {"resource": "others"}))
    assert client.get(page + path).status_code == 404


@pytest.mark.parametrize("token", ["x", "../../secret_key", "x" * 22, "%2e%2e"])
def test_a_name_that_is_none(client: FlaskClient, token: str) -> None:
    assert client.get(f"/users/import/{token}").status_code == 404


def test_files_are_private_and_go(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = sent(client)
    folder = Path(app.instance_path) / "uploads"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in folder.glob("*.raw")} == {0}
    assert client.post(page, data={"_do": "remove"}).status_code == 303
    assert files(app) == set()
    sent(client)
    monkeypatch.setattr(uploads, "KEPT", -1)
    client.get("/users/import")
    with app.test_request_context("/"):
        uploads.sweep()
    assert files(app) == set()


def test_wrong_choices_are_explained(client: FlaskClient) -> None:
    page = sent(client)
    answer = client.post(page, data={"_do": "rehearse", **CHOICES, "_column_2": "name"})
    assert answer.status_code == 422
    assert "“Name” is chosen for two columns." in answer.text
    answer = client.post(page, data={"_do": "rehearse", **CHOICES, "mode": "nonsense"})
    assert answer.status_code == 200


def test_another_encoding_can_be_chosen(client: FlaskClient) -> None:
    page = sent(client, "name\nZoë\n".encode("cp1252"))
    assert "windows-1252" in client.get(page).text
    answer = client.post(page, data={"_do": "rehearse", "encoding": "utf-8"})
    assert answer.status_code == 422
    assert "The file is not text in utf-8." in answer.text


def begun(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> tuple[str, TestResponse]:
    """Begin to import 5,000 records; return the file's URL, and a page that tells on each step."""
    monkeypatch.setattr(import_work, "EVERY", 0)
    page = sent(client, b"name\n" + b"n\n" * 5000)
    return page, client.post(page, data={"_do": "import"}, buffered=False)


def test_it_can_be_stopped(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = app.test_client()
    other.get("/")  # signs in, which it could not do while the import writes
    page, answer = begun(client, monkeypatch)
    pieces = iter(answer.response)
    text = b"".join(next(pieces) for _ in range(4)).decode()
    assert "of 5,000 records" in text
    monkeypatch.setattr(uploads, "STOPPING", 0)
    assert "being worked on" in other.get(page).text
    assert other.post(page, data={"_do": "import"}).status_code == 409
    other.post(page, data={"_do": "cancel"})
    rest = b"".join(pieces).decode()
    answer.close()
    assert "It was stopped, and nothing was written." in rest
    assert stored(app) == []
    assert "It was stopped, and nothing was written." in client.get(page).text
    assert "The file was imported." in client.post(page, data={"_do": "import"}).text


def test_leaving_the_page_takes_it_back(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, answer = begun(client, monkeypatch)
    pieces = iter(answer.response)
    for _ in range(4):
        next(pieces)
    answer.close()
    assert "It was stopped, and nothing was written." in app.test_client().get(page).text
    assert stored(app) == []


def full(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_said(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = sent(client)
    with monkeypatch.context() as patched:
        patched.setattr("webadmin.tables._copy", full)
        answer = send(client, PEOPLE)
    assert answer.status_code == 503
    assert "The disk is full" in answer.text
    with monkeypatch.context() as patched:
        patched.setattr("webadmin.imports.Import._chunk", full)
        text = client.post(page, data={"_do": "import", **CHOICES}).text
    assert "It broke off, and nothing was written." in text
    assert "The disk is full." in text
    assert stored(app) == []
    assert "It broke off, and nothing was written." in client.get(page).text


IMPORTING = """
import signing_in
from webadmin import create_app
def work(page):
    app = create_app({"DATABASE_URI": sys.argv[1], "INSTANCE_PATH": sys.argv[2],
                      "SECRET_KEY": "only for tests", "WTF_CSRF_ENABLED": False})
    client = app.test_client()
    client.sign_in("admin@example.com")
    say("ready")
    client.post(page, data={"_do": "import"}).data
    say("done")
"""


def test_a_killed_worker_leaves_all_or_nothing(tmp_path: Path) -> None:
    """kill -9 at 20 moments in the middle: table, history and page agree afterwards."""
    uri = f"sqlite:///{tmp_path / 'test.sqlite'}"
    app = create_app(settings(uri, tmp_path) | {"WTF_CSRF_ENABLED": False})
    with app.app_context():
        schema.upgrade()
    rows = 6000
    data = b"name\n" + b"".join(b"n%d\n" % number for number in range(rows))
    client, whole, outcomes = app.test_client(), 0, set()
    with Workers(IMPORTING, uri, str(tmp_path)) as workers:
        for number in range(20):
            page = sent(client, data)
            workers.begin(page, until=lambda lines: "ready" in lines)
            time.sleep(0.02 * number)
            acknowledged = "done" in workers.kill()
            text = client.get(page).text
            with app.app_context():
                there = len(stored(app))
                changes = db.session.execute(select(func.count()).select_from(Change)).scalar_one()
            assert there == changes
            assert there in (whole, whole + rows)
            said = "The file was imported." in text
            assert said == (there > whole)
            assert said or not acknowledged
            outcomes.add(said)
            whole = there
    assert False in outcomes, "none was killed in the middle"
