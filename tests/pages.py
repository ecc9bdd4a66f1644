"""What tests do with pages: fill a table, read a form, send it back."""

import html
import re
from collections.abc import Iterable

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select
from werkzeug.test import TestResponse

from webadmin.database import db, writing
from webadmin.users import User

PEOPLE: list[tuple[str | None, int | None]] = [
    ("Ada Lovelace", 36),
    ("Zoë Knuth", None),
    ("فاطمة", 4),
    ("鈴木", 150),
    (None, 0),
]


def add_people(app: Flask, people: Iterable[tuple[str | None, int | None]] = PEOPLE) -> None:
    """Store users directly, so that NULLs can be among them."""
    with app.app_context(), writing():
        rows = [{"name": name, "age": age} for name, age in people]
        db.session.execute(insert(User), rows)
        db.session.commit()


def stored(app: Flask) -> list[tuple[int, str | None, int | None]]:
    """Return all users as the database has them."""
    with app.app_context():
        rows = db.session.execute(select(User.id, User.name, User.age).order_by(User.id))
        return [tuple(row) for row in rows]


def hidden(response: TestResponse, name: str) -> str:
    """Return the value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', response.text)
    assert found, f"no field {name}"
    return html.unescape(found[1])


def edit(client: FlaskClient, key: int, **fields: str) -> TestResponse:
    """Open the edit form of a user and send it with other values."""
    page = client.get(f"/users/{key}/edit")
    values = {name: hidden_or_value(page, name) for name in ("name", "age")}
    data = values | {"_original": hidden(page, "_original")} | fields
    return client.post(f"/users/{key}/edit", data=data)


def hidden_or_value(response: TestResponse, name: str) -> str:
    """Return what an <input> of a page holds."""
    tag = re.search(rf'<input[^>]*\bname="{name}"[^>]*>', response.text)
    assert tag, f"no input {name}"
    value = re.search(r'\bvalue="([^"]*)"', tag[0])
    return html.unescape(value[1]) if value else ""
