"""A statement with a time limit is stopped, and the page goes on with the same session."""

from collections.abc import Iterator
from contextlib import contextmanager

import lists
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from webadmin import records
from webadmin.database import begin_request, db, read, writing
from webadmin.faults import is_unavailable
from webadmin.time_limit import TookTooLongError, limited

# A thousand million numbers: minutes on every DBMS, and nothing that an index or statistics know.
DIGITS = " UNION ALL ".join(f"SELECT {number} AS n" for number in range(10))
SLOW = text(
    f"WITH digits AS ({DIGITS}) SELECT count(*) FROM "
    + ", ".join(f"digits AS d{place}" for place in range(9))
    + " WHERE "
    + " + ".join(f"d{place}.n" for place in range(9))
    + " > 0"
)
LIMIT = 0.05


@contextmanager
def reading(app: Flask, safe: bool) -> Iterator[None]:
    """Be in a request that only reads, or in one that may write."""
    with app.test_request_context("/"):
        begin_request(safe)
        try:
            yield
        finally:
            db.session.rollback()


@pytest.mark.parametrize("safe", [True, False], ids=["reads", "writes"])
def test_a_slow_statement_is_stopped_and_the_session_goes_on(site: Flask, safe: bool) -> None:
    with reading(site, safe):
        for _ in range(2):
            with pytest.raises(TookTooLongError), limited(LIMIT):
                read(SLOW).scalar_one()
            assert read(text("SELECT 1")).scalar_one() == 1


@pytest.mark.parametrize("safe", [True, False], ids=["reads", "writes"])
def test_a_quick_statement_answers(site: Flask, safe: bool) -> None:
    with reading(site, safe):
        read(text("SELECT 1"))
        with limited(60):
            assert read(text("SELECT 42")).scalar_one() == 42
        assert read(text("SELECT 1")).scalar_one() == 1


@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "in-time"])
def test_what_was_written_before_stays(site: Flask, stopped: bool) -> None:
    with lists.undone(site):
        lists.add(lists.USERS, [{"id": 1, "name": "Ada"}])
        if stopped:
            with pytest.raises(TookTooLongError), limited(LIMIT):
                read(SLOW).scalar_one()
        else:
            with limited(60):
                read(text("SELECT 1"))
        assert read(text("SELECT name FROM users")).scalars().all() == ["Ada"]
        lists.add(lists.USERS, [{"id": 2, "name": "Grace"}])
        assert read(text("SELECT count(*) FROM users")).scalar_one() == 2


@pytest.mark.parametrize("safe", [True, False], ids=["reads", "writes"])
@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "in-time"])
def test_the_limit_of_a_server_is_again_what_it_was(site: Flask, safe: bool, stopped: bool) -> None:
    with reading(site, safe):
        dbms = db.engine.dialect.name
        if dbms == "sqlite":
            return  # it has a test of its own
        name = "statement_timeout" if dbms == "postgresql" else "max_statement_time"
        asked = text(f"SHOW {name}" if dbms == "postgresql" else f"SELECT @@{name}")
        read(text(f"SET {name} = 90"))
        before = read(asked).scalar_one()
        if stopped:
            with pytest.raises(TookTooLongError), limited(LIMIT):
                read(SLOW).scalar_one()
        else:
            with limited(60):
                assert read(asked).scalar_one() != before
        assert read(asked).scalar_one() == before
        read(text(f"SET {name} = DEFAULT"))


def test_the_limit_of_sqlite_ends_with_its_block(site: Flask) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500000)"
    longer = text(f"{numbers} SELECT count(*) FROM n")  # than the limit
    if site.config["DATABASE_URI"].startswith("sqlite"):
        with reading(site, True):
            with limited(0.001):
                read(text("SELECT 1"))
            assert read(longer).scalar_one() == 500_000
            with pytest.raises(TookTooLongError), limited(0.001):
                read(longer).scalar_one()


def test_other_errors_pass(site: Flask) -> None:
    with reading(site, True):
        with pytest.raises(Exception, match="nonsense"), limited(60):
            read(text("SELECT nonsense"))
        assert read(text("SELECT 1")).scalar_one() == 1


def test_writing_requests_have_their_lock_meanwhile(site: Flask) -> None:
    with reading(site, False), writing():
        lists.add(lists.USERS, [{"id": 1, "name": "Ada"}])
        with pytest.raises(TookTooLongError), limited(LIMIT):
            read(SLOW).scalar_one()
        assert read(text("SELECT count(*) FROM users")).scalar_one() == 1


KILLS = {
    "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend(%s)"),
    "mysql": ("SELECT connection_id()", "KILL %s"),
    "mariadb": ("SELECT connection_id()", "KILL %s"),
}


def test_a_lost_connection_is_still_told_as_one(site: Flask) -> None:
    """The end of the block asks it for nothing more."""
    with reading(site, True):
        if db.engine.dialect.name == "sqlite":
            return  # there is none to lose
        own, kill = KILLS[db.engine.dialect.name]
        number = read(text(own)).scalar_one()

        def lose() -> None:
            with limited(60):
                with db.engine.connect() as other:
                    other.exec_driver_sql(kill, (number,))
                read(text("SELECT 1"))

        with pytest.raises(DBAPIError) as lost:
            lose()
        assert is_unavailable(lost.value)


def test_a_search_leaves_no_limit_behind(site: Flask) -> None:
    if site.extensions["webadmin_dialect"] not in ("mysql", "mariadb"):
        return  # the others have no limit that stays
    asked = text("SELECT @@max_statement_time")
    with lists.kept(site, lists.USERS, [{"id": 1, "name": "Ada", "age": 3}]), reading(site, True):
        before = read(asked).scalar_one()
        records.page(lists.state(lists.USERS, "q=ada&age=3"))
        assert read(asked).scalar_one() == before
        with limited(7), limited(3):
            assert read(asked).scalar_one() == 3
        assert read(asked).scalar_one() == before
