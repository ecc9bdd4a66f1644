"""Scope: an account sees and changes only the records that a resource's function leaves it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from browser_form import errors, send
from flask import Flask
from sqlalchemy import URL, delete, insert, select, text

from conftest import database_with_tables, site_on
from pages import hidden
from scoped import NOTES, Base, Folder, Note
from webadmin import records
from webadmin.database import db, writing
from webadmin.listing import ListState
from webadmin.resource import Resource, ResourceError

ADA, EVE = "ada@example.com", "eve@example.com"


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def made(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    servers: dict[str, URL | str],
) -> Iterator[Flask]:
    """A site with the resources of `scoped`."""
    folder = tmp_path_factory.mktemp("scope")
    uri = database_with_tables(request.param, folder, servers, ["scoped"])
    with site_on(uri, folder, RESOURCES=["scoped"], WTF_CSRF_ENABLED=False) as app:
        yield app


@pytest.fixture
def app(made: Flask) -> Iterator[Flask]:
    """The site with two folders and two notes of two people; emptied afterwards."""
    with made.app_context(), writing():
        for key, owner in ((1, ADA), (2, EVE)):
            db.session.execute(insert(Folder).values(id=key, name=f"F{key}", owner=owner))
            note = {"id": key, "text": f"Note of {owner}", "owner": owner, "folder_id": key}
            db.session.execute(insert(Note).values(note))
        if db.engine.dialect.name == "postgresql":  # its sequence does not see chosen keys
            db.session.execute(text("SELECT setval('note_id_seq', 1000)"))
        db.session.commit()
    yield made
    with made.app_context(), writing():
        for table in reversed(Base.metadata.sorted_tables):
            db.session.execute(delete(table))
        db.session.commit()


@pytest.fixture
def ada(app: Flask) -> Any:
    """The browser of an editor who owns the first of each."""
    client: Any = app.test_client(signed_in="")
    client.sign_in(ADA, "editor")
    return client


def owners(app: Flask) -> dict[int, tuple[str, str]]:
    with app.app_context():
        rows = db.session.execute(select(Note.id, Note.text, Note.owner))
        return {key: (words, owner) for key, words, owner in rows}


def test_the_list_and_its_counts(ada: Any) -> None:
    page = ada.get("/note/").text
    assert f"Note of {ADA}" in page
    assert EVE not in page
    assert "1–1 of 1" in page
    assert "1–1 of 1" in ada.get("/note/?count=exact").text
    assert "Nothing matches" in ada.get("/note/?q=eve").text
    assert "1 record<" in ada.get("/").text.replace("\n", "")
    assert EVE not in ada.get("/note/?before=end").text
    assert EVE not in ada.get("/note/?goto=1").text
    assert ada.get("/note/?goto=2").location == "/note/?before=end"
    assert ada.get("/note/?around=1").location == "/note/#record-1"
    assert ada.get("/note/?around=2").status_code == 404


def test_the_side_bar_tells_no_count_of_others(app: Flask, ada: Any) -> None:
    with app.app_context(), writing():
        db.session.execute(
            insert(Note), [{"text": "x", "owner": EVE, "id": 100 + n} for n in range(40)]
        )
        db.session.commit()
    app.test_client().get("/note/")  # an administrator's, who sees them all
    for path in ("/note/", "/folder/", "/"):
        assert "42" not in ada.get(path).text


@pytest.mark.parametrize("page", ["", "/edit", "/delete"])
def test_what_is_out_of_scope_is_not_there(app: Flask, ada: Any, page: str) -> None:
    assert ada.get(f"/note/1{page}").status_code == 200
    assert ada.get(f"/note/2{page}").status_code == 404
    before = owners(app)
    if page:
        assert ada.post(f"/note/2{page}", data={"text": "x"}).status_code == 404
    assert owners(app) == before


def test_a_signed_form_of_another_record_is_no_way_in(app: Flask, ada: Any) -> None:
    admin = app.test_client()
    original = hidden(admin.get("/note/2/edit"), "_original")
    data = {"text": "taken", "owner": EVE, "folder_id": "2", "_original": original}
    assert ada.post("/note/2/edit", data=data).status_code == 409  # as if it were gone
    assert owners(app)[2] == (f"Note of {EVE}", EVE)


def test_neighbours_stay_inside(app: Flask, ada: Any) -> None:
    page = ada.get("/note/1").text
    assert 'rel="next"' not in page
    assert 'rel="next"' in app.test_client().get("/note/1").text


def test_a_forged_cursor_tells_nothing_of_others(ada: Any) -> None:
    def after(key: int) -> tuple[int, str]:
        text = json.dumps([None, [key], 1], separators=(",", ":")).encode()
        cursor = base64.urlsafe_b64encode(text).decode().rstrip("=")
        answer = ada.get(f"/folder/?sort=name&after={cursor}")
        return answer.status_code, answer.location or ""

    assert after(2) == after(999)


def test_references_stay_inside(ada: Any) -> None:
    form = ada.get("/note/1/edit").text
    assert ">F1<" in form
    assert "F2" not in form
    for key in ("2", "F2"):
        refused = send(ada, "/note/1/edit", folder_id=key)
        assert refused.status_code == 422
        assert "no record with this key or name" in errors(refused.text)["folder_id"]
    assert "F2" not in ada.get("/note/?folder_id=2").text


def test_a_record_cannot_be_put_out_of_ones_sight(app: Flask, ada: Any) -> None:
    refused = send(ada, "/note/new", text="Smuggled", owner=EVE)
    assert refused.status_code == 422
    assert "could not see" in errors(refused.text)[""]
    refused = send(ada, "/note/1/edit", owner=EVE)
    assert refused.status_code == 422
    assert owners(app) == {1: (f"Note of {ADA}", ADA), 2: (f"Note of {EVE}", EVE)}
    assert send(ada, "/note/new", text="Mine", owner=ADA).status_code == 303


def test_none_leaves_all(app: Flask) -> None:
    page = app.test_client().get("/note/").text
    assert ADA in page
    assert EVE in page


def test_permissions_of_a_resource(app: Flask, ada: Any) -> None:
    assert ada.post("/note/1/delete").status_code == 303  # widened to editors
    assert app.test_client().get("/note/2/delete").status_code == 403  # and taken from others
    assert 'href="/note/2/delete' not in app.test_client().get("/note/2").text
    assert list(owners(app)) == [2]


def test_without_an_account_a_request_sees_nothing(app: Flask) -> None:
    with app.test_request_context("/"):
        assert records.page(ListState(NOTES)).records == []
        assert not records.exists(NOTES, (1,))
    with app.app_context():  # the command line
        assert len(records.page(ListState(NOTES)).records) == 2


def test_a_scope_is_a_function() -> None:
    with pytest.raises(ResourceError, match="must be a function"):
        Resource(model=Note, scope="owner")  # type: ignore[arg-type]
    with pytest.raises(ResourceError, match="must give roles for actions"):
        Resource(model=Note, permissions={"delete": ("admin",)})  # type: ignore[dict-item]
