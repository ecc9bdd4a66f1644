"""Two people edit one record: nothing is lost, on each database."""

from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pages import add_people, edit, hidden, hidden_or_value, stored


def opened(client: FlaskClient) -> dict[str, str]:
    """Open the edit form of user 1 and return what it would send."""
    page = client.get("/users/1/edit")
    fields = {name: hidden_or_value(page, name) for name in ("name", "age")}
    return fields | {"_original": hidden(page, "_original")}


def send(client: FlaskClient, form: dict[str, str], **changes: str) -> TestResponse:
    return client.post("/users/1/edit", data=form | changes)


def test_fields_changed_on_different_sides_merge(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    mine = opened(client)
    assert edit(client, 1, age="37").status_code == 303
    assert send(client, mine, name="Countess Lovelace").status_code == 303
    assert stored(app)[0] == (1, "Countess Lovelace", 37)
    assert "both were kept" in client.get("/users/").text


def test_the_same_field_changed_differently_is_a_conflict(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    mine = opened(client)
    edit(client, 1, age="37", name="Ada King")
    response = send(client, mine, age="38")
    assert response.status_code == 409
    for shown in ("36", "37", "38", "Somebody else changed"):
        assert shown in response.text
    assert stored(app)[0] == (1, "Ada King", 37)


def test_the_same_change_on_both_sides_is_no_conflict(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    mine = opened(client)
    edit(client, 1, age="37")
    assert send(client, mine, age="37").status_code == 303
    assert stored(app)[0] == (1, "Ada Lovelace", 37)


def conflict(app: Flask, client: FlaskClient) -> dict[str, str]:
    """Bring about a conflict in age, with a new name of mine; return the conflict page's form."""
    add_people(app)
    mine = opened(client)
    edit(client, 1, age="37")
    page = send(client, mine, age="38", name="Countess")
    assert page.status_code == 409
    names = ("name", "age", "_original", "_conflict")
    return {name: hidden(page, name) for name in names}


def test_mine_can_be_saved_anyway(app: Flask, client: FlaskClient) -> None:
    form = conflict(app, client)
    assert send(client, form).status_code == 303
    assert stored(app)[0] == (1, "Countess", 38)


def test_saving_mine_leaves_other_fields_of_theirs_alone(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    mine = opened(client)
    edit(client, 1, age="37", name="Ada King")
    page = send(client, mine, age="38")
    assert page.status_code == 409
    form = {name: hidden(page, name) for name in ("name", "age", "_original", "_conflict")}
    assert send(client, form).status_code == 303
    assert stored(app)[0] == (1, "Ada King", 38)


def test_theirs_can_be_taken(app: Flask, client: FlaskClient) -> None:
    form = conflict(app, client)
    assert send(client, form, _resolve="theirs").status_code == 303
    assert stored(app)[0] == (1, "Countess", 37)


def test_a_third_change_meanwhile_is_a_conflict_again(app: Flask, client: FlaskClient) -> None:
    form = conflict(app, client)
    edit(client, 1, age="40")
    assert send(client, form).status_code == 409
    assert stored(app)[0][2] == 40


def test_a_record_deleted_meanwhile_can_be_created_anew(app: Flask, client: FlaskClient) -> None:
    add_people(app, [("Ada", 36)])
    mine = opened(client)
    client.post("/users/1/delete")
    response = send(client, mine, name="Ada again")
    assert response.status_code == 409
    assert 'value="Ada again"' in response.text
    assert 'action="/users/new"' in response.text
    token = hidden(response, "_submission")
    client.post("/users/new", data={"name": "Ada again", "age": "36", "_submission": token})
    assert [row[1:] for row in stored(app)] == [("Ada again", 36)]


def test_deleting_a_deleted_record_says_so(app: Flask, client: FlaskClient) -> None:
    add_people(app, [("Ada", 36)])
    client.post("/users/1/delete")
    assert client.post("/users/1/delete").status_code == 404


def test_a_forged_or_missing_original_writes_nothing(app: Flask, client: FlaskClient) -> None:
    add_people(app)
    form = opened(client)
    other = hidden(client.get("/users/2/edit"), "_original")
    for original in ("", "x", form["_original"][:-2], other):
        response = send(client, form, _original=original, name="Forged")
        assert response.status_code == 400
        assert 'value="Forged"' in response.text
    assert stored(app)[0][1] == "Ada Lovelace"


def test_an_unchanged_field_is_not_written(app: Flask, client: FlaskClient) -> None:
    """What another program stored, spaces and all, survives an edit beside it."""
    add_people(app, [("  two  spaces ", 1), ("line\nbreak\r\n", 2), ("tab\t", 3)])
    for key in (1, 2, 3):
        page = client.get(f"/users/{key}/edit")
        if key == 2:
            assert "<textarea" in page.text
        form = {"_original": hidden(page, "_original"), "age": "9"}
        form["name"] = {1: "  two  spaces ", 2: "line\r\nbreak\r\n", 3: "tab\t"}[key]
        response = client.post(f"/users/{key}/edit", data=form)
        assert response.status_code in (303, 422)
        assert [row[1] for row in stored(app)] == ["  two  spaces ", "line\nbreak\r\n", "tab\t"]


def test_parallel_edits_of_one_record_lose_nothing(app: Flask, client: FlaskClient) -> None:
    """Of people who all loaded the same age one wins; each other one is told."""
    add_people(app, [("Ada", 0)])
    form = opened(client)

    def save(age: int) -> int:
        with app.test_client() as own:
            return send(own, form, age=str(age)).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(save, range(1, 25)))
    assert sorted(set(answers)) == [303, 409]
    assert answers.count(303) == 1
    assert stored(app)[0][2] == answers.index(303) + 1


def test_parallel_submissions_of_one_form_make_one_record(app: Flask, client: FlaskClient) -> None:
    token = hidden(client.get("/users/new"), "_submission")

    def save(_: int) -> tuple[int, str | None]:
        with app.test_client() as own:
            response = own.post("/users/new", data={"name": "Once", "_submission": token})
            return response.status_code, response.headers.get("Location")

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(save, range(16)))
    ((key, *_),) = stored(app)  # a server may have used up keys for those that came too late
    assert answers == {(303, f"/users/#record-{key}")}
