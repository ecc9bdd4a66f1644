"""What lists ask of each DBMS uses indexes and reads little, whatever is sorted and filtered."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import lists
import pytest
from flask import Flask
from sqlalchemy import text

from webadmin import cursors, list_counts, neighbours, plans, records, samples, selects, sorting
from webadmin.counts import BOUND
from webadmin.database import db, writing
from webadmin.listing import ListState
from webadmin.users import USERS, User

MANY = 100_000
# Three legs of a page, which SQLite and MariaDB count twice and more: there, and put together.
MOST_READ = 550
BESIDE = 20  # one record and, of each leg to either side, the nearest
COUNTED = 2 * BOUND + MOST_READ  # MariaDB reads what it counts once more
# What matches is read once, but counted by each step of a plan that it passes: SQLite's steps
# about four times, PostgreSQL's scans of an index, of the table and of what came of both.
TIMES = 5
# Among records of one value PostgreSQL may prefer to sort: it takes two conditions on a column,
# one of which follows from the other, for rarer than they are.
SORTED_BY_POSTGRESQL = 2000
SORTS = [sign + name for name in ("id", "name", "age") for sign in ("", "-")]
COMMON = "Müller"
FILTERS = [
    "", "age=30", "age=149", "age__gte=10&age__lte=12", "age__gte=18", "age__gte=95",
    "age__isnull=1", "age__isnull=0", f"name={COMMON}", "name=nobody", "name__isnull=1",
    "name__isnull=0", "name__startswith=ga", "name__startswith=garcia", "name__startswith=MÜ",
    "name__startswith=x",
]  # fmt: skip


@pytest.fixture(scope="module")
def crowded(site: Flask) -> Iterator[Flask]:
    """A site with many users, some without a name, some with the same."""
    with site.app_context():
        for _ in samples.add(MANY):
            pass
        with writing():
            for name, part in (("NULL", 50), (f"'{COMMON}'", 75)):
                db.session.execute(text(f"UPDATE users SET name = {name} WHERE id % {part} = 0"))
            db.session.commit()
        if db.engine.dialect.name != "sqlite":
            samples.analyze()  # those two do that by themselves after a while
        yield site
        db.session.rollback()


def pages(state: ListState) -> Iterator[ListState]:
    """Yield the first page of a list, the last one, and those on and back from within."""
    yield state
    yield replace(state, before="end")
    within = selects.matching(state).where(User.id >= MANY // 2).order_by(User.id).limit(1)
    key = db.session.scalar(within)
    if key is None:
        return
    keys = sorting.sort_keys(USERS, state.ordering, records.dialect(), state.filters)
    there = records.get(state, (), (key,))
    assert there is not None
    cursor = cursors.encode(None, keys, there[1])
    yield replace(state, after=cursor)
    yield replace(state, before=cursor)


@pytest.mark.parametrize("query", FILTERS)
def test_a_page_reads_little_and_by_an_index(crowded: Flask, query: str) -> None:
    with crowded.app_context():
        for sort in SORTS:
            state = lists.state(USERS, f"{query}&sort={sort}")
            bound = most(state)
            for page in pages(state):
                with lists.statements() as run:
                    records.page(page)
                for sql, parameters in run:
                    if "SELECT" not in sql:  # a time limit
                        continue
                    counting = "count(" in sql
                    read = lists.records_read(sql, parameters)
                    assert read < (COUNTED if counting else bound), f"{page.query()}: {sql}"
                    # In the order of the key SQLite walks the table itself, which is its index.
                    by_key = records.dialect() == "sqlite" and state.ordering[0].endswith("id")
                    assert counting or by_key or not scans(sql, parameters), sql


@pytest.mark.parametrize("sort", SORTS)
def test_a_record_is_read_with_few_others(crowded: Flask, sort: str) -> None:
    with crowded.app_context():
        key = db.session.scalar(
            selects.matching(ListState(USERS)).where(User.id >= MANY // 2).limit(1)
        )
        with lists.statements() as run:
            assert neighbours.between(ListState(USERS, sort=(sort,)), ("name",), (key,)) is not None
        assert sum(lists.records_read(*each) for each in run) < BESIDE


def scans(sql: str, parameters: Any) -> bool:
    """Return whether a statement goes through the table of users without an index."""
    connection = db.session.connection()
    word = "EXPLAIN QUERY PLAN" if records.dialect() == "sqlite" else "EXPLAIN"
    rows = connection.exec_driver_sql(f"{word} {sql}", parameters).all()
    if records.dialect() == "sqlite":
        return any(row.detail == "SCAN users" for row in rows)
    if records.dialect() == "postgresql":
        return any("Seq Scan on users" in row[0] for row in rows)
    return any((row.table, row.type) == ("users", "ALL") for row in rows)


def test_a_scan_is_noticed(crowded: Flask) -> None:
    with crowded.app_context():
        parameters = () if records.dialect() == "sqlite" else {}
        whole = "SELECT * FROM users ORDER BY age + 1 LIMIT 50"
        assert scans(whole, parameters)
        assert lists.records_read(whole, parameters) > MANY / 3


def most(state: ListState) -> int:
    """Return how many records a page may read."""
    keys = sorting.sort_keys(USERS, state.ordering, records.dialect(), state.filters)
    if not plans.served(state, keys):
        matching = list_counts.of_list(state)
        return MOST_READ + (TIMES * matching.number if matching.kind == "exact" else 0)
    if len(state.filters) == 2 and records.dialect() == "postgresql":
        return SORTED_BY_POSTGRESQL
    return MOST_READ
