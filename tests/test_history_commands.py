"""`webadmin history`, `webadmin history prune` and `webadmin undo`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import select, update

from pages import add_people, stored
from webadmin import bulk
from webadmin.cli import main
from webadmin.database import db, writing
from webadmin.history import Change
from webadmin.users import USERS


@pytest.fixture
def run(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("WEBADMIN_INSTANCE_PATH", str(tmp_path))
    uri = app.config["SQLALCHEMY_DATABASE_URI"].render_as_string(hide_password=False)
    with app.app_context():
        db.session.remove()

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--database", uri, *arguments])

    return call


def test_a_batch_is_shown_and_undone(app: Flask, run: object) -> None:
    add_people(app, [("Ada", 36), ("Bob", 1)])
    with app.app_context(), writing():
        bulk.update(USERS, [((1,), {"age": 37}), ((2,), {"age": 2})])
        db.session.commit()
        batch = db.session.scalar(select(Change.batch).limit(1))
        db.session.remove()
    shown = run("history", "--resource", "users")
    assert shown.exit_code == 0
    assert [line.split("  ")[1:5] for line in shown.output.splitlines()] == [
        [batch, "-", "edit", "users/2"],
        [batch, "-", "edit", "users/1"],
    ]
    assert '{"age":36} -> {"age":37}' in shown.output
    assert run("history", "--key", "1", "--limit", "5").output.count("\n") == 1
    done = run("undo", str(batch))
    assert (done.exit_code, done.output) == (0, "Undid 2 changes.\n")
    assert [age for _, _, age in stored(app)] == [36, 1]
    again = run("undo", str(batch))
    assert again.exit_code == 1
    assert "Nothing was undone. users/2: Somebody has changed these values since." in again.output
    assert [age for _, _, age in stored(app)] == [36, 1]


def test_what_is_not_there_is_named(run: object) -> None:
    for arguments, said in [
        (("undo", "nothing"), "There is no batch 'nothing'."),
        (("history", "--resource", "cats"), "There is no resource 'cats'. Known are: users."),
        (("history", "prune", "--before", "2999-01-01"), "That day is still to come."),
    ]:
        result = run(*arguments)
        assert result.exit_code == 1
        assert said in result.output


def test_old_changes_are_removed_and_that_is_recorded(app: Flask, run: object) -> None:
    with app.app_context(), writing():
        bulk.insert(USERS, ({"name": str(i)} for i in range(5)))
        db.session.commit()
        old = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=10)
        db.session.execute(update(Change).where(Change.id <= 3).values(at=old))
        db.session.commit()
        db.session.remove()
    day = (datetime.now(UTC) - timedelta(days=5)).date()
    assert "Removed 3 changes" in run("history", "prune", "--before", str(day)).output
    assert "Removed 0 changes" in run("history", "prune", "--before", str(day)).output
    with app.app_context():
        rows = db.session.execute(select(Change.action, Change.after).order_by(Change.id)).all()
        assert [row.action for row in rows] == ["create", "create", "prune"]
        assert rows[-1].after == f'{{"before":"{day}","number":3}}'
        db.session.remove()
