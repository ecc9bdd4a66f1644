"""The pages of the history: who sees what, and taking things back in a browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from lists import statements
from sqlalchemy import select, update

from kin import HOUSES, PERSONS, Person, changes, everything, family, kin
from pages import add_people, edit, hidden, stored
from webadmin import bulk, differences, history, timeline
from webadmin.database import db, writing
from webadmin.history import Change
from webadmin.permissions import Role
from webadmin.users import USERS

__all__ = ["kin"]


def account(number: int, role: Role = Role.ADMIN) -> Any:
    return SimpleNamespace(id=number, email=f"no{number}@example.com", role=role)


@contextmanager
def asking(app: Flask, who: Any) -> Iterator[FlaskClient]:
    """Let requests come from an account, as the guard does."""

    def enter() -> None:
        db.session.info["account"] = who

    app.before_request_funcs.setdefault(None, []).append(enter)
    try:
        yield app.test_client()
    finally:
        app.before_request_funcs[None].remove(enter)


def last() -> Change:
    found = db.session.scalar(select(Change).order_by(Change.id.desc()).limit(1))
    assert found is not None
    return found


def undo_button(page: str) -> dict[str, str]:
    """Return what the undo button of the last message sends, else the first one of the page."""
    found = re.findall(r'form="undo" name="(\w+)" value="(\w+)"', page)
    assert found, "no undo button"
    messages = page.count('<div class="notice notice-success"')
    name, value = found[messages - 1] if messages else found[0]
    return {name: value}


def test_a_save_can_be_undone_from_its_message(app: Flask, client: FlaskClient) -> None:
    add_people(app, [("Ada", 36)])
    edit(client, 1, age="37")
    page = client.get("/users/").text
    assert "was saved" in page
    done = client.post("/history/undo", data=undo_button(page), headers={"Referer": "/users/?q=a"})
    assert (done.status_code, done.location) == (303, "/users/?q=a")
    assert stored(app) == [(1, "Ada", 36)]
    again = undo_button(client.get("/users/").text)
    client.post("/history/undo", data=again)
    assert stored(app) == [(1, "Ada", 37)]


def test_a_creation_and_a_delete_can_be_undone(app: Flask, client: FlaskClient) -> None:
    token = hidden(client.get("/users/new"), "_submission")
    client.post("/users/new", data={"name": "Ada", "age": "", "_submission": token})
    button = undo_button(client.get("/users/").text)
    done = client.post("/history/undo", data=button, headers={"Referer": "/users/1"})
    assert done.location == "/users/"
    assert stored(app) == []
    client.post("/history/undo", data=undo_button(client.get("/users/").text))
    assert stored(app) == [(1, "Ada", None)]
    client.post("/users/1/delete")
    client.post("/history/undo", data=undo_button(client.get("/users/").text))
    assert stored(app) == [(1, "Ada", None)]
    story = client.get("/users/1/history").text
    assert story.count("Brought back") == 2
    assert "Creation undone" in story


def test_the_timeline_stays_when_the_record_is_gone(app: Flask, client: FlaskClient) -> None:
    add_people(app, [("Ada", 36)])
    edit(client, 1, age="37", name="Ada King")
    client.post("/users/1/delete")
    page = client.get("/users/1/history")
    assert page.status_code == 200
    for shown in ("History of Ada King", "The record is gone", "Deleted", "36", "37"):
        assert shown in page.text
    assert client.get("/users/2/history").status_code == 404
    assert client.get("/users/nobody/history").status_code == 404


def test_a_record_without_changes_says_so(app: Flask, client: FlaskClient) -> None:
    add_people(app, [("Ada", 36)])
    assert "Nothing has been changed yet" in client.get("/users/1/history").text
    assert "Nothing has been changed yet" in client.get("/users/1").text
    assert "Nothing has been changed yet" in client.get("/history/").text


def test_the_timeline_has_pages(app: Flask, client: FlaskClient) -> None:
    add_people(app, [("Ada", 0)])
    with app.app_context(), writing():
        for age in range(1, 121):
            bulk.update(USERS, [((1,), {"age": age})])
            db.session.commit()
    for path in ("/users/1/history", "/history/"):
        seen, url = [], path
        while url:
            page = client.get(url).text
            seen += re.findall(r"after: </span>(\d+)", page)
            more = re.search(r'rel="next" href="([^"]+)"', page)
            url = more[1].replace("&amp;", "&") if more else ""
            url = path + url if url.startswith("?") else url
        assert seen == [str(age) for age in range(120, 0, -1)]


def test_a_batch_is_one_entry(kin: Flask) -> None:
    client = kin.test_client()
    with kin.app_context(), writing():
        with history.batch("people.csv") as batch:
            bulk.insert(PERSONS, ({"name": f"P{i}", "age": i} for i in range(1200)))
            db.session.commit()
        bulk.insert(HOUSES, [{"name": "Elm"}])
        db.session.commit()
    page = client.get("/history/").text
    assert page.count("<li>") - page.count('<li><a class="item"') == 2
    assert "Person: 1,200 created by import of people.csv" in page
    whole = client.get(f"/history/?batch={batch}").text
    assert whole.count("Created by import of people.csv") == timeline.SIZE
    assert "Undo all of this" in whole
    client.post("/history/undo", data={"batch": batch})
    with kin.app_context():
        assert everything()["person"] == []
    assert "1,200 changes were undone." in client.get("/history/").text


FILTERS = [
    ({"resource": "person"}, 2),
    ({"resource": "pet"}, 0),
    ({"account": "5"}, 1),
    ({"account": "none"}, 2),
    ({"action": "edit"}, 1),
    ({"action": "delete", "resource": "person"}, 0),
    ({"from": "2020-01-01", "to": "2020-12-31"}, 1),
    ({"from": "2021-01-01"}, 2),
    ({"to": "2019-12-31"}, 0),
    ({"batch": "none"}, 0),
]


def story(page: str) -> int:
    return len(re.findall(r'<p class="who">', page))


def test_everything_can_be_narrowed(kin: Flask) -> None:
    with kin.app_context(), writing():
        db.session.info["account"] = account(5)
        bulk.insert(PERSONS, [{"id": 1, "name": "Ada"}])
        db.session.commit()
        db.session.info.pop("account")
        bulk.update(PERSONS, [((1,), {"age": 3})])
        db.session.commit()
        bulk.insert(HOUSES, [{"name": "Elm"}])
        db.session.commit()
        then = datetime(2020, 12, 31, 23, 59, 59)
        db.session.execute(update(Change).where(Change.resource == "house").values(at=then))
        db.session.commit()
    client = kin.test_client()
    for given, number in FILTERS:
        page = client.get("/history/", query_string=given)
        assert (given, story(page.text)) == (given, number)
    assert "no5@example.com" in client.get("/history/?action=edit").text  # in the choice of whom


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("resource=cats", "Choose one of"),
        ("action=prunes", "Choose one of"),
        ("account=ada", "plain digits"),
        ("from=yesterday", "2026-03-31"),
        ("to=2026-02-30", "2026-03-31"),
        ("older=-1", "plain digits"),
        ("page=2", "Known are: resource, account"),
        ("from=9999-12-31&to=9999-12-31", "2026-03-31"),
    ],
)
def test_a_wrong_parameter_is_explained(
    app: Flask, client: FlaskClient, query: str, said: str
) -> None:
    page = client.get(f"/history/?{query}")
    assert page.status_code == 400
    assert said in page.text


def test_old_dates_are_no_fault(app: Flask, client: FlaskClient) -> None:
    assert client.get("/history/?from=0001-01-01").status_code in (200, 400)
    assert client.get("/users/1/history?older=x").status_code == 400


def test_a_conflict_is_shown_and_can_be_overwritten(app: Flask, client: FlaskClient) -> None:
    add_people(app, [("Ada", 36)])
    edit(client, 1, age="37")
    with app.app_context():
        mine = last().id
    edit(client, 1, age="38")
    page = client.post("/history/undo", data={"change": mine}, headers={"Referer": "/users/1"})
    assert page.status_code == 409
    for shown in ("36", "37", "38", "Undo anyway", 'href="/users/1"'):
        assert shown in page.text
    assert stored(app) == [(1, "Ada", 38)]
    form = {name: hidden(page, name) for name in ("change", "seen", "back")}
    assert client.post("/history/undo", data=form).location == "/users/1"
    assert stored(app) == [(1, "Ada", 36)]


def test_what_the_database_refuses_is_explained(kin: Flask) -> None:
    with kin.app_context(), writing():
        bulk.insert(PERSONS, [{"id": 1, "name": "Ada"}])
        bulk.delete(PERSONS, [(1,)])
        db.session.commit()
        mine = last().id
        bulk.insert(PERSONS, [{"id": 2, "name": "Ada"}])
        db.session.commit()
    page = kin.test_client().post("/history/undo", data={"change": mine})
    assert page.status_code == 409
    assert "Another record has this value already" in page.text
    assert "Undo anyway" not in page.text


@pytest.mark.parametrize("data", [{}, {"change": "x"}, {"change": "99"}, {"batch": "none"}])
def test_nothing_to_undo_is_not_found(
    app: Flask, client: FlaskClient, data: dict[str, str]
) -> None:
    assert client.post("/history/undo", data=data).status_code == 404
    assert client.get("/history/undo").status_code == 405


@pytest.mark.parametrize(
    "referrer", ["https://evil.example/x", "//evil.example", "/history/undo", "javascript:x", ""]
)
def test_undo_leads_to_pages_of_the_site_only(
    app: Flask, client: FlaskClient, referrer: str
) -> None:
    add_people(app, [("Ada", 36)])
    edit(client, 1, age="37")
    with app.app_context():
        mine = last().id
    answer = client.post("/history/undo", data={"change": mine, "back": referrer})
    assert answer.status_code == 303
    assert answer.location.startswith("/")
    assert not answer.location.startswith("//")
    assert "evil" not in answer.location


def test_roles_see_and_undo_what_is_theirs(kin: Flask) -> None:
    with kin.app_context(), writing():
        db.session.info["account"] = account(1)
        bulk.insert(HOUSES, [{"id": 1, "name": "Elm"}])
        db.session.commit()
        db.session.info["account"] = account(2)
        bulk.update(HOUSES, [((1,), {"name": "Oak"})])
        db.session.commit()
        mine = last().id
        db.session.info.pop("account")
    with asking(kin, account(1, Role.EDITOR)) as client:
        page = client.get("/history/").text
        assert story(page) == 2
        assert page.count('form="undo"') == 1
        assert client.post("/history/undo", data={"change": mine}).status_code == 403
    with asking(kin, account(2, Role.VIEWER)) as client:
        assert 'form="undo"' not in client.get("/history/").text
        assert client.post("/history/undo", data={"change": mine}).status_code == 403
    with asking(kin, account(2, Role.EDITOR)) as client:
        assert client.post("/history/undo", data={"change": mine}).status_code == 303
    with kin.app_context():
        assert everything()["house"] == [(1, "Elm")]


def test_a_resource_that_may_not_be_seen_has_no_history(
    kin: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webadmin.permissions import Action

    with kin.app_context(), writing():
        bulk.insert(HOUSES, [{"id": 1, "name": "Elm"}])
        db.session.commit()
    monkeypatch.setitem(HOUSES.permissions, Action.VIEW, (Role.ADMIN,))  # type: ignore[arg-type]
    with asking(kin, account(1, Role.EDITOR)) as client:
        assert story(client.get("/history/").text) == 0
        assert "Elm" not in client.get("/").text


def test_a_scope_hides_what_others_did(kin: Flask) -> None:
    with kin.app_context(), writing():
        for who in (1, 2):
            db.session.info["account"] = account(who)
            bulk.insert(PERSONS, [{"id": who, "name": f"Person {who}", "age": who}])
            db.session.commit()
            bulk.insert(PERSONS, [{"id": who + 10, "name": f"Gone {who}", "age": who}])
            db.session.commit()
            bulk.delete(PERSONS, [(who + 10,)])
            db.session.commit()
        db.session.info.pop("account")
    object.__setattr__(PERSONS, "scope", lambda who: Person.age == who.id)
    try:
        with asking(kin, account(1, Role.EDITOR)) as client:
            page = client.get("/history/").text
            assert "Gone 1" in page
            assert "Gone 2" not in page
            assert "Gone 2" not in client.get("/").text
            assert client.get("/person/1/history").status_code == 200
            assert client.get("/person/11/history").status_code == 200
            assert client.get("/person/2/history").status_code == 404
            assert client.get("/person/12/history").status_code == 404
    finally:
        object.__setattr__(PERSONS, "scope", None)


def test_links_that_a_delete_removed_return_by_one_click(kin: Flask) -> None:
    with kin.app_context(), writing():
        family()
        before = everything()
    client = kin.test_client()
    assert client.post("/person/1/delete").status_code == 303
    assert "This record" not in client.get("/person/1/history").text
    client.post("/history/undo", data=undo_button(client.get("/person/1/history").text))
    with kin.app_context():
        assert everything() == before
    client.post("/house/1/delete")
    client.post("/history/undo", data=undo_button(client.get("/history/?resource=house").text))
    with kin.app_context():
        assert everything() == before


def test_pages_read_what_they_show(kin: Flask) -> None:
    """The number of statements does not grow with the changes."""
    client = kin.test_client()
    with kin.app_context(), writing():
        numbers = []
        client.get("/history/")  # the first request looks at the schema
        for many in (2, 40):
            for number in range(many):
                db.session.info["account"] = account(number)
                bulk.insert(HOUSES, [{"name": str(number)}])
                db.session.commit()
            with statements() as run:
                assert client.get("/history/").status_code == 200
            numbers.append(len([sql for sql, _ in run if "SELECT" in sql]))
        assert numbers[0] == numbers[1] <= 6
        db.session.info.pop("account")


def test_the_home_page_tells_what_was_changed_last(app: Flask, client: FlaskClient) -> None:
    assert "Recent changes" not in client.get("/").text
    add_people(app, [("Ada", 36)])
    edit(client, 1, age="37")
    page = client.get("/").text
    assert "Recent changes" in page
    assert "User 1" in page


@pytest.mark.parametrize(
    ("old", "new", "marked"),
    [
        ("one two three", "one 2 three", "one -two+2 three"),
        ("the same start and a", "the same start and b", "the same start and -a+b"),
        ("a b c", "x y z", None),
        ("word", "words", None),
        ("<b> one two", "<b> one 2", "&lt;b&gt; one -two+2"),
    ],
)
def test_long_texts_are_compared_by_words(
    old: str, new: str, marked: str | None, app: Flask
) -> None:
    with app.test_request_context():
        found = differences.texts(old, new)
        if marked is None:
            assert found is None
            return
        plain = re.sub(r'<span class="visually-hidden">.*?</span>', "", str(found))
        plain = re.sub(r"<del>(.*?)</del>", r"-\1", plain)
        assert re.sub(r"<ins>(.*?)</ins>", r"+\1", plain) == marked


def test_what_is_far_from_a_change_is_left_out(app: Flask) -> None:
    words = " ".join(f"w{i}" for i in range(200))
    with app.test_request_context():
        found = str(differences.texts(words, words.replace("w100 ", "new ")))
        assert "w99" in found
        assert "w50" not in found
        assert "…" in found
        assert differences.texts("a " * 3000, "b " * 3000) is None


def test_times_are_in_plain_words(app: Flask) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    with app.test_request_context():
        g.pop("translations", None)
        assert timeline._ago(now) == "just now"
        assert timeline._ago(now - timedelta(minutes=2, seconds=5)) == "2 minutes ago"
        assert timeline._ago(now - timedelta(days=1)).startswith("yesterday ")
        assert "20" in timeline._ago(now - timedelta(days=800))


def test_values_are_never_html(app: Flask, client: FlaskClient) -> None:
    add_people(app, [("<script>1</script> one two", 36)])
    edit(client, 1, name="<script>2</script> one two")
    client.post("/users/1/delete")
    for path in ("/users/1/history", "/history/", "/"):
        assert "<script>" not in re.sub(r"<script type=\"module\" src", "", client.get(path).text)


def test_two_accounts_take_turns_with_one_record(kin: Flask) -> None:
    """All interleavings of two edits, a delete and two undos."""
    with kin.app_context(), writing():
        for order in set(permutations(["edit", "edit", "delete", "undo", "undo"])):
            interleave(order)


def interleave(order: tuple[str, ...]) -> None:
    """Let two accounts take turns; nothing may tear the history from the table."""
    from test_undo import empty, replayed
    from test_undo import stored as images_stored

    from webadmin import undo

    empty()
    bulk.insert(HOUSES, [{"id": 1, "name": "0"}])
    db.session.commit()
    done: dict[int, list[str]] = {1: [], 2: []}
    for turn, deed in enumerate(order):
        who = turn % 2 + 1
        db.session.info["account"] = account(who)
        if deed == "edit":
            bulk.update(HOUSES, [((1,), {"name": f"{who}-{turn}"})])
        elif deed == "delete":
            bulk.delete(HOUSES, [(1,)])
        elif done[who]:
            before = images_stored()
            outcome = undo.batch(done[who][-1])
            if outcome.problems:
                db.session.rollback()
                assert images_stored() == before
        batch = history.recorded()
        db.session.commit()
        done[who] += [batch] if batch else []
        assert replayed() == images_stored()
    db.session.info.pop("account")
    for batch in dict.fromkeys(db.session.scalars(select(Change.batch).order_by(Change.id.desc()))):
        assert undo.batch(batch).problems == []
        db.session.commit()
    assert images_stored() == {}
    assert {name for (name,) in changes("resource")} == {"house"}
