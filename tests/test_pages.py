"""Each page of users against one checklist, on each database."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from pages import PEOPLE, add_people, edit, hidden, stored
from webadmin.pages import PAGES

RECORD_PAGES = ["/users/{}", "/users/{}/edit", "/users/{}/delete"]
OTHER_PAGES = ["/", "/users/", "/users/new"]
BAD_KEYS = [
    "-1", "0", "999", "9223372036854775807", "9223372036854775808", "18446744073709551616",
    "abc", "%20", "%D9%A3", "007", "1.0", "+1", "1,2", "%00", "%FF", "1%2F2", "..%2F1", "9" * 300,
]  # fmt: skip


def test_every_page_works(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    for path in [*OTHER_PAGES, *(page.format(1) for page in RECORD_PAGES)]:
        response = client.get(path)
        assert response.status_code == 200, path
        assert response.content_type == "text/html; charset=utf-8"


def test_every_page_works_with_nulls(app: Flask, client: FlaskClient) -> None:
    add_people(app, [(None, None)])
    for path in ["/users/", *(page.format(1) for page in RECORD_PAGES)]:
        assert client.get(path).status_code == 200, path
    assert "User 1" in client.get("/users/1").text


def test_bad_keys_are_not_found(client: FlaskClient) -> None:
    for key in BAD_KEYS:
        for page in RECORD_PAGES:
            response = client.get(page.format(key))
            assert response.status_code == 404, page.format(key)
            assert "There is nothing here" in response.text
    assert client.get("/users//edit").status_code in (404, 308)


def test_writing_to_a_missing_record_is_not_found(client: FlaskClient) -> None:
    for key in ("5", "abc"):
        assert client.post(f"/users/{key}/edit", data={"name": "x"}).status_code == 404
        assert client.post(f"/users/{key}/delete").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_wrong_methods_are_refused(app: Flask, client: FlaskClient, method: str) -> None:
    add_people(app)
    before = stored(app)
    writable = {"POST": ("/users/new", "/users/1/edit", "/users/1/delete")}.get(method, ())
    for path in [*OTHER_PAGES, *(page.format(1) for page in RECORD_PAGES)]:
        if path in writable:
            continue
        response = client.open(path, method=method)
        assert response.status_code == 405, path
        assert "GET" in response.headers["Allow"]
    assert stored(app) == before


def test_delete_and_edit_are_never_done_by_get(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    client.get("/users/1/delete?name=x")
    client.get("/users/1/edit?name=x")
    assert stored(app)[0][1:] == PEOPLE[0]


def test_the_job_from_create_to_delete(app: Flask, client: FlaskClient) -> None:
    response = client.post("/users/new", data={"name": "  Grace Hopper ", "age": "85"})
    assert response.status_code == 303
    assert response.headers["Location"] == "/users/#record-1"
    assert stored(app) == [(1, "Grace Hopper", 85)]
    assert "Grace Hopper" in client.get("/users/?q=hopper").text
    assert edit(client, 1, age="").status_code == 303
    assert stored(app) == [(1, "Grace Hopper", None)]
    assert "was saved" in client.get("/users/").text
    assert client.post("/users/1/delete").headers["Location"] == "/users/"
    assert stored(app) == []
    assert "no records yet" in client.get("/users/").text


def test_one_returns_to_the_same_place(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    place = "?q=a&age__gte=1&sort=-age&size=25"
    assert client.post(f"/users/1/delete{place}").headers["Location"] == f"/users/{place}"
    created = client.post(f"/users/new{place}", data={"name": "B"})
    assert created.headers["Location"].startswith(f"/users/{place}#record-")
    assert f'href="/users/{place.replace("&", "&amp;")}"' in client.get(f"/users/2{place}").text


def test_where_saving_leads(app: Flask, client: FlaskClient) -> None:
    add = client.post("/users/new?sort=name", data={"name": "A", "_then": "add"})
    assert add.headers["Location"] == "/users/new?sort=name"
    go_on = client.post("/users/new", data={"name": "B", "_then": "edit"})
    assert go_on.headers["Location"] == "/users/2/edit"


def test_a_form_sent_twice_makes_one_record(app: Flask, client: FlaskClient) -> None:
    data = {
        "name": "Once",
        "age": "1",
        "_submission": hidden(client.get("/users/new"), "_submission"),
    }
    first, second = (client.post("/users/new", data=data) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert len(stored(app)) == 1
    client.post("/users/new", data=data | {"name": "Another"})
    assert [name for _, name, _ in stored(app)] == ["Once", "Another"]


def test_a_wrong_form_keeps_what_was_typed(app: Flask, client: FlaskClient) -> None:
    response = client.post("/users/new", data={"name": "<b>Ada</b>", "age": "old"})
    assert response.status_code == 422
    assert 'value="&lt;b&gt;Ada&lt;/b&gt;"' in response.text
    assert 'value="old"' in response.text
    assert 'href="#age"' in response.text
    assert "Write a whole number in plain digits" in response.text
    assert stored(app) == []


def test_only_fields_of_the_form_are_written(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    client.post("/users/new", data={"name": "New", "id": "77", "role": "admin", "_x": "y"})
    edit(client, 1, id="78", extra="z")
    assert [key for key, _, _ in stored(app)] == [1, 2, 3, 4, 5, 6]


def test_what_was_found_is_marked(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    text = client.get("/users/?q=ada").text
    assert "<mark>Ada</mark> Lovelace" in text
    assert re.findall("<mark>(.*?)</mark>", client.get("/users/?q=003").text) == ["3"]
    assert "<mark>" not in client.get("/users/").text


def test_neighbours_follow_the_list_one_came_from(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    page = client.get("/users/1?sort=-age&age__gte=1").text
    assert 'rel="prev" href="/users/4?age__gte=1&amp;sort=-age"' in page
    assert 'rel="next" href="/users/3?age__gte=1&amp;sort=-age"' in page


def test_text_of_other_scripts_is_kept_exactly(app: Flask, client: FlaskClient) -> None:
    names = [
        "e\u0301 é",
        "\u202eabc",
        "👩‍👩‍👧",
        "ﬁ",
        "a" * 255,
        "𝒜" * 255,
        "ẞ",
        'O\'Brien "x" %_/\\',
    ]
    for name in names:
        assert client.post("/users/new", data={"name": name}).status_code == 303, name
    assert [name for _, name, _ in stored(app)] == names


def test_every_page_names_its_action() -> None:
    """A page has no default action: it cannot be forgotten."""
    assert all(page.action for page in PAGES)
    assert len({page.name for page in PAGES}) == len(PAGES)
