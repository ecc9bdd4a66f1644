"""Walks through lists visit every record once and in order, whatever the sort and the DBMS."""

from dataclasses import replace
from typing import Any

import lists
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from lists import SORTABLE, THINGS
from sqlalchemy import delete, insert, update

from webadmin import keys, neighbours, plans, records
from webadmin.database import db
from webadmin.listing import ListState
from webadmin.users import USERS, User

# An example is many requests, so few are drawn here; their statements take milliseconds each.
quick = bounds(max_examples=20, deadline=None, database=None)
SORTS = lists.sorts(("id", "name", "age"))


def check_walks(state: ListState) -> None:
    """Both walks visit the records that a plain query finds, on the same pages, numbered."""
    expected = lists.plain(state)
    onward, back = lists.walk(state), lists.walk(state, forward=False)
    assert lists.keys_of(onward) == expected
    assert lists.keys_of(back[::-1]) == expected
    for pages in (onward, back[::-1]):
        number = 1
        for page in pages:
            assert page.first == number
            assert (page.count.number, page.count.kind) == (len(expected), "exact")
            number += len(page.records)
    # The last page is as short as it is on the way forward, so both walks meet the same pages.
    assert [page.records for page in onward] == [page.records for page in back[::-1]]


def check_neighbours(state: ListState, most: int = 12) -> None:
    """The records beside each record are those beside it in the list."""
    expected: list[str | None] = [None, *lists.plain(state), None]
    for i in range(1, min(len(expected) - 1, most + 1)):
        found = neighbours.between(state, (), parts(state, str(expected[i])))
        assert found is not None
        assert found[1:3] == (expected[i - 1], expected[i + 1])


def parts(state: ListState, key: str) -> tuple[Any, ...]:
    found = keys.parse_key(state.resource, key, records.dialect())
    assert found is not None
    return found


@given(rows=lists.users(), sort=SORTS, size=st.integers(1, 7))
@quick
def test_users_are_each_visited_once(site: Flask, rows: Any, sort: Any, size: int) -> None:
    with lists.undone(site):
        lists.add(USERS, rows)
        check_walks(ListState(USERS, sort=sort, size=size))
        check_neighbours(ListState(USERS, sort=sort))


@given(data=st.data(), sort=lists.sorts(SORTABLE), size=st.integers(1, 7))
@quick
def test_every_type_sorts(site: Flask, data: Any, sort: Any, size: int) -> None:
    columns = [key.removeprefix("-") for key in sort]
    columns = [name for name in columns if name not in ("part", "number")]
    rows = data.draw(lists.things(columns, most=25))
    with lists.undone(site):
        lists.add(THINGS, rows)
        check_walks(ListState(THINGS, sort=sort, size=size))
        check_neighbours(ListState(THINGS, sort=sort), most=5)


@pytest.mark.parametrize("name", SORTABLE)
@given(data=st.data(), down=st.booleans())
@bounds(quick, max_examples=3)
def test_each_type_sorts_alone(site: Flask, name: str, data: Any, down: bool) -> None:
    columns = [name] if name in lists.POOLS else []
    rows = data.draw(lists.things(columns, most=16))
    with lists.undone(site):
        lists.add(THINGS, rows)
        check_walks(ListState(THINGS, sort=("-" * down + name,), size=3))
        few = lists.state(THINGS, f"size__gte=-9&sort={'-' * down}{name}")
        check_walks(replace(few, size=3))


def test_a_list_of_one_key_has_places(site: Flask) -> None:
    """Nothing is left to sort where every key is filtered; a place may be given all the same."""
    with lists.undone(site):
        lists.add(THINGS, [{"part": "a", "number": number, "size": 1} for number in (1, 2)])
        for query, found in [
            ("part=a&number=1&sort=number", ["a,1"]),
            ("part=a&sort=part", ["a,1", "a,2"]),
            ("number__isnull=1&sort=-number", []),
        ]:
            state = lists.state(THINGS, query)
            assert lists.keys_of([records.page(state)]) == found
            keys = records.sorting.sort_keys(THINGS, state.ordering, records.dialect())
            place = [{"part": "a", "number": 1}[key.column.name] for key in keys]
            cursor = records.cursors.encode(1, keys, place)
            onward = records.page(replace(state, after=cursor))
            assert set(lists.keys_of([onward])) <= {"a,2"}


FILTERS = [
    "age=1", "age__gte=1&age__lte=2", "age__isnull=1", "age__isnull=0", "name=a", "name__isnull=1",
    "name__startswith=b", "name__contains=%25", "name__gt=a&age__lt=3", "q=a", "q=a+b", "q=%25",
    "q=6", "age__isnull=1&name__isnull=0", "name=a&age__isnull=1",
]  # fmt: skip


# Few records are fetched and sorted; of many the index of the sort is walked: here of any number.
@given(
    rows=lists.users(), sort=SORTS, query=st.sampled_from(FILTERS),
    most=st.sampled_from([plans.BOUND, 0]),
)  # fmt: skip
@bounds(quick, max_examples=30)
def test_narrowed_lists_walk_as_well(
    site: Flask, rows: Any, sort: Any, query: str, most: int
) -> None:
    with lists.undone(site), pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "BOUND", most)
        lists.add(USERS, rows)
        state = lists.state(USERS, f"{query}&sort={','.join(sort)}")
        check_walks(replace(state, size=2))
        check_neighbours(state, most=4)


@given(rows=lists.users(), sort=SORTS, turns=st.lists(st.booleans(), max_size=12))
@quick
def test_mixed_walks_agree(site: Flask, rows: Any, sort: Any, turns: list[bool]) -> None:
    with lists.undone(site):
        lists.add(USERS, rows)
        state, start = ListState(USERS, sort=sort, size=3), 0
        expected = lists.plain(state)
        for forward in turns:
            turned = lists.turn(state, records.page(state), forward)
            assert (turned is None) == (start + 3 >= len(expected) if forward else start == 0)
            if turned is None:
                continue
            state, start = turned, start + (3 if forward else -3)
            page = records.page(state)
            assert lists.keys_of([page]) == expected[start : start + 3]
            assert page.first == start + 1


CHANGE = st.tuples(
    st.sampled_from(["insert", "delete", "update"]),
    st.integers(0, 30),
    st.none() | st.sampled_from(lists.NAMES),
    st.none() | st.integers(0, 3),
)


@given(
    rows=lists.users(30), sort=SORTS, forward=st.booleans(), changes=st.lists(CHANGE, max_size=8)
)
@quick
def test_changes_on_the_way_move_no_other_record(
    site: Flask, rows: Any, sort: Any, forward: bool, changes: list[Any]
) -> None:
    with lists.undone(site):
        lists.add(USERS, rows)
        state: ListState | None = ListState(
            USERS, sort=sort, size=3, before="" if forward else "end"
        )
        untouched = set(lists.plain(ListState(USERS)))
        visited: list[str] = []
        while state is not None:
            page = records.page(state)
            visited += lists.keys_of([page]) if forward else lists.keys_of([page])[::-1]
            if changes:
                untouched.discard(change(*changes.pop()))
            state = lists.turn(state, page, forward)
        kept = [key for key in visited if key in untouched]
        order = [key for key in lists.plain(ListState(USERS, sort=sort)) if key in untouched]
        assert kept == (order if forward else order[::-1])


def change(deed: str, number: int, name: str | None, age: int | None) -> str:
    """Insert, delete or alter a user; return the key."""
    key = 3 * number + (deed == "insert")
    if deed == "update":
        db.session.connection().execute(
            update(User).where(User.id == key).values(name=name, age=age)
        )
        return str(key)
    db.session.connection().execute(delete(User).where(User.id == key))
    if deed == "insert":
        db.session.execute(insert(User).values(id=key, name=name, age=age))
    return str(key)
