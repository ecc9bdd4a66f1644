"""Some records, or all that match: deleted and changed, and taken back by one click."""

import html
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from library_site import Site, library_app, library_site
from sqlalchemy import insert, select
from test_history_pages import account, asking, undo_button

from kin import HOUSES, PERSONS, Kin, Permit, Person, Pet, changes, everything, family, kin
from library import Tag
from pages import add_people, hidden, stored
from webadmin import bulk, images, preview
from webadmin.database import db, writing
from webadmin.permissions import Role

__all__ = ["kin", "library_app", "library_site"]
CROWD = [(f"Name {i}", i % 100) for i in range(120)]


def test_chosen_records_are_deleted_and_return(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    before = stored(app)
    page = client.post("/users/bulk/delete?q=a", data={"key": ["1", "3"]})
    assert page.status_code == 200
    for shown in ("Delete 2 records?", "Ada Lovelace", "فاطمة", 'value="1"', 'value="3"'):
        assert shown in page.text
    assert stored(app) == before
    data = {"key": ["1", "3"], "number": hidden(page, "number")}
    done = client.post("/users/bulk/delete?q=a", data=data)
    assert (done.status_code, done.location) == (303, "/users/?q=a")
    assert [row[0] for row in stored(app)] == [2, 4, 5]
    message = client.get("/users/").text
    assert "2 records were deleted." in message
    client.post("/history/undo", data=undo_button(message))
    assert stored(app) == before


def test_all_that_match_are_deleted(app: Flask, client: FlaskClient) -> None:
    add_people(app, CROWD)
    before = stored(app)
    url = "/users/bulk/delete?age__lt=50&q=Name&sort=-age&size=25"
    page = client.post(url, data={"every": "1", "key": "3"})
    assert "Delete 70 records?" in page.text
    assert "and 62 more" in page.text
    assert 'name="key"' not in page.text
    done = client.post(url, data={"every": "1", "number": "70"})
    assert done.location == "/users/?q=Name&age__lt=50&sort=-age&size=25"
    assert len(stored(app)) == 50
    with app.app_context():
        assert len({batch for (batch,) in changes("batch")}) == 1
    client.post("/history/undo", data=undo_button(client.get("/users/").text))
    assert stored(app) == before


def test_the_number_is_checked_again(app: Flask, client: FlaskClient) -> None:
    add_people(app, CROWD)
    assert "120 records" in client.post("/users/bulk/delete", data={"every": "1"}).text
    add_people(app, [("Newcomer", 1)])
    page = client.post("/users/bulk/delete", data={"every": "1", "number": "120"})
    assert page.status_code == 409
    assert "Other records match now" in page.text
    assert hidden(page, "number") == "121"
    assert len(stored(app)) == 121
    client.post("/users/121/delete")
    page = client.post("/users/bulk/edit", data={"key": "121", "number": "1", "set": "age"})
    assert page.status_code == 303  # nothing is left: back to the list
    assert "Choose records first." in client.get("/users/").text


def test_fields_are_set_for_all_that_match(app: Flask, client: FlaskClient) -> None:
    add_people(app, CROWD)
    before = stored(app)
    url = "/users/bulk/edit?age__gte=90"
    page = client.post(url, data={"every": "1"})
    assert "Change 10 records" in page.text
    data = {"every": "1", "number": "10", "set": "age", "age": "7", "name": "not ticked"}
    assert client.post(url, data=data).status_code == 303
    after = [(key, name, 7 if (age or 0) >= 90 else age) for key, name, age in before]
    assert stored(app) == after
    with app.app_context():
        assert changes("before", "after")[0] == ('{"age":90}', '{"age":7}')
    page = client.get("/users/").text
    assert "10 records were changed." in page
    client.post("/history/undo", data=undo_button(page))
    assert stored(app) == before


def test_a_field_can_be_emptied_and_a_filter_may_be_set(app: Flask, client: FlaskClient) -> None:
    add_people(app, [("A", 1), ("B", 1), ("C", 2)])
    data = {"every": "1", "number": "2", "set": "age", "age": ""}
    assert client.post("/users/bulk/edit?age=1", data=data).status_code == 303
    assert [age for _, _, age in stored(app)] == [None, None, 2]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "Tick a field to set."),
        ({"set": "age", "age": "old"}, "Write a whole number"),
        ({"set": "age", "age": "151"}, "Write a whole number"),
        ({"set": "name", "name": ""}, "Fill in this field."),
        ({"set": "nothing"}, "Tick a field to set."),
    ],
)
def test_a_wrong_value_is_explained(
    app: Flask, client: FlaskClient, data: dict[str, str], said: str
) -> None:
    add_people(app)
    before = stored(app)
    page = client.post("/users/bulk/edit", data={"key": ["1", "2"], "number": "2", **data})
    assert page.status_code == 422
    assert said in page.text
    assert stored(app) == before
    if data.get("age"):
        assert f'value="{data["age"]}"' in page.text
        assert 'value="age" checked' in page.text


def test_what_the_database_refuses_changes_nothing(kin: Flask) -> None:
    client = kin.test_client()
    with kin.app_context(), writing():
        family()
        before = everything()
    data = {"key": ["1", "2"], "number": "2", "set": "name", "name": "Same"}
    page = client.post("/person/bulk/edit", data=data)
    assert page.status_code == 422
    assert "Another record has this value already" in page.text
    with kin.app_context():
        assert everything() == before


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("/users/bulk/delete", {}, 303),
        ("/users/bulk/delete", {"key": "99"}, 303),
        ("/users/bulk/delete", {"key": "x"}, 400),
        ("/users/bulk/delete", {"key": "1", "number": "x"}, 409),
        ("/users/bulk/delete", {"key": [str(i) for i in range(1, 1100)]}, 400),
        ("/users/bulk/delete?sort=nothing", {"every": "1"}, 400),
        ("/users/bulk/edit?after=x", {"every": "1"}, 400),
        ("/users/bulk/edit", {"key": ["1", "1"]}, 200),
    ],
)
def test_requests_that_are_not_as_they_should_be(
    app: Flask, client: FlaskClient, path: str, data: dict[str, str], status: int
) -> None:
    add_people(app)
    assert client.post(path, data=data).status_code == status
    assert len(stored(app)) == 5
    assert client.get("/users/bulk/delete").status_code in (404, 405)


def test_keys_of_every_kind_can_be_chosen(site: Site) -> None:
    site.add(
        Tag, {"name": "a/b c,é%", "uses": 1}, {"name": "new", "uses": 1}, {"name": "", "uses": 2}
    )
    page = site.client.get("/tag/").text
    keys = [
        html.unescape(key) for key in re.findall(r'name="key" form="bulk" value="([^"]*)"', page)
    ]
    assert len(keys) == 3
    data = {"key": keys, "number": "3", "set": "uses", "uses": "9"}
    assert site.client.post("/tag/bulk/edit", data=data).status_code == 303
    assert site.stored(Tag, "a/b c,é%")["uses"] == 9
    assert (
        site.client.post("/tag/bulk/delete", data={"every": "1", "number": "3"}).status_code == 303
    )
    assert site.count(Tag) == 0
    message = site.client.get("/tag/").text
    site.client.post("/history/undo", data=undo_button(message))
    assert site.count(Tag) == 3


def test_composite_keys_are_walked(site: Site) -> None:
    from library import Author, BookAuthor

    site.add(Author, *({"id": i, "name": f"A{i}", "active": True} for i in range(2, 1102)))
    site.add(BookAuthor, *({"book_id": 1, "author_id": i} for i in range(1, 1102)))
    url = "/book_author/bulk/edit?author_id__gte=2"
    data = {"every": "1", "number": "1100", "set": "note", "note": "x"}
    assert site.client.post(url, data=data).status_code == 303
    with site.app.app_context():
        notes = db.session.scalars(select(BookAuthor.note)).all()
        assert sorted(notes, key=str) == [None] + ["x"] * 1100


def test_a_preview_tells_what_goes_along(kin: Flask) -> None:
    client = kin.test_client()
    with kin.app_context(), writing():
        family()
        db.session.execute(
            insert(Pet), [{"id": i, "name": f"P{i}", "person_id": 1} for i in range(2, 22)]
        )
        db.session.commit()
    page = client.get("/person/1/delete").text
    assert "These are deleted as well:" in page
    assert '<a href="/pet/?person_id=1">Pet: 21</a>' in page
    for shown in ("Letter: 1", "toy: 1", "membership: 1", '<a href="/letter/1">Letter 1</a>'):
        assert shown in page
    page = client.get("/house/1/delete").text
    assert "their reference is emptied" in page
    assert '<a href="/person/?house_id=1">Person: 2</a>' in page
    page = client.post("/house/bulk/delete", data={"every": "1"}).text
    assert "Person: 2" in page
    assert client.post("/house/bulk/delete", data={"every": "1", "number": "2"}).status_code == 303
    page = client.post("/person/bulk/delete", data={"key": ["1", "2"]}).text
    assert "Pet: 21" in page


def test_a_delete_that_is_blocked_explains_itself(kin: Flask) -> None:
    client = kin.test_client()
    with kin.app_context(), writing():
        family()
        db.session.add(Permit(id=1, person_id=1))
        db.session.commit()
        before = everything()
    page = client.get("/person/1/delete").text
    assert "would be left without" in page
    assert '<a href="/permit/1">Permit 1</a>' in page
    assert "btn-danger" not in page
    page = client.post("/person/bulk/delete", data={"every": "1"}).text
    assert "would be left without" in page
    assert "btn-danger" not in page
    for path, data in (
        ("/person/1/delete", {}),
        ("/person/bulk/delete", {"every": "1", "number": "2"}),
    ):
        refused = client.post(path, data=data)
        assert refused.status_code == 409
        assert "refer to" in refused.text
    with kin.app_context():
        assert everything() == before
        assert [row for row in changes("action") if row == ("delete",)] == []


def test_a_table_that_refers_to_itself_is_previewed(site: Site) -> None:
    site.add(Tag, {"name": "top", "parent": None}, {"name": "below", "parent": "top"})
    page = site.client.get("/tag/top/delete").text
    assert "would be left without" in page
    assert '<a href="/tag/below">Tag below</a>' in page
    assert "btn-danger" in site.client.get("/tag/below/delete").text
    page = site.client.post("/tag/bulk/delete", data={"every": "1"}).text
    assert "would be left without" not in page


def test_the_database_counts_where_its_rule_is_another_than_the_models(kin: Flask) -> None:
    """ON DELETE as the table was made, not as the model says."""
    with kin.app_context(), writing():
        from sqlalchemy import text

        Kin.metadata.tables["permit"].drop(db.engine)
        with db.engine.begin() as connection:
            connection.execute(
                text(
                    "CREATE TABLE permit (id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL, "
                    "FOREIGN KEY (person_id) REFERENCES person (id) ON DELETE CASCADE)"
                )
            )
        family()
        db.session.execute(insert(Permit).values(id=1, person_id=2))
        db.session.commit()
        with kin.test_request_context("/"):
            found = preview.touched(images.kept(PERSONS), [Person.id == 2])
        assert [(each.effect, str(each.label)) for each in found] == [("taken", "Permit")]
        assert bulk.delete(PERSONS, [(2,)]) == 1
        assert everything()["permit"] == []
        db.session.rollback()


def test_roles_have_the_boxes_that_they_can_use(kin: Flask) -> None:
    with kin.app_context(), writing():
        bulk.insert(HOUSES, [{"name": "Elm"}])
        db.session.commit()
    shown = {}
    for role in Role:
        with asking(kin, account(1, role)) as client:
            page = client.get("/house/").text
            shown[role] = ("data-bulk" in page, "Set fields" in page, "Delete…" in page)
    assert shown == {
        Role.VIEWER: (False, False, False),
        Role.EDITOR: (True, True, False),
        Role.ADMIN: (True, True, True),
    }


def test_a_scope_holds_for_all_that_match(kin: Flask) -> None:
    with kin.app_context(), writing():
        bulk.insert(PERSONS, ({"id": i, "name": f"P{i}", "age": i % 2} for i in range(1, 7)))
        db.session.commit()
    object.__setattr__(PERSONS, "scope", lambda who: Person.age == who.id)
    try:
        with asking(kin, account(1)) as client:
            assert (
                "Delete 3 records?" in client.post("/person/bulk/delete", data={"every": "1"}).text
            )
            data = {"key": ["1", "2"], "number": "1", "set": "age", "age": "0"}
            page = client.post("/person/bulk/edit", data=data)
            assert page.status_code == 422
            assert "could not see the record any more" in page.text
            data = {"every": "1", "number": "3"}
            assert client.post("/person/bulk/delete", data=data).status_code == 303
        with kin.app_context():
            assert db.session.scalars(select(Person.id).order_by(Person.id)).all() == [2, 4, 6]
    finally:
        object.__setattr__(PERSONS, "scope", None)
