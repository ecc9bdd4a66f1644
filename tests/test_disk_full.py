"""A disk that is full: a clear answer, nothing torn, and on it goes when there is room again."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from conftest import missing, settings
from kin import changes
from pages import stored
from webadmin import bulk, create_app, schema
from webadmin.database import db, writing
from webadmin.faults import is_disk_full
from webadmin.users import USERS

ROOM = "4m"
LEFT = 600_000  # bytes


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with little room."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        missing(f"A small file system cannot be mounted, which takes the rights of root: {error}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def app(small: Path) -> Iterator[Flask]:
    """A site whose database is on it, with some room left."""
    app = create_app(settings(f"sqlite:///{small / 'db.sqlite'}", small))
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        schema.upgrade()
    app.test_client().get("/users/")
    free = _free(small)
    (small / "filler").write_bytes(b"x" * (free - LEFT))
    yield app
    with app.app_context():
        db.engine.dispose()


def _free(folder: Path) -> int:
    line = subprocess.run(
        ["df", "--output=avail", "-B1", str(folder)], check=True, capture_output=True, text=True
    )
    return int(line.stdout.split()[-1])


def agree(app: Flask) -> None:
    """Check that the database is whole, and that history and table tell the same."""
    with app.app_context():
        assert db.session.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
        made = [key for key, action in changes("key", "action") if action == "create"]
        assert made == [str(key) for key, *_ in stored(app)]


def test_saving_until_the_disk_is_full(app: Flask, small: Path) -> None:
    client: Any = app.test_client()
    acknowledged, refused = 0, None
    for number in range(2000):
        answer = client.post("/users/new", data={"name": f"{number} " + "x" * 240, "age": "5"})
        if answer.status_code != 303:
            refused = answer
            break
        acknowledged += 1
    assert refused is not None
    assert refused.status_code == 503
    assert "The disk is full" in refused.text
    assert refused.headers["Retry-After"]
    assert "x" * 240 in refused.text  # what was typed can be sent again
    assert client.get("/users/").status_code == 200  # reading goes on
    assert len(stored(app)) == acknowledged > 3
    agree(app)
    (small / "filler").unlink()
    assert client.post("/users/new", data={"name": "Later", "age": "5"}).status_code == 303
    assert len(stored(app)) == acknowledged + 1
    agree(app)


def test_many_records_at_once_are_all_or_nothing(app: Flask) -> None:
    people = ({"name": f"{number} " + "y" * 200, "age": 1} for number in range(20_000))
    with app.app_context(), writing():
        with pytest.raises(Exception) as raised:
            bulk.insert(USERS, people)
        assert is_disk_full(raised.value)
        db.session.rollback()
    assert stored(app) == []
    agree(app)
