"""Users: what may be a name and an age, typed into the real form, on each database."""

import unicodedata

import pytest
from browser_form import errors, send, send_again, shown
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from pages import add_people, stored
from webadmin.database import db, writing

WHOLE = "Write a whole number in plain digits from 0 to 150, or nothing."
AGES = [
    ("", None), ("0", 0), ("150", 150), ("42", 42), (" 7 ", 7), ("007", 7), ("-0", 0),
    ("-1", WHOLE), ("151", WHOLE), ("99999999999999999999", WHOLE), ("٣", WHOLE), ("１２", WHOLE),
    ("1_0", WHOLE), ("+5", WHOLE), ("5.0", WHOLE), ("1e2", WHOLE), ("0x10", WHOLE), ("4 2", WHOLE),
    ("²", WHOLE), ("five", WHOLE), ("--1", WHOLE), ("1,0", WHOLE), ("NaN", WHOLE),
    ("\u200f5", WHOLE),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "expected"), AGES)
def test_ages(app: Flask, client: FlaskClient, typed: str, expected: int | str | None) -> None:
    response = send(client, "/users/new", name="Ada", age=typed)
    if isinstance(expected, str):
        assert response.status_code == 422
        assert errors(response.text) == {"age": expected}
        assert shown(response.text)["age"] == typed
        assert stored(app) == []
        assert send_again(client, "/users/new", response, age="5").status_code == 303
    else:
        assert response.status_code == 303
        assert [age for _, _, age in stored(app)] == [expected]


NAMES = [
    ("", "Fill in this field."), ("   ", "Fill in this field."), ("\u3000\u00a0", "Fill in"),
    ("a" * 256, "at most 255 characters; these are 256"), ("𝒜" * 256, "these are 256"),
    ("a\tb", "U+0009"), ("a\x7fb", "U+007F"), ("a\x85b", "U+0085"), ("\x01", "U+0001"),
    ("a\x1bb", "U+001B"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "message"), NAMES)
def test_names_that_are_refused(app: Flask, client: FlaskClient, typed: str, message: str) -> None:
    response = send(client, "/users/new", name=typed, age="1")
    assert response.status_code == 422
    assert list(errors(response.text)) == ["name"]
    assert message in errors(response.text)["name"]
    assert shown(response.text) | {"age": "1"} == shown(response.text)
    assert stored(app) == []


def test_a_line_break_in_a_name_is_refused(app: Flask, client: FlaskClient) -> None:
    """No browser sends one, but other programs do."""
    response = client.post("/users/new", data={"name": "a\r\nb"})
    assert "U+000A" in errors(response.text)["name"]
    assert stored(app) == []


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=257))
@example("e\u0301 is not é")
@example("\u202eright to left\u2066")
@example("👩‍👩‍👧‍👦" * 36)
@example("\ufeff\u200b")
@example("\ue000\U0010ffff\ufffe")
def test_any_name_is_kept_exactly_or_refused_with_a_message(
    app: Flask, client: FlaskClient, name: str
) -> None:
    with app.app_context(), writing():
        db.session.execute(text("DELETE FROM users"))
        db.session.commit()
    response = send(client, "/users/new", name=name)
    trimmed = name.strip()
    right = 1 <= len(trimmed) <= 255 and "Cc" not in map(unicodedata.category, trimmed)
    if not right:
        assert response.status_code == 422
        assert list(errors(response.text)) == ["name"]
        assert shown(response.text)["name"] == name
        return
    assert response.status_code == 303
    ((key, kept, _),) = stored(app)
    assert kept == trimmed
    assert send(client, f"/users/{key}/edit", age="3").status_code == 303
    assert stored(app) == [(key, trimmed, 3)]


OLD = ["", " spaces ", "line\nbreak", "tab\t", "x" * 300, "\r\n", None]


@pytest.mark.parametrize("name", OLD)
def test_an_old_record_is_mended_one_field_at_a_time(
    app: Flask, client: FlaskClient, name: str | None
) -> None:
    with app.app_context(), writing():
        if db.engine.dialect.name == "postgresql":
            db.session.execute(text("ALTER TABLE users ALTER name TYPE VARCHAR"))
        elif db.engine.dialect.name == "mariadb":
            db.session.execute(text("ALTER TABLE users MODIFY name VARCHAR(500)"))
        db.session.commit()
    add_people(app, [(name, 999)])
    assert send(client, "/users/1/edit", age="99").status_code == 303
    assert stored(app) == [(1, name, 99)]
    assert send(client, "/users/1/edit", name="Ada").status_code == 303
    assert stored(app) == [(1, "Ada", 99)]
    refused = send(client, "/users/1/edit", name=" ")
    assert errors(refused.text) == {"name": "Fill in this field."}
