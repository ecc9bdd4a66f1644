"""`webadmin indexes`: what it says and makes, and what stays when it is stopped."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import lists
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError

from webadmin import (
    index_commands,
    index_making,
    indexes,
    records,
    search_indexes,
    search_making,
)
from webadmin.cli import main
from webadmin.counts import BOUND
from webadmin.database import db, writing
from webadmin.listing import ListState
from webadmin.search_making import NoIndexError
from webadmin.users import USERS

MANY = BOUND + 2000
MARIADB = ("mysql", "mariadb")
Command = Callable[..., Result]


@pytest.fixture(scope="module")
def crowded(site: Flask) -> Flask:
    """A site with many users."""
    with site.app_context():
        lists.fill_users(MANY, distinct=50)
    return site


@pytest.fixture
def lacking(crowded: Flask) -> Iterator[Flask]:
    """A site whose users have no index of their ages; it has one again afterwards."""
    with crowded.app_context():
        execute(f"DROP INDEX ix_users_age{_on()}")
    yield crowded
    with crowded.app_context():
        if _indexes() == ["ix_users_name"]:
            execute("CREATE INDEX ix_users_age ON users (age, id)")


@pytest.fixture
def run(site: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("WEBADMIN_INSTANCE_PATH", str(tmp_path))
    uri = site.config["SQLALCHEMY_DATABASE_URI"].render_as_string(hide_password=False)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--database", uri, "indexes", *arguments])

    return call


def execute(statement: str) -> None:
    with writing(), db.engine.begin() as connection:
        connection.execute(text(statement))


def _on() -> str:
    return " ON users" if db.engine.dialect.name in MARIADB else ""


def _indexes() -> list[str]:
    """Return the names of the indexes of users, also of those that are not valid."""
    name = db.engine.dialect.name
    of = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'users'",
        "postgresql": "SELECT relname FROM pg_class WHERE relname LIKE 'ix_users%'",
    }
    mariadb = "SELECT index_name FROM information_schema.statistics WHERE seq_in_index = 1 AND "
    mariadb += "table_schema = DATABASE() AND table_name = 'users' AND index_name LIKE 'ix%'"
    with db.engine.connect() as connection:
        return sorted(connection.scalars(text(of.get(name, mariadb))))


def line(result: Result, purpose: str) -> str:
    assert result.exit_code == 0, result.output
    lines = (each.strip() for each in result.stdout.splitlines())
    [found] = [each for each in lines if each.startswith(f"{purpose}  ")]
    return found.removeprefix(purpose).strip()


def test_what_lacks_is_told_and_made(lacking: Flask, run: Command) -> None:
    before = run("users")
    assert line(before, "sort by name") == "ix_users_name"
    wanted = "none; ix_users_age (age, id) would take about "
    assert line(before, "sort by age").startswith(wanted)
    assert line(before, "filter by age").startswith(wanted)
    assert "accounts:" not in before.stdout
    after = run("users", "--create")
    assert "Made the index ix_users_age on users." in after.stdout
    assert after.stdout.count("Made the index") == 1
    assert line(after, "sort by age") == "ix_users_age"
    with lacking.app_context():
        blocks = db.engine.dialect.name == "sqlite"
    assert ("Nobody else can write" in after.stderr) == blocks
    run("--create")
    again = run("--create")
    assert "Made" not in again.stdout
    assert "accounts:" in again.stdout


def test_an_unknown_resource_is_named(run: Command) -> None:
    result = run("cats")
    assert result.exit_code == 1
    assert "There is no resource 'cats'. Known are: users, accounts." in result.output


def test_sizes_are_about_right(crowded: Flask) -> None:
    with crowded.app_context():
        if db.engine.dialect.name != "postgresql":
            return  # the others do not tell how large an index is
        real = db.session.scalar(text("SELECT pg_relation_size('ix_users_name')"))
        [need, *_] = [each for each in indexes.needs(USERS) if "name" in each.columns]
        guess = index_commands.size(need, index_commands.counts.of_table(USERS))
        db.session.rollback()
    assert real / 2 < guess < real * 2


def test_an_invalid_leftover_is_made_again(lacking: Flask, run: Command) -> None:
    with lacking.app_context():
        if db.engine.dialect.name != "postgresql":
            return  # the others leave none
        failing = "CREATE UNIQUE INDEX CONCURRENTLY ix_users_age ON users (age)"
        with index_making._autocommitting() as connection, pytest.raises(DBAPIError):
            connection.execute(text(failing))
        assert "ix_users_age" in _indexes()
    assert line(run("users"), "sort by age").startswith("none; ix_users_age")
    assert line(run("users", "--create"), "sort by age") == "ix_users_age"


@pytest.fixture
def listening() -> Iterator[None]:
    """Let Ctrl+C be heard: a shell lets what it starts in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def interrupted(lacking: Flask, monkeypatch: pytest.MonkeyPatch, listening: None) -> Iterator[None]:
    """Press Ctrl+C while an index is being made."""
    monkeypatch.setattr(index_making, "STEPS", 100)

    def press() -> int:
        signal.raise_signal(signal.SIGINT)
        return 0

    monkeypatch.setattr(index_making, "_go_on", press)  # of SQLite
    with lacking.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        yield
        return

    # Somebody who has written and not yet committed: to make an index waits for that one.
    holding = engine.connect()
    holding.execute(text("UPDATE users SET age = age WHERE id = 1"))

    def stop() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        holding.close()

    def later(_link: object, _cursor: object, sql: str, *_: object) -> None:
        if sql.startswith("CREATE INDEX"):
            threading.Timer(0.3, stop).start()

    event.listen(Engine, "before_cursor_execute", later)
    yield
    event.remove(Engine, "before_cursor_execute", later)


@pytest.mark.usefixtures("interrupted")
def test_ctrl_c_leaves_nothing_behind(lacking: Flask, run: Command) -> None:
    result = run("users", "--create")
    assert result.exit_code == 1
    assert "Stopped: the index ix_users_age was not made." in result.stderr
    with lacking.app_context():
        assert _indexes() == ["ix_users_name"]


def test_a_slow_list_says_why(lacking: Flask) -> None:
    client = lacking.test_client()
    memory = ("webadmin_unindexed", "webadmin_counts")
    for name in memory:
        lacking.extensions.pop(name, None)
    why = "Sorting by Age has no index, so this list is slow"
    assert why in client.get("/users/?sort=-age").text
    assert why not in client.get("/users/?sort=name").text
    assert why not in client.get("/users/").text
    assert why not in client.get("/users/?sort=age&name=Name+7").text  # few match
    with lacking.app_context():
        execute("CREATE INDEX ix_users_age ON users (age, id)")
    assert why in client.get("/users/?sort=age").text  # remembered
    lacking.extensions.pop("webadmin_unindexed")
    assert why not in client.get("/users/?sort=age").text


def _drop_search() -> None:
    statements = {
        "sqlite": ["DROP TRIGGER webadmin_search_users_insert"],  # what is left is not whole
        "postgresql": ["DROP INDEX webadmin_search_users_name"],
    }
    mariadb = ["ALTER TABLE users DROP INDEX webadmin_search_users"]
    for statement in statements.get(db.engine.dialect.name, mariadb):
        execute(statement)


def test_a_search_index_is_told_and_made(crowded: Flask, run: Command) -> None:
    assert line(run("users"), "search in name") == "webadmin_search_users"
    with crowded.app_context():
        _drop_search()
    wanted = "none; webadmin_search_users would take about "
    assert line(run("users"), "search in name").startswith(wanted)
    assert line(run("users", "--create"), "search in name") == "webadmin_search_users"
    with crowded.app_context():
        search_indexes.forget()
        page = records.page(ListState(USERS, q="name"))
        db.session.rollback()
    assert len(page.records) == ListState(USERS).size


def test_what_cannot_be_made_is_said(crowded: Flask) -> None:
    with crowded.app_context():
        if db.engine.dialect.name != "sqlite":
            return  # the others index any table
        sessions = search_indexes.Index("webadmin_session", "digest", ("device",))
        with (
            writing(),
            db.engine.begin() as connection,
            pytest.raises(NoIndexError, match=r"no INTEGER"),
        ):
            list(search_making.create(connection, sessions))
