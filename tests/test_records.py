"""What the database is asked for: few statements, few records read, values as they are stored."""

import warnings
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import lists
import pytest
from flask import Flask
from lists import THINGS
from sqlalchemy import text

from webadmin import keys, neighbours, records, search_indexes, selects
from webadmin.database import db
from webadmin.listing import ListError, ListState
from webadmin.users import USERS

MANY = 100_000
PAGE = 50
# Three legs of a page, which SQLite and MariaDB count twice and more: there, and put together.
MOST_READ = 550
SORTS = [(sort,) for name in ("id", "name", "age") for sort in (name, f"-{name}")]


def test_how_many_statements_a_page_takes(site: Flask) -> None:
    with lists.undone(site):
        lists.add(USERS, [{"name": str(number)} for number in range(9)])
        state = ListState(USERS, sort=("name",), size=4)
        with lists.statements() as run:
            records.page(replace(state, size=50))
        assert len(run) == 1  # all there is stands on the page: no count is needed
        onward = lists.turn(state, records.page(state), forward=True)
        assert onward is not None
        for now in [state, onward, replace(state, before="end"), replace(state, goto="1")]:
            with lists.statements() as run:
                records.page(now)
            assert len(run) <= 2
        assert search_indexes.present(USERS)  # asked once
        records.page(replace(state, q="1"))  # PostgreSQL folds a word once
        with lists.statements() as run:
            records.page(replace(state, q="1"))
        estimate = 1 if records.dialect() == "postgresql" else 0
        mariadb = 4 if records.dialect() in ("mysql", "mariadb") else 0  # two limits and their ends
        assert len(run) <= 2 + estimate + mariadb
        with lists.statements() as run:
            records.page(replace(state, exact=True))
        limit = 0 if records.dialect() == "sqlite" else 2  # a server is told it, and then no more
        assert len(run) <= 2 + limit
        (key,) = db.session.execute(text("SELECT min(id) FROM users")).one()
        with lists.statements() as run:
            assert neighbours.between(state, (), (key,)) is not None
        assert len(run) == 2
        with lists.statements() as run:
            assert neighbours.between(ListState(USERS), (), (key,)) is not None
        assert len(run) == 1


def test_no_statement_has_an_offset(site: Flask) -> None:
    with lists.undone(site):
        lists.add(USERS, [{"name": str(number)} for number in range(9)])
        with lists.statements() as run:
            lists.walk(ListState(USERS, sort=("name",), size=4))
            lists.walk(ListState(USERS, sort=("-age",), size=4), forward=False)
        for sql, parameters in run:
            # SQLAlchemy writes OFFSET 0 behind each LIMIT on SQLite.
            zeros = list(parameters).count(0) if records.dialect() == "sqlite" else 0
            assert sql.count("OFFSET") <= zeros, sql


@pytest.fixture(scope="module")
def crowded(site: Flask) -> Flask:
    """A site with many users."""
    with site.app_context():
        lists.fill_users(MANY, distinct=1000)
    return site


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort[0])
def test_a_page_reads_a_few_hundred_records(crowded: Flask, sort: tuple[str, ...]) -> None:
    """First, in the middle (in a tie and at a NULL) and last, onward and back."""
    with crowded.app_context():
        state = ListState(USERS, sort=sort, size=PAGE)
        places: list[ListState] = [state, replace(state, before="end")]
        for key in (MANY // 2, MANY // 10):
            found = records.get(state, (), (key,))
            assert found is not None
            cursor = records.cursors.encode(1, sort_keys(state), found[1])
            places += [replace(state, after=cursor), replace(state, before=cursor)]
            with lists.statements() as run:
                assert records.around(state, (key,))
            for sql, parameters in run:
                assert lists.records_read(sql, parameters) < MOST_READ, (sql, parameters)
        goto = {"id": "50000", "name": "Name 5", "age": "500"}[sort[0].removeprefix("-")]
        for place in [*places, replace(state, goto=goto)]:
            with lists.statements() as run:
                page = records.page(place)
            assert page.records
            for sql, parameters in run:
                if "count(" not in sql:
                    assert lists.records_read(sql, parameters) < MOST_READ, (sql, parameters)


def test_what_is_read_is_counted(crowded: Flask) -> None:
    """A list that reads everything is noticed."""
    with crowded.app_context():
        whole = "SELECT * FROM users ORDER BY name IS NULL, name, id LIMIT 50"
        parameters = () if records.dialect() == "sqlite" else {}
        assert lists.records_read(whole, parameters) > MANY / 2


def sort_keys(state: ListState) -> Any:
    return records.sorting.sort_keys(USERS, state.ordering, records.dialect())


def test_long_texts_do_not_make_long_urls(site: Flask) -> None:
    """A place that is too long for a URL is read again from its record."""
    with lists.undone(site):
        texts = [None, *("é" * 5000 + letter for letter in "aabc"), "b" * 6000]
        rows = [
            {"part": "a", "number": number, "size": 1, "body": body}
            for number, body in enumerate(texts)
        ]
        lists.add(THINGS, rows)
        state = ListState(THINGS, sort=("body", "-size"), size=1)
        expected = lists.plain(state)
        pages = lists.walk(state)
        assert lists.keys_of(pages) == expected
        assert lists.keys_of(lists.walk(state, forward=False))[::-1] == expected
        assert all(len(page.next) < 4000 for page in pages)


def test_the_place_of_a_deleted_record_with_a_long_text(site: Flask) -> None:
    with lists.undone(site):
        name = {"part": "a", "size": 1, "name": "x"}
        lists.add(THINGS, [{**name, "number": n, "body": f"{n}" * 5000} for n in (1, 2)])
        state = ListState(THINGS, sort=("body",), size=1)
        state = replace(state, after=records.page(state).next)
        if records.dialect() in ("mysql", "mariadb"):
            assert lists.keys_of([records.page(state)]) == ["a,2"]
            return
        db.session.execute(text("DELETE FROM things WHERE number = 1"))
        with pytest.raises(ListError, match="Begin again at the first page"):
            records.page(state)


def test_a_hidden_binary_is_not_read(site: Flask) -> None:
    with lists.undone(site):
        row = {"part": "a", "number": 1, "size": 1, "picture": b"x" * 5000, "body": "y" * 5000}
        lists.add(THINGS, [row])
        record = records.page(ListState(THINGS)).records[0]
        shown = dict(zip(THINGS.list_display, record.values, strict=True))
        assert shown["picture"] == 5000
        assert shown["body"] == "y" * (selects.SHORT_TEXT + 1)


def test_records_are_found_by_their_keys(site: Flask) -> None:
    with lists.undone(site):
        lists.add(THINGS, [{"part": part, "number": -1, "size": 1} for part in ("", "a/b", "%,")])
        state = ListState(THINGS)
        for key in lists.keys_of([records.page(state)]):
            parts = keys.parse_key(THINGS, key, records.dialect())
            assert parts is not None
            found = records.get(state, ("size",), parts)
            assert found is not None
            assert found[0] == records.Record(key, (1,))
            assert records.exists(THINGS, parts)
        assert records.get(state, (), ("none", 1)) is None
        assert not records.exists(THINGS, ("none", 1))


RAW = {
    "name": ["5", "'a'", "x'6162'", "1.5", "''"],
    "big": ["'abc'", "1.5", "'7'", "1e300", "x'00'"],
    "size": ["'abc'", "5", "''", "5.5", "'1'"],
    "single": ["'abc'", "''", "0.1", "9e999", "-9e999"],
    "price": ["'0.12345678901234567890123'", "'abc'", "1", "123456789012345678.25", "-1.5"],
    "at": ["'2026-01-01 10:00:00'", "'2026-01-01 10:00:00.000000'", "'10:00'", "5", "''"],
    "zoned": ["'2026-01-01T10:00'", "'2026-01-01 10:00:00+02:00'", "0", "'x'", "1.5"],
    "day": ["''", "'2026-01-01'", "'1/2/2026'", "20260101", "'2026-1-1'"],
    "clock": ["'9:00'", "'09:00:00'", "''", "9", "'09:00:00.5'"],
    "span": ["'x'", "''", "5", "'1970-01-01 00:00:01'", "'1970-01-01 00:00:01.000000'"],
    "colour": ["'nope'", "''", "1", "'red'", "'RED'"],
    "word": ["'nope'", "''", "1", "'fig'", "'FIG'"],
    "flag": ["'yes'", "5", "''", "0", "1.5"],
    "token": ["'zz'", "''", "1", "'00000000000000000000000000000001'", "x'01'"],
    "body": ["x'6162'", "5", "''", "char(97, 0, 98)", "char(97, 0)"],
}


@pytest.mark.parametrize("name", RAW)
def test_whatever_other_programs_wrote_into_sqlite_is_listed(tmp_path: Any, name: str) -> None:
    for site in lists.site("sqlite", tmp_path, {}):
        with lists.undone(site):
            nothing = "0" if name == "size" else "NULL"
            for number, value in enumerate([*RAW[name], nothing, RAW[name][0]]):
                columns = "part, number, size" + ("" if name == "size" else f", {name}")
                written = f"'a', {number}, " + (value if name == "size" else f"1, {value}")
                db.session.execute(text(f"INSERT INTO things ({columns}) VALUES ({written})"))
            for sort in ((name,), (f"-{name}",), (name, "-number")):
                state = ListState(THINGS, sort=sort, size=2)
                expected = lists.plain(state)
                assert len(expected) == 7
                assert lists.keys_of(lists.walk(state)) == expected
                assert lists.keys_of(lists.walk(state, forward=False)[::-1]) == expected


ODD = {
    "at": ["0000-00-00 00:00:00", "2026-01-01 10:00:00", "2026-00-00 00:00:00"],
    "day": ["0000-00-00", "2026-01-01", "2026-01-00"],
    "span": ["0000-00-00 00:00:00", "1970-01-01 10:00:00", "1969-12-31 23:59:59"],
    "clock": ["30:00:00", "10:00:00", "838:59:59"],
    "word": ["", "fig", "nonsense"],
    "flag": ["2", "0", "-1"],
}


@pytest.mark.parametrize("name", ODD)
def test_what_only_mariadb_can_hold_is_listed(site: Flask, name: str) -> None:
    with lists.undone(site):
        if records.dialect() not in lists.MARIADB:
            return
        db.session.execute(text("SET SESSION sql_mode = ''"))
        with warnings.catch_warnings(action="ignore"):
            for number, value in enumerate([*ODD[name], None, ODD[name][0]]):
                statement = (
                    f"INSERT INTO things (part, number, size, {name}) VALUES ('a', :n, 1, :v)"
                )
                db.session.execute(text(statement), {"n": number, "v": value})
        for sort in ((name,), (f"-{name}", "-number")):
            state = ListState(THINGS, sort=sort, size=1)
            assert lists.keys_of(lists.walk(state)) == lists.plain(state)
            assert lists.keys_of(lists.walk(state, forward=False))[::-1] == lists.plain(state)
        db.session.execute(text("SET SESSION sql_mode = 'TRADITIONAL,NO_ENGINE_SUBSTITUTION'"))


def test_statements_are_compiled_once(site: Flask) -> None:
    """Other values of a filter, a search or a cursor make no other statement."""
    with lists.undone(site):
        rows = [{"part": "a", "number": i, "size": i % 5, "name": f"n{i}"} for i in range(15)]
        lists.add(THINGS, rows)
        for size, word, walked in ((1, "n", False), (3, "n1", True)):
            with lists.statements() as run:
                for query in (f"size__gt={size}", f"q={word}", f"name__startswith={word}", ""):
                    lists.walk(replace(lists.state(THINGS, f"{query}&sort=name"), size=3))
            if walked:
                built = (each for each in run.contexts if each.compiled)  # not: SET, SAVEPOINT
                assert {each.cache_hit.name for each in built} == {"CACHE_HIT"}


def test_what_can_be_read_is_read_as_its_type(tmp_path: Any) -> None:
    for site in lists.site("sqlite", tmp_path, {}):
        with lists.undone(site):
            statement = (
                "INSERT INTO things (part, number, size, at, day, colour, token) VALUES "
                "('a', 1, 1, '2026-01-01 10:00:00', '2026-01-02', 'red', 'junk')"
            )
            db.session.execute(text(statement))
            found = records.get(ListState(THINGS), ("at", "day", "colour", "token"), ("a", 1))
            assert found is not None
            values = (datetime(2026, 1, 1, 10), date(2026, 1, 2), lists.Colour.red, "junk")
            assert found[0].values == values


@pytest.mark.parametrize("name", ["single", "double", "price"])
def test_postgresql_sorts_what_is_no_number(site: Flask, name: str) -> None:
    with lists.undone(site):
        if records.dialect() != "postgresql":
            return  # the others store no NaN
        infinite = [] if name == "price" else ["Infinity", "-Infinity"]
        for number, value in enumerate(["NaN", *infinite, "0", "NaN"]):
            statement = f"INSERT INTO things (part, number, size, {name}) VALUES ('a', :n, 1, :v)"
            db.session.execute(text(statement), {"n": number, "v": value})
        for sort in (name, f"-{name}"):
            state = ListState(THINGS, sort=(sort,), size=1)
            assert lists.keys_of(lists.walk(state)) == lists.plain(state)
            assert lists.keys_of(lists.walk(state, forward=False))[::-1] == lists.plain(state)
