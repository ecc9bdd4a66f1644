"""Files of what a list shows: complete, in its order, streamed, and closed when nobody reads."""

import csv
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lists import USERS, kept, keys_of, sorts, state, statements, users, walk
from python_calamine import CalamineWorkbook
from sqlalchemy import text

from pages import PEOPLE, add_people
from webadmin import exports, search_indexes
from webadmin.cli import main
from webadmin.database import db, dialect, writing
from webadmin.users import User


def read_csv(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.fixture
def filled(app: Flask, client: FlaskClient) -> FlaskClient:
    add_people(app, [*PEOPLE, ("", 7), ("=1+1", 8), ('say "hi",\r\nthen', 9)])
    return client


def test_csv_is_exact(filled: FlaskClient) -> None:
    answer = filled.get("/users/export.csv")
    assert answer.status_code == 200
    assert answer.data.decode("utf-8-sig") == (
        "id,name,age\r\n1,Ada Lovelace,36\r\n2,Zoë Knuth,\r\n3,فاطمة,4\r\n4,鈴木,150\r\n5,,0\r\n"
        "6,',7\r\n7,'=1+1,8\r\n"
        '8,"say ""hi"",\r\nthen",9\r\n'
    )


def test_the_name_says_resource_and_date(filled: FlaskClient) -> None:
    with filled.get("/users/export.csv") as answer:
        headers = answer.headers
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    name = headers["Content-Disposition"].removeprefix('attachment; filename="users-')
    assert len(name) == len('2026-11-24.csv"')
    assert name.endswith('.csv"')


def test_json_lines(filled: FlaskClient) -> None:
    lines = filled.get("/users/export.jsonl").text.splitlines()
    assert json.loads(lines[0]) == {"id": 1, "name": "Ada Lovelace", "age": 36}
    assert [json.loads(line)["name"] for line in lines[4:]] == [
        None,
        "",
        "=1+1",
        'say "hi",\r\nthen',
    ]


def sheet(data: bytes) -> list[list[Any]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()


def test_xlsx(filled: FlaskClient) -> None:
    rows = sheet(filled.get("/users/export.xlsx").data)
    assert rows[0] == ["id", "name", "age"]
    assert rows[1] == [1, "Ada Lovelace", 36]
    assert [row[1] for row in rows[5:]] == ["", "'", "'=1+1", 'say "hi",\r\nthen']


def test_columns_are_chosen(filled: FlaskClient) -> None:
    rows = read_csv(filled.get("/users/export.csv?_columns=age&_columns=id&age=4").data)
    assert rows == [["id", "age"], ["3", "4"]]
    answer = filled.get("/users/export.csv?_columns=nothing")
    assert answer.status_code == 400
    assert "Known are: id, name, age." in answer.text


@pytest.mark.parametrize("query", ["nothing=1", "age=old", "sort=nothing"])
def test_a_wrong_parameter_is_explained(filled: FlaskClient, query: str) -> None:
    assert filled.get(f"/users/export.csv?{query}").status_code == 400


def test_the_format_must_be_known(filled: FlaskClient) -> None:
    assert filled.get("/users/export.pdf").status_code == 404
    assert filled.post("/users/export.csv").status_code == 405


def test_an_empty_list_is_a_heading(client: FlaskClient) -> None:
    assert read_csv(client.get("/users/export.csv").data) == [["id", "name", "age"]]
    assert client.get("/users/export.jsonl").data == b""
    assert sheet(client.get("/users/export.xlsx").data) == [["id", "name", "age"]]


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    found=users(), sort=sorts(("id", "name", "age")), narrow=st.sampled_from(["", "&age=1", "&q=a"])
)
def test_the_order_is_that_of_the_list(
    site: Flask, found: list[dict[str, Any]], sort: tuple[str, ...], narrow: str
) -> None:
    query = f"sort={','.join(sort)}{narrow}"
    with kept(site, USERS, found):
        rows = read_csv(site.test_client().get(f"/users/export.csv?{query}").data)[1:]
        with site.test_request_context("/"):
            shown = keys_of(walk(state(USERS, query)))
    assert [row[0] for row in rows] == shown


def checked_out(app: Flask) -> int:
    with app.app_context():
        return db.engine.pool.checkedout()  # type: ignore[attr-defined]


def many(app: Flask) -> None:
    add_people(app, [(f"Name {number}", number % 100) for number in range(5000)])


def test_a_client_that_goes_away_leaves_nothing_behind(app: Flask, client: FlaskClient) -> None:
    many(app)
    before = checked_out(app)
    for path in ("/users/export.csv", "/users/export.jsonl"):
        answer = client.get(path, buffered=False)
        next(iter(answer.response))
        assert checked_out(app) == before + 1
        answer.close()
        assert checked_out(app) == before
    with client.head("/users/export.csv") as answer:
        assert (answer.status_code, answer.data) == (200, b"")
    assert checked_out(app) == before
    assert len(read_csv(client.get("/users/export.csv").data)) == 5001


def test_it_is_read_in_batches_by_one_statement(app: Flask, client: FlaskClient) -> None:
    many(app)
    with app.app_context(), statements() as run:
        answer = client.get("/users/export.csv", buffered=False)
        sizes = [chunk.count(b"\r\n") for chunk in answer.response]
        answer.close()
    assert sizes == [1, *[exports.BATCH] * 5]
    assert len([sql for sql, _ in run if "FROM users" in sql]) == 1
    with app.app_context():
        on_server = db.engine.dialect.supports_server_side_cursors  # SQLite has no server
    assert run.contexts[-1]._is_server_side == on_server


def test_writers_go_on_while_it_is_read(app: Flask, client: FlaskClient) -> None:
    many(app)
    answer = client.get("/users/export.csv", buffered=False)
    chunks = iter(answer.response)
    start = next(chunks)
    with app.app_context(), writing():
        db.session.execute(text("UPDATE users SET name = 'new'"))
        db.session.commit()
    rows = read_csv(start + b"".join(chunks))[1:]
    answer.close()
    assert len(rows) == 5000
    assert {row[1] for row in rows if row[1] == "new"} == set(), "one state of the table"


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
def test_a_broken_database_is_an_error_page(app: Flask, client: FlaskClient, form: str) -> None:
    client.get("/users/")
    with app.app_context(), writing():
        db.session.execute(text("DROP TABLE users"))
        db.session.commit()
    answer = client.get(f"/users/export.{form}")
    assert answer.status_code == 503
    assert "Content-Disposition" not in answer.headers
    assert checked_out(app) == 0


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
def test_a_file_that_breaks_off_says_so(
    app: Flask, client: FlaskClient, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(app)
    monkeypatch.setattr(exports, "BATCH", 100)
    answer = client.get(f"/users/export.{form}", buffered=False)
    chunks = iter(answer.response)
    found = [next(chunks), next(chunks)]
    monkeypatch.setattr(exports, "_as_cells", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        found += chunks
    answer.close()
    assert checked_out(app) == 0
    if form == "xlsx":
        with pytest.raises(zipfile.BadZipFile):
            zipfile.ZipFile(io.BytesIO(b"".join(found)))
    else:
        assert b"".join(found).endswith(b"\nTHE FILE IS NOT COMPLETE: the export broke off here.\n")


def test_what_does_not_fit_into_a_sheet_is_refused(
    filled: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "MOST_ROWS", 7)
    answer = filled.get("/users/export.xlsx")
    assert answer.status_code == 400
    assert "at most 7 records" in answer.text
    assert len(sheet(filled.get("/users/export.xlsx?age=4").data)) == 2
    assert checked_out(filled.application) == 0


def test_a_text_too_long_for_a_cell_is_refused(app: Flask, client: FlaskClient) -> None:
    long = replace(USERS, name="long")
    long.columns["name"].__dict__["max_length"] = None
    with app.app_context(), writing():
        for index in User.__table__.indexes:  # SQLite drops no column that has one
            index.drop(db.session.connection())
        if dialect() == "sqlite":
            for event in search_indexes.EVENTS:
                db.session.execute(text(f"DROP TRIGGER webadmin_search_users_{event}"))
        db.session.execute(text("ALTER TABLE users DROP COLUMN name"))
        db.session.execute(text("ALTER TABLE users ADD COLUMN name TEXT"))
        db.session.commit()
    add_people(app, [("é" * 32_766, 1)])
    with app.test_request_context("/"):
        exports.start(state(long, ""), ["name"], "xlsx").close()
    add_people(app, [("é" * 32_767, 2)])
    with app.test_request_context("/"):
        exports.start(state(long, ""), ["age"], "xlsx").close()
        exports.start(state(long, "age=1"), ["name"], "xlsx").close()
        with pytest.raises(exports.ExportError, match="“name” has more"):
            exports.start(state(long, ""), ["name"], "xlsx")


def test_nothing_outside_the_scope_is_exported(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    hidden = replace(USERS, scope=lambda account: USERS.model.age == 4)
    with app.test_request_context("/"):
        db.session.info["account"] = "somebody"
        with_scope = exports.Export(state(hidden, ""), ["id", "age"])
        rows = [tuple(row) for batch in with_scope.batches() for row in batch]
    assert rows == [(3, 4)]


def test_the_list_offers_it(filled: FlaskClient) -> None:
    page = filled.get("/users/?q=a&sort=-age&size=25").text
    form = page[page.index('action="/users/export.csv"') :].partition("</form>")[0]
    assert '<input type="hidden" name="q" value="a">' in form
    assert '<input type="hidden" name="sort" value="-age">' in form
    assert "size" not in form
    assert "apostrophe" in form


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
def test_the_command_writes_the_same_files(filled: FlaskClient, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"users.{form}"
    uri = str(filled.application.config["DATABASE_URI"])
    result = CliRunner().invoke(
        main, ["--database", uri, "export", "users", "-o", str(path), "--filter", "age__gte=4"]
    )
    assert result.exit_code == 0, result.output
    same = filled.get(f"/users/export.{form}?age__gte=4").data
    if form == "xlsx":
        assert sheet(path.read_bytes()) == sheet(same)
    else:
        assert path.read_bytes() == same
    assert [each.name for each in tmp_path.glob(".*")] == []
