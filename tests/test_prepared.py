"""Statements that are handed to the driver, and how many of them, on how many connections."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import lists
import pytest
from flask import Flask, g
from hypothesis import HealthCheck, given, settings
from lists import THINGS, USERS
from sqlalchemy import bindparam, event, literal_column, select
from sqlalchemy.exc import DBAPIError

from webadmin import context, counts, prepared, records, selects
from webadmin.database import connection, db, dialect, release
from webadmin.listing import ListState
from webadmin.resource import Resource
from webadmin.users import User

PEOPLE = [{"id": number, "name": f"Person {number}", "age": number} for number in range(1, 121)]


@dataclass
class Cost:
    """What something took of the database: statements, and connections at the same time."""

    statements: list[str]
    taken: int = 0
    now: int = 0
    most: int = 0


@contextmanager
def cost(app: Flask) -> Iterator[Cost]:
    """Count what is done inside."""
    found = Cost([])

    def note(_c: object, _cursor: object, sql: str, *_: object) -> None:
        if not sql.startswith("BEGIN"):
            found.statements.append(sql)

    def taken(*_: object) -> None:
        found.taken += 1
        found.now += 1
        found.most = max(found.most, found.now)

    def given_back(*_: object) -> None:
        found.now -= 1

    with app.app_context():
        engine = db.engine
    listeners = (
        ("before_cursor_execute", note),
        ("checkout", taken),
        ("checkin", given_back),
    )
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        yield found
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)


@contextmanager
def reading(app: Flask) -> Iterator[None]:
    """Run inside a request that only reads."""
    with app.test_request_context("/"):
        g.only_reads = True
        g.account = lists.ADMIN
        yield


@pytest.mark.parametrize(
    ("path", "statements"),
    [
        ("/users/", 2),
        ("/users/?sort=-name&size=25", 2),
        ("/users/?before=end", 3),
        ("/users/60", 2),
        ("/users/60?sort=name", 4),
        ("/users/new", 1),
    ],
)
def test_a_page_is_one_connection_and_few_statements(
    site: Flask, path: str, statements: int
) -> None:
    """Who asks, the records, at the end how many; those beside one where it is sorted by name."""
    client = site.test_client()
    with lists.kept(site, USERS, PEOPLE):
        assert client.get(path).status_code == 200
        with cost(site) as found:
            assert client.get(path).status_code == 200
    assert (found.taken, found.now) == (1, 0)
    assert len(found.statements) <= statements, found.statements


def test_a_search_is_one_connection_too(site: Flask) -> None:
    client, path = site.test_client(), "/users/?q=person"
    with lists.kept(site, USERS, PEOPLE):
        assert client.get(path).status_code == 200
        with cost(site) as found:
            assert client.get(path).status_code == 200
        name = site.extensions["webadmin_dialect"]
    assert (found.taken, found.now) == (1, 0)
    # Besides who asks, the records and how many: what PostgreSQL expects, MariaDB's time limits.
    more = {"sqlite": 0, "postgresql": 1}.get(name, 4)
    assert len(found.statements) <= 3 + more, found.statements


def test_a_record_is_created_in_one_transaction(site: Flask) -> None:
    client = site.test_client()
    with lists.kept(site, USERS, []), site.app_context():
        values = {"name": "Ada", "age": "36", "_submission": "first"}
        assert client.post("/users/new", data=values).status_code == 303
    with lists.kept(site, USERS, []), cost(site) as found:
        assert client.post("/users/new", data=values | {"name": "Eve"}).status_code == 303
    # Who asks is read before the transaction, which holds SQLite's lock, begins.
    taken = 1 if site.extensions["webadmin_dialect"] == "postgresql" else 2
    assert (found.taken, found.most, found.now) == (taken, 1, 0)
    # Who asks; whether it was sent before, the record, its image, its change.
    assert len(found.statements) <= 5, found.statements


def statement_of(resource: Resource, limit: int) -> Any:
    """Return the SELECT of the list of a resource."""
    state = ListState(resource)
    return selects.kept(records._page_statement, state, dialect(), None, False, limit)


@pytest.mark.parametrize("query", ["age={}", "age__gte={}&age__lt=99", "sort=name&age__lte={}"])
def test_a_filter_with_another_value_is_the_same_statement(site: Flask, query: str) -> None:
    with lists.kept(site, USERS, PEOPLE), reading(site):
        found, made = [], []
        for age in (3, 7, 3):
            found.append(records.page(lists.state(USERS, query.format(age))))
            made.append(prepared._kept.cache_info().misses)
            counts.changed(USERS, 0)  # so that it is counted again
        release()
    assert found[0] == found[2] != found[1]
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("sort", ["", "&sort=-name", "&age__gte=5"])
def test_a_search_for_another_word_is_the_same_statement(site: Flask, sort: str) -> None:
    with lists.kept(site, USERS, PEOPLE), reading(site):
        made = []
        for q in ("person", "nobody", "%erson", "person"):
            state = lists.state(USERS, f"q={q}{sort}")
            names = [str(record.values[1]) for record in records.page(state).records]
            assert bool(names) == (q == "person")
            made.append(prepared._kept.cache_info().misses)
            context.g().pop("webadmin_search", None)  # what a request remembers
        release()
    assert len(set(made)) == 1


def test_a_text_to_look_for_is_no_part_of_a_kept_statement(site: Flask) -> None:
    queries = ("name__startswith=person 1", "name__contains=n 11", "name=Person 3", "name=f0")
    with lists.kept(site, USERS, PEOPLE), reading(site):
        for query in (*queries, *(f"{each}&age__gte=2" for each in queries)):
            state = lists.state(USERS, query)
            page = records.page(replace(state, size=200))
            assert [each.key for each in page.records] == lists.plain(state), query
        release()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None
)
@given(rows=lists.things(list(lists.POOLS), most=8))
def test_values_are_those_that_sqlalchemy_gives(site: Flask, rows: list[dict[str, Any]]) -> None:
    with lists.kept(site, THINGS, rows), reading(site):
        statement = statement_of(THINGS, 50)
        found: Sequence[Any] = prepared.rows(statement, {})
        assert [tuple(row) for row in found] == [
            tuple(row) for row in connection().execute(statement)
        ]
        assert len(found) == len(rows)
        release()


def test_the_driver_is_asked_without_sqlalchemy_unless_somebody_listens(
    site: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: list[str] = []
    own = prepared._Prepared.run

    def note(self: Any, *arguments: Any) -> Any:
        run.append(self.sql)
        return own(self, *arguments)

    monkeypatch.setattr(prepared._Prepared, "run", note)
    with lists.kept(site, USERS, PEOPLE[:3]), reading(site):
        statement = statement_of(USERS, 2)
        assert [row[0] for row in prepared.rows(statement, {})] == [1, 2]
        assert len(run) == 1
        with lists.statements() as heard:
            assert [row[0] for row in prepared.rows(statement, {})] == [1, 2]
        assert (len(run), len(heard)) == (1, 1)


def test_an_error_is_the_one_that_sqlalchemy_raises(site: Flask) -> None:
    broken = select(literal_column("no_such_column")).select_from(User)
    with reading(site):
        with pytest.raises(DBAPIError, match="no_such_column") as raised:
            prepared.rows(broken, {})
        with pytest.raises(DBAPIError) as usual:
            connection().execute(broken)
        assert type(raised.value) is type(usual.value)
        assert type(raised.value.orig) is type(usual.value.orig)
        assert not raised.value.connection_invalidated
        release()
        assert prepared.rows(select(bindparam("one", 1)), {})[0][0] == 1
        release()


def test_a_lost_connection_is_not_used_again(site: Flask) -> None:
    with reading(site):
        connection().connection.driver_connection.close()
        with pytest.raises(DBAPIError) as raised:
            prepared.rows(select(bindparam("one", 1)), {})
        assert raised.value.connection_invalidated
        release()
        assert prepared.rows(select(bindparam("one", 1)), {})[0][0] == 1
        release()


def test_the_session_and_reading_share_one_connection(site: Flask) -> None:
    """A page that asks for entities after all needs no second connection: a pool may have none."""
    with cost(site) as found, reading(site):
        first = connection()
        assert connection() is first
        db.session.get(User, 1)
        assert first.closed
        assert connection() is db.session.connection()
        release()
        assert found.now == 0
        assert not connection().closed
        release()
    assert (found.taken, found.most, found.now) == (3, 1, 0)
