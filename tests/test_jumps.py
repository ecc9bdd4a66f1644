"""Jumps: a list begins at a value of what it is sorted by, or around a record."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import lists
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from lists import NAMES, POOLS, SORTABLE, THINGS, Colour
from sqlalchemy import text

from webadmin import keys, listing, records, selects, sorting
from webadmin.database import db
from webadmin.listing import ListError, ListState
from webadmin.resource import Resource
from webadmin.users import USERS, User

quick = bounds(max_examples=20, deadline=None, database=None)
SORTS = lists.sorts(("id", "name", "age"))


def onward(state: ListState) -> list[str]:
    """Return the keys from the page that a jump leads to up to the end of the list."""
    found = [records.page(state)]
    while turned := lists.turn(replace(state, goto=""), found[-1], forward=True):
        found.append(records.page(turned))
    return lists.keys_of(found)


def backward(state: ListState) -> list[str]:
    """Return the keys from the beginning of the list to the page that a jump leads to."""
    found = [records.page(state)]
    while turned := lists.turn(replace(state, goto=""), found[-1], forward=False):
        found.append(records.page(turned))
    return lists.keys_of(found[:0:-1])


def reached(state: ListState) -> list[str]:
    """Return the keys that a jump is to lead to, by one plain comparison."""
    key = sorting.sort_keys(state.resource, state.ordering, records.dialect())[0]
    value = key.bound("v0")
    here = key.expression <= value if key.descending else key.expression >= value
    parts = (column.attribute for column in state.resource.key_columns)
    statement = selects.matching(state, *parts).where(here | key.expression.is_(None))
    rows = db.session.execute(statement, {"v0": listing.goto(state)})
    there = {records.key_text(state.resource, tuple(row)) for row in rows}
    return [each for each in lists.plain(replace(state, goto="")) if each in there]


def check_jump(state: ListState) -> None:
    """From the jump on are the records that it reaches, before it all others, in their order."""
    expected = reached(state)
    whole = lists.plain(replace(state, goto=""))
    assert expected == whole[len(whole) - len(expected) :]
    assert onward(state) == expected
    if expected:
        assert backward(state) == whole[: len(whole) - len(expected)]
        assert records.page(state).first is None


@given(rows=lists.users(), sort=SORTS, size=st.integers(1, 7), data=st.data())
@quick
def test_users(site: Flask, rows: Any, sort: Any, size: int, data: Any) -> None:
    pools = {"id": ["1", "20", "200", "-1"], "age": ["0", "2", "3", "9"], "name": [*NAMES[1:], "z"]}
    with lists.undone(site):
        lists.add(USERS, rows)
        goto = data.draw(st.sampled_from(pools[sort[0].removeprefix("-")]))
        check_jump(ListState(USERS, sort=sort, size=size, goto=goto))


@pytest.mark.parametrize("name", SORTABLE)
@given(data=st.data(), down=st.booleans())
@bounds(quick, max_examples=4)
def test_each_type(site: Flask, name: str, data: Any, down: bool) -> None:
    """Each value that a list may hold can be gone to: the record that has it comes first."""
    columns = [name] if name in POOLS else []
    rows = data.draw(lists.things(columns, most=16))
    with lists.undone(site):
        lists.add(THINGS, rows)
        column = THINGS.columns[name]
        values = [row[name] for row in rows if row.get(name) not in (None, "")]
        for value in values[:3]:
            goto = column.text(value)
            state = ListState(THINGS, sort=("-" * down + name,), size=3, goto=goto)
            check_jump(state)
            if not column.is_text:  # which a collation holds equal to others
                same = (row for row in rows if row.get(name) == value)
                having = {keys.key_text(THINGS, (row["part"], row["number"])) for row in same}
                first = records.page(state).records[0].key
                assert first in having


NARROWED = ["age__gte=1&age__lte=2", "age__isnull=0", "name__startswith=b", "q=a"]


@given(rows=lists.users(), sort=SORTS, query=st.sampled_from(NARROWED))
@quick
def test_narrowed_lists(site: Flask, rows: Any, sort: Any, query: str) -> None:
    goto = {"id": "30", "age": "2", "name": "b"}[sort[0].removeprefix("-")]
    with lists.undone(site):
        lists.add(USERS, rows)
        state = lists.state(USERS, f"{query}&sort={','.join(sort)}&goto={goto}")
        check_jump(replace(state, size=2))


def named(site: Flask, query: str) -> list[Any]:
    """Return the column that a list of things is sorted by, from a jump on."""
    state = lists.state(THINGS, query)
    place = THINGS.list_display.index(state.sort[0].removeprefix("-"))
    return [record.values[place] for record in records.page(state).records]


def stored(name: str, *values: Any) -> None:
    rows = [{"part": "p", "number": i, "size": 1, name: value} for i, value in enumerate(values)]
    lists.add(THINGS, rows)


def test_a_day_in_a_column_of_times(site: Flask) -> None:
    """In a descending sort the latest moment of the day comes first."""
    may = [datetime(2024, 5, day, hour) for day in (1, 2, 3) for hour in (0, 13)]
    with lists.undone(site):
        stored("at", *may, None)
        assert named(site, "sort=at&goto=2024-05-02") == [*may[2:], None]
        assert named(site, "sort=-at&goto=2024-05-02") == [*may[3::-1], None]
        assert named(site, "sort=-at&goto=2024-05-02 00:00") == [*may[2::-1], None]
        assert named(site, "sort=at&goto=2024-05-02T00:01") == [*may[3:], None]
        assert named(site, "sort=-at&goto=9999-12-31") == [*may[::-1], None]


def test_a_day_begins_where_the_site_is(site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Midnight in Berlin is ten o'clock in the evening of UTC."""
    monkeypatch.setattr("webadmin.texts.get_timezone", lambda: "Europe/Berlin")
    times = [datetime(2024, 5, 1, hour, tzinfo=UTC) for hour in (20, 21, 23)]
    with lists.undone(site):
        stored("zoned", *times)
        assert len(named(site, "sort=zoned&goto=2024-05-02")) == 1
        assert len(named(site, "sort=-zoned&goto=2024-05-01")) == 2
        assert len(named(site, "sort=zoned&goto=2024-05-01")) == 3


VALUES = [
    ("day", "2024-05-01", [date(2024, 5, 1), date(2024, 6, 1)], [date(2024, 4, 1)]),
    ("span", "02:30:00", [timedelta(hours=3)], [timedelta(hours=-3), timedelta(hours=2)]),
    ("price", "5", [Decimal("5.1"), Decimal(10)], [Decimal("4.9999999999")]),
    ("single", "0.1", [0.1, 0.2], [-0.1]),
    ("big", "-9223372036854775808", [-(2**63), 5], []),
    ("flag", "true", [True], [False]),
    ("word", "fig", ["fig"], ["apple"]),
    ("colour", "red", [Colour.red], []),
    ("name", "M", ["M", "Maria", "Z"], ["A", "L"]),
    ("body", "M", ["M" * 200, "Z"], ["A", "L" * 200]),
]


@pytest.mark.parametrize(
    ("name", "goto", "there", "before"), VALUES, ids=lambda each: str(each)[:9]
)
def test_values(site: Flask, name: str, goto: str, there: list[Any], before: list[Any]) -> None:
    with lists.undone(site):
        stored(name, *there, *before, None)
        shown = [str(each)[:50] for each in named(site, f"sort={name}&goto={goto}")]
        assert shown[:-1] == [str(each)[:50] for each in shown_as(name, there)]
        assert shown[-1] == "None"


def shown_as(name: str, values: list[Any]) -> list[Any]:
    """Return values as the list reads them back."""
    state = ListState(THINGS, sort=(name,))
    place = THINGS.list_display.index(name)
    read = [record.values[place] for record in records.page(state).records]
    return [each for each in read if each is not None][-len(values) :]


def test_an_enumeration_is_gone_to_in_the_order_of_the_database(site: Flask) -> None:
    with lists.undone(site):
        stored("colour", *Colour, None)
        for sort in ("colour", "-colour"):
            for colour in Colour:
                state = lists.state(THINGS, f"sort={sort}&goto={colour.name}")
                check_jump(state)


def test_what_other_programs_write_on_sqlite_is_found(site: Flask) -> None:
    if not site.config["DATABASE_URI"].startswith("sqlite"):
        return
    with lists.undone(site):
        stored("at", *(datetime(2024, 5, day) for day in (1, 2, 3)))
        db.session.execute(text("UPDATE things SET at = substr(at, 1, 19)"))
        assert len(named(site, "sort=at&goto=2024-05-02 00:00")) == 2
        assert len(named(site, "sort=-at&goto=2024-05-02 00:00")) == 2


def test_the_first_part_of_a_key_is_gone_to(site: Flask) -> None:
    with lists.undone(site):
        keys_ = [(part, number) for part in "abc" for number in (1, 2)]
        lists.add(THINGS, [{"part": part, "number": n, "size": 1} for part, n in keys_])
        page = records.page(lists.state(THINGS, "goto=b"))
        assert lists.keys_of([page]) == ["b,1", "b,2", "c,1", "c,2"]


WRONG = [
    ("sort=size&goto=x", "goto", "whole number in plain digits"),
    ("sort=size&goto=99999999999", "goto", "from -2147483648 to"),
    ("sort=day&goto=yesterday", "goto", "year-month-day"),
    ("sort=at&goto=2024-02-30", "goto", "2026-03-31 16:20"),
    ("sort=at&goto=2024-W13-2", "goto", "2026-03-31 16:20"),
    ("sort=colour&goto=green", "goto", "red, blue, dark_green"),
    ("sort=name&goto=" + "a" * 1001, "goto", "at most 1000 characters"),
    ("goto=a&after=x", "goto", "Give either"),
    ("goto=a&before=end", "goto", "Give either"),
    ("goto=a&around=a,1", "around", "Give either"),
    ("around=a", "around", "No record can have this key"),
]


@pytest.mark.parametrize(("query", "parameter", "right"), WRONG)
def test_wrong_places_are_refused(site: Flask, query: str, parameter: str, right: str) -> None:
    response = site.test_client().get(f"/things/?{query}")
    assert response.status_code == 400
    assert f"“{parameter}” in the address is wrong" in response.text
    assert right in response.text


def test_no_jump_tells_what_a_list_hides(site: Flask) -> None:
    hidden = Resource(model=User, list_display=("id", "name"), ordering=("age",))
    with site.test_request_context("/"):
        with pytest.raises(ListError, match="First sort the list"):
            lists.state(hidden, "goto=5")
        assert lists.state(hidden, "goto=5&sort=name").goto == "5"
        assert lists.state(replace(hidden, ordering=("id",)), "goto=5").goto == "5"


def test_beyond_the_end_is_the_last_page(site: Flask) -> None:
    with lists.kept(site, USERS, [{"id": i, "name": f"N{i:02}"} for i in range(1, 61)]):
        client = site.test_client()
        page = client.get("/users/?sort=name&goto=Z")
        assert (page.status_code, page.location) == (303, "/users/?sort=name&before=end")
        page = client.get("/users/?sort=name&goto=A")
        assert "50 of 60" in page.text
        (before,) = re.findall(r'href="(\?sort=name&amp;before=[^"]+)" rel="prev"', page.text)
        page = client.get("/users/" + before.replace("&amp;", "&"))
        assert (page.status_code, page.location) == (303, "/users/?sort=name")
        page = client.get("/users/?q=nobody&goto=5")
        assert (page.status_code, page.location) == (303, "/users/?q=nobody&before=end")
        assert "Nothing matches." in client.get(page.location).text


def test_downwards_a_letter_is_reached_with_the_last_name_that_begins_so(site: Flask) -> None:
    names = ("Isa", "Jack", "John", "Józef", "Kim")
    with (
        lists.kept(site, USERS, [{"id": i, "name": name} for i, name in enumerate(names, 1)]),
        site.app_context(),
    ):
        page = records.page(lists.state(USERS, "sort=-name&goto=J"))
        found = [record.values[1] for record in page.records]
    assert set(found[:3]) == {"Jack", "John", "Józef"}
    assert found[3:] == ["Isa"]


def test_links_on_the_page_keep_the_place_where_they_should(site: Flask) -> None:
    with lists.kept(site, USERS, [{"id": i, "name": f"N{i:02}", "age": 1} for i in range(1, 81)]):
        query = "q=N&age=1&sort=-name&size=25"
        page = site.test_client().get(f"/users/?{query}&goto=N40").text
    assert f'href="/users/40?{query}&goto=N40"'.replace("&", "&amp;") in page
    form = page[page.index('class="jump"') :].partition("</form>")[0]
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    assert hidden == {"q": "N", "age": "1", "sort": "-name", "size": "25"}
    assert "Go to Name" in form
    for rel in ("prev", "next"):
        (href,) = re.findall(rf'href="([^"]+)" rel="{rel}"', page)
        assert "goto" not in href


def around(site: Flask, query: str) -> tuple[str, str]:
    """Return the address that a record's place leads to, and its page."""
    client = site.test_client()
    answer = client.get(f"/users/?{query}")
    assert answer.status_code == 303, answer.text
    address, _, anchor = answer.location.partition("#")
    return anchor, client.get(address).text


@pytest.mark.parametrize("sort", ["id", "-id", "name", "-name", "age", "-age,name"])
def test_a_record_stands_in_the_midst_of_its_page(site: Flask, sort: str) -> None:
    rows = [
        {"id": i, "name": f"N{i * 7 % 90:02}" if i % 9 else None, "age": i % 4 or None}
        for i in range(1, 91)
    ]
    with lists.kept(site, USERS, rows):
        with site.test_request_context("/"):
            order = lists.plain(lists.state(USERS, f"sort={sort}"))
        for key in (order[0], order[12], order[45], order[88], order[89]):
            anchor, page = around(site, f"sort={sort}&size=25&around={key}")
            shown = re.findall(r'<tr id="record-(\d+)"', page)
            assert anchor == f"record-{key}"
            assert key in shown
            start = order.index(shown[0])
            assert shown == order[start : start + 25]
            if key not in (order[88], order[89]):
                assert shown[-1] != key


def test_the_place_of_a_record_that_a_filter_leaves_out(site: Flask) -> None:
    """The list is shown where it would stand."""
    with lists.kept(site, USERS, [{"id": i, "age": i % 2} for i in range(1, 81)]):
        _, page = around(site, "age=1&size=25&around=40")
        shown = re.findall(r'<tr id="record-(\d+)"', page)
        assert {"39", "41"} <= set(shown)
        assert "40" not in shown


def test_the_place_of_a_record_that_is_not_there(site: Flask) -> None:
    client = site.test_client()
    assert client.get("/users/?around=999999").status_code == 404
    assert client.get("/users/?around=nobody").status_code == 400


def test_a_record_leads_to_its_place(site: Flask) -> None:
    with lists.kept(site, USERS, [{"id": i, "name": f"N{i}"} for i in range(1, 61)]):
        page = site.test_client().get("/users/30?sort=-name&before=end").text
    assert 'href="/users/?sort=-name&amp;around=30">Show in the list</a>' in page


def test_a_key_with_strange_letters_leads_to_its_place(site: Flask) -> None:
    with lists.kept(site, THINGS, [{"part": "a/b,%é", "number": 1, "size": 1}]):
        key = keys.key_text(THINGS, ("a/b,%é", 1))
        client = site.test_client()
        page = client.get(f"/things/{keys.in_url(key)}").text
        (href,) = re.findall(r'href="(/things/\?around=[^"]+)"', page)
        answer = client.get(href)
        assert answer.status_code == 303
        anchor = answer.location.partition("#")[2]
        assert f'id="{anchor}"' in client.get(answer.location).text
