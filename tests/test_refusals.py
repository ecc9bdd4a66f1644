"""What a database refuses becomes an error at its field, with what was typed kept."""

from typing import Any

import pytest
from browser_form import errors, send, shown
from flask_wtf import FlaskForm
from library_site import Site, library_app, library_site  # noqa: F401 - fixtures
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from wtforms import IntegerField, StringField

from library import BOOKS, Author, Book, BookAuthor, Shelf
from webadmin import forms, records, refusals
from webadmin.database import db, writing
from webadmin.fields import TypedField

TAKEN = "Another record has this value already"


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forms that check nothing: whatever is typed goes to the database."""
    parse = TypedField.parse
    monkeypatch.setattr(FlaskForm, "validate", lambda self, extra_validators=None: True)
    monkeypatch.setattr(
        TypedField,
        "parse",
        lambda self, typed: int(typed) if self.kind.name == "integer" else parse(self, typed),
    )
    monkeypatch.setattr(records, "exists", lambda resource, key: True)


def refused(site: Site, url: str, changes: dict[str, str], expected: dict[str, str]) -> None:
    """Check that a form comes back with these messages and with what was typed, unsaved."""
    count = site.count(Book)
    response = send(site.client, url, **changes)
    assert response.status_code == 422
    found = errors(response.text)
    assert set(found) == set(expected)
    assert [name for name in expected if expected[name] not in found[name]] == []
    kept = shown(response.text)
    assert {name: kept[name] for name in changes} == changes
    assert site.count(Book) == count
    assert site.stored(Book, 1)["title"] == "Plain"


CASES: list[tuple[dict[str, str], dict[str, str]]] = [
    ({"title": "New", "isbn": "1"}, {"isbn": TAKEN}),
    ({"title": "Taken", "volume": "2"}, {"title": "together", "volume": "together"}),
    ({"title": "New", "pages": "-1"}, {"pages": "does not allow"}),
    ({"title": "New", "height": "1000.5"}, {"height": "does not allow"}),
    ({"title": "New", "shelf": "nowhere"}, {"shelf": "no such record"}),
]


@pytest.mark.parametrize(("changes", "expected"), CASES)
@pytest.mark.parametrize("url", ["/book/new", "/book/1/edit"])
def test_what_only_the_database_knows(
    site: Site, url: str, changes: dict[str, str], expected: dict[str, str]
) -> None:
    site.add(Book, {"id": 2, "title": "Taken", "volume": 2, "isbn": "1", "in_print": True})
    refused(site, url, changes | {"data": "typed"}, expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": ""}, {"title": "Fill in"}),
        ({"title": "x" * 41}, {"title": "longer than"}),
        ({"title": "New", "volume": "32768"}, {"volume": "larger than"}),
        ({"title": "New", "pages": "2147483648"}, {"pages": "larger than"}),
        ({"title": "New", "author_id": "1" * 5}, {"author_id": "no such record"}),
    ],
)
@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("url", ["/book/new", "/book/1/edit"])
def test_what_forms_check_first(
    site: Site, url: str, changes: dict[str, str], expected: dict[str, str]
) -> None:
    site.add(Book, {"id": 2, "title": "Taken", "volume": 2, "isbn": "1", "in_print": True})
    many = [{"id": 100 + i, "name": f"Person {i}"} for i in range(101)]
    site.add(Author, *many)  # so that the author is typed, not chosen
    message = next(iter(expected.values()))
    if site.kind == "sqlite" and message in ("longer than", "larger than"):
        # SQLite has no limits: only the form's own check stands between.
        assert send(site.client, url, **changes).status_code == 303
    else:
        refused(site, url, changes | {"data": "typed"}, expected)


class LenientForm(FlaskForm):
    """A form that somebody wrote without a single check, of WTForms' own fields."""

    title = StringField("Title")
    volume = IntegerField("Volume")
    copies = IntegerField("Copies")
    isbn = StringField("ISBN")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": "x" * 41}, {"title": "at most 40"}),
        ({"volume": "99999"}, {"volume": "from -32768 to 32767"}),
        ({"copies": "9" * 30}, {"copies": "from -9223372036854775808"}),
        ({"isbn": "1"}, {"isbn": TAKEN}),
    ],
)
@pytest.mark.parametrize("url", ["/book/new", "/book/1/edit"])
def test_columns_limit_forms_without_checks(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    changes: dict[str, str],
    expected: dict[str, str],
) -> None:
    monkeypatch.setattr(forms, "form_class", lambda resource: LenientForm)
    site.add(Book, {"id": 2, "title": "Taken", "volume": 2, "isbn": "1", "in_print": True})
    if url == "/book/new" and "isbn" in changes:
        expected = {"": "a value for in_print, which this form does not offer"}
    refused(site, url, {"title": "Else", "volume": "9", "copies": "1"} | changes, expected)


def test_a_missing_column_of_the_key_is_named(site: Site) -> None:
    for sent, field in (({"book_id": "1"}, "author_id"), ({"author_id": "1"}, "book_id")):
        response = send(site.client, "/book_author/new", **sent)
        assert response.status_code == 422
        assert errors(response.text) == {field: "Fill in this field."}
    assert site.count(BookAuthor) == 0


def test_a_value_that_others_refer_to_stays(site: Site) -> None:
    send(site.client, "/book/1/edit", shelf="A")
    response = send(site.client, "/shelf/1/edit", code="B")
    assert response.status_code == 422
    ((field, message),) = errors(response.text).items()
    assert field == ("" if site.kind == "sqlite" else "code")  # SQLite says no more than "no"
    assert "Other records refer to this value" in message
    assert shown(response.text)["code"] == "B"
    assert site.stored(Shelf, 1)["code"] == "A"
    assert send(site.client, "/shelf/1/delete").status_code == 409


TRIGGERS = {
    "sqlite": [
        "CREATE TRIGGER closed BEFORE UPDATE ON shelf BEGIN SELECT RAISE(ABORT, 'closed'); END"
    ],
    "mariadb": [
        "CREATE TRIGGER closed BEFORE UPDATE ON shelf FOR EACH ROW "
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'closed'"
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'closed'; END $$",
        "CREATE TRIGGER closed BEFORE UPDATE ON shelf EXECUTE FUNCTION closed()",
    ],
}


def run(site: Site, *statements: str) -> None:
    with site.app.app_context(), writing():
        for statement in statements:
            db.session.execute(text(statement))
        db.session.commit()


def test_a_trigger_of_the_database_is_no_failure_of_the_site(site: Site) -> None:
    run(site, *TRIGGERS[site.kind])
    try:
        response = send(site.client, "/shelf/1/edit", code="B")
    finally:
        run(site, "DROP TRIGGER closed" + (" ON shelf" if site.kind == "postgresql" else ""))
    assert response.status_code == 422
    assert "cannot store this value" in errors(response.text)[""]


def test_a_column_that_no_form_offers_is_named(site: Site) -> None:
    column = "room INTEGER NOT NULL"
    if site.kind == "sqlite":  # only such a column can be added there
        column = "room INTEGER CHECK (room IS NOT NULL) DEFAULT NULL"
    run(site, "DELETE FROM book", "DELETE FROM shelf", f"ALTER TABLE shelf ADD COLUMN {column}")
    try:
        response = send(site.client, "/shelf/new", code="B")
    finally:
        run(site, "ALTER TABLE shelf DROP COLUMN room")
    assert response.status_code == 422
    assert list(errors(response.text)) == [""]


def test_what_is_no_refusal_is_raised(site: Site) -> None:
    with site.app.app_context():
        with pytest.raises(DBAPIError) as caught:
            db.session.execute(text("SELECT nothing FROM nowhere"))
        db.session.rollback()
        with site.app.test_request_context(), pytest.raises(DBAPIError) as raised:
            refusals.explain(BOOKS, caught.value, {})
    assert raised.value is caught.value


def message_of(code: Any, *arguments: Any) -> DBAPIError:
    """Return an error as PyMySQL raises it."""
    return DBAPIError("", None, Exception(code, *arguments))


@pytest.mark.parametrize(
    ("code", "said", "columns"),
    [
        (1062, "Duplicate entry 'x' for key 'isbn' for key 'title'' for key 'isbn'", ["isbn"]),
        (1062, "Duplicate entry 'x-1' for key 'uq_book_title_volume'", ["title", "volume"]),
        (1062, "Duplicate entry 'x-1' for key 'book.uq_book_title_volume'", ["title", "volume"]),
        (1062, "Duplicate entry '1' for key 'isbn_2'", ["isbn"]),
        (1406, "Data too long for column 'title' at row 1", ["title"]),
        (1264, "Out of range value for column 'pages' at row 1", ["pages"]),
        (1048, "Column 'title' cannot be null", ["title"]),
        (1364, "Field 'title' doesn't have a default value", ["title"]),
        (4025, "CONSTRAINT `ck_book_pages` failed for `db`.`book`", ["pages"]),
        (4025, "CONSTRAINT `book.extra` failed for `db`.`book`", ["extra"]),
        (3819, "Check constraint 'ck_book_pages' is violated.", ["pages"]),
    ],
)
def test_messages_of_mariadb_and_mysql(
    site: Site, code: int, said: str, columns: list[str]
) -> None:
    values = dict.fromkeys(("title", "volume", "isbn", "pages", "extra"))
    with site.app.test_request_context():
        assert refusals.explain(BOOKS, message_of(code, said), values).columns == columns


def test_every_cause_has_a_message(site: Site) -> None:
    with site.app.test_request_context():
        messages = refusals._messages()
        assert set(refusals._CAUSES.values()) <= set(messages)
        assert all(message() for message in messages.values())
