"""Counts are exact up to a bound, and beyond it never read the whole table unless asked to."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import lists
import pytest
from flask import Flask
from lists import THINGS, USERS
from sqlalchemy import func, select, text
from sqlalchemy.orm import aliased

from webadmin import counts, list_counts, records, selects
from webadmin.counts import BOUND, Count
from webadmin.database import db, writing
from webadmin.listing import ListState
from webadmin.resource import Resource
from webadmin.time_limit import TookTooLongError
from webadmin.users import User

MANY = 12_000


@pytest.fixture(scope="module")
def crowded(site: Flask) -> Iterator[Flask]:
    """A site with more users than are counted, and statistics about them."""
    with site.app_context():
        lists.fill_users(MANY, distinct=100)
    yield site
    with site.app_context(), writing():
        db.session.execute(text("DELETE FROM users"))
        db.session.commit()


@pytest.fixture(autouse=True)
def nothing_remembered(site: Flask) -> None:
    site.extensions.pop("webadmin_counts", None)


def named(number: int) -> list[dict[str, Any]]:
    """Return things named 0 and 1 in turn."""
    return [{"part": "a", "number": i, "size": 1, "name": str(i % 2)} for i in range(number)]


@pytest.mark.parametrize("number", [0, 1, 60])
def test_small_lists_are_counted(site: Flask, number: int) -> None:
    with lists.undone(site):
        lists.add(THINGS, named(number))
        assert list_counts.of_list(ListState(THINGS)) == Count(number)
        assert list_counts.of_list(ListState(THINGS, exact=True)) == Count(number)
        assert list_counts.of_list(lists.state(THINGS, "name=1")) == Count(number // 2)


@pytest.mark.usefixtures("crowded")
class TestBeyondTheBound:
    def test_the_statistics_are_asked(self, crowded: Flask) -> None:
        with crowded.app_context(), lists.statements() as run:
            count = list_counts.of_list(ListState(USERS))
        assert count.kind == "about"
        assert abs(count.number - MANY) < MANY / 5
        assert len(run) == 1
        assert str(BOUND + 1) in str(run[0])  # the LIMIT of what is counted

    def test_a_table_that_has_grown_beyond_it_is_estimated(self, crowded: Flask) -> None:
        with crowded.app_context():
            counts.remember(USERS, Count(7))
            page = records.page(ListState(USERS))
        assert page.count.kind == "about"
        assert abs(page.count.number - MANY) < MANY / 5
        assert len(page.records) == 50

    def test_the_exact_count_is_made_on_demand(self, crowded: Flask) -> None:
        with crowded.app_context():
            assert list_counts.of_list(ListState(USERS, exact=True)) == Count(MANY)
            state = lists.state(USERS, "age__lte=98&count=exact")
            assert list_counts.of_list(state) == Count(MANY - MANY // 100 - MANY // 1000)

    def test_narrowed_lists_say_more_than(self, crowded: Flask) -> None:
        with crowded.app_context():
            assert list_counts.of_list(lists.state(USERS, "age__lte=98")) == Count(BOUND, "more")
            assert list_counts.of_list(lists.state(USERS, "age=7")) == Count(MANY // 100)

    def test_an_estimate_is_not_made_for_every_page(
        self, crowded: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with crowded.app_context():
            first = list_counts.of_list(ListState(USERS))
            with lists.statements() as run:
                assert list_counts.of_list(ListState(USERS)) == first
            assert run == []
            later = time.monotonic() + counts.REMEMBERED + 1
            monkeypatch.setattr(time, "monotonic", lambda: later)
            with lists.statements() as run:
                list_counts.of_list(ListState(USERS))
            assert len(run) == 1

    def test_the_page_says_so(self, crowded: Flask) -> None:
        page = crowded.test_client().get("/users/").text
        assert "about 1" in page
        assert 'href="?count=exact"' in page
        page = crowded.test_client().get("/users/?count=exact").text
        assert "1–50 of 12,000" in page

    def test_a_count_that_takes_too_long_is_given_up(
        self, crowded: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each record costs a look at all others: one page of them is had, ten thousand are not."""
        other = aliased(User)
        looked = select(func.count()).where(other.id + 0 != User.id).scalar_subquery()
        slow = Resource(model=User, scope=lambda _account: looked > 0)
        monkeypatch.setitem(crowded.config, "COUNT_TIMEOUT", 0.2)
        with lists.undone(crowded):
            with pytest.raises(TookTooLongError):
                counts.exact(selects.matching(ListState(slow)))
            page = records.page(ListState(slow, size=25, exact=True))
            assert (len(page.records), page.count) == (25, Count(25, "more"))

    def test_the_page_says_that_it_was_given_up(
        self, crowded: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def never(_matching: object) -> None:
            raise TookTooLongError

        monkeypatch.setattr(counts, "exact", never)
        page = crowded.test_client().get("/users/?count=exact").text
        assert "took too long" in page
        assert "about 1" in page
        # Only who asks again waits again.
        assert re.findall(r'href="([^"]*count=exact)"', page) == ["?count=exact"]
        page = crowded.test_client().get("/users/?age__lte=98&count=exact").text
        assert "more than 10,000" in page
        assert "took too long" in page

    def test_a_large_part_is_not_counted_for_each_page(
        self, crowded: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        large, small = lists.state(USERS, "age__lte=98"), lists.state(USERS, "age=7")
        with crowded.app_context(), monkeypatch.context() as patch:
            counts.changed(USERS, 0)
            assert list_counts.of_list(large) == Count(BOUND, "more")
            patch.setattr(selects, "rows", None)  # what would count
            assert list_counts.of_list(large) == Count(BOUND, "more")
            for state in (small, replace(large, q="x"), replace(large, patient=True)):
                with pytest.raises(TypeError):
                    list_counts.of_list(state)
            counts.changed(USERS, 1)
            with pytest.raises(TypeError):
                list_counts.of_list(large)
            assert list_counts.of_list(ListState(USERS)).kind == "about"

    def test_a_page_that_shows_all_corrects_a_count_that_is_kept(self, crowded: Flask) -> None:
        state = lists.state(USERS, "age=7&name__startswith=nobody")
        with crowded.app_context():
            counts.keep_beyond(USERS, (state.q, state.filters, False), Count(BOUND, "more"))
            assert records.page(state).count == Count(0)
            counts.changed(USERS, 0)

    def test_an_edit_lets_parts_be_counted_anew(self, crowded: Flask) -> None:
        with crowded.test_request_context("/", method="POST"), writing():
            counts.keep_beyond(USERS, "part", Count(BOUND, "more"))
            user = db.session.get_one(User, 1)
            user.age = 98 if user.age != 98 else 97
            assert counts.beyond(USERS, "part") is not None
            db.session.commit()
            assert counts.beyond(USERS, "part") is None

    def test_a_count_that_took_too_long_is_not_tried_again_for_each_page(
        self, crowded: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        state, tried = lists.state(USERS, "age__gte=1"), []

        def never(*_: object) -> None:
            tried.append(1)
            raise TookTooLongError

        with crowded.app_context(), monkeypatch.context() as patch:
            counts.changed(USERS, 0)
            patch.setattr(selects, "rows", never)
            for _ in range(2):
                assert list_counts.of_list(state) == Count(0, "more")
            counts.changed(USERS, 0)
        assert tried == [1]

    def test_the_last_page_without_an_exact_count(self, crowded: Flask) -> None:
        with crowded.app_context():
            page = records.page(ListState(USERS, size=50, before="end"))
            assert page.first is None
            assert [len(page.records), page.records[-1].key] == [50, str(MANY)]
            page = records.page(ListState(USERS, size=50, before="end", exact=True))
            assert page.first == MANY - 49


def test_postgresql_without_statistics_says_more_than(site: Flask) -> None:
    if site.config["DATABASE_URI"].startswith("postgresql"):
        with lists.undone(site):
            db.session.execute(text("CREATE TABLE few (id integer PRIMARY KEY)"))
            db.session.execute(text("INSERT INTO few SELECT generate_series(1, 10100)"))
            statement = text("SELECT reltuples FROM pg_class WHERE relname = 'few'")
            assert db.session.execute(statement).scalar_one() == -1
            db.session.execute(text("ALTER TABLE users RENAME TO others"))
            db.session.execute(text("ALTER TABLE few RENAME TO users"))
            assert list_counts.of_list(ListState(USERS)) == Count(BOUND, "more")


def test_a_key_of_two_columns_is_counted_or_said_to_be_more(site: Flask) -> None:
    with lists.undone(site):
        lists.add(THINGS, named(BOUND + 5))
        count = list_counts.of_list(ListState(THINGS))
        if site.config["DATABASE_URI"].startswith("sqlite"):
            assert count == Count(BOUND, "more")
        assert count.kind in ("more", "about")
        assert count.number >= BOUND


@pytest.mark.parametrize("query", ["", "sort=name", "sort=-name&size=25"])
def test_a_small_table_is_counted_with_its_page(site: Flask, query: str) -> None:
    with lists.undone(site):
        lists.add(THINGS, named(60))
        counts.remember(THINGS, Count(7))  # as it was some time ago
        first = records.page(lists.state(THINGS, query))
        assert (first.count, counts.remembered(THINGS)) == (Count(60), Count(60))
        second = records.page(replace(lists.state(THINGS, query), after=first.next))
        assert second.count == Count(60)
        assert [len(first.records[0].values)] == [len(THINGS.list_display)]
        found = [each.key for page in (first, second) for each in page.records]
        assert found == lists.plain(lists.state(THINGS, query))[: len(found)]
        lists.add(THINGS, [{"part": "b", "number": 1, "size": 1, "name": "z"}])
        assert records.page(lists.state(THINGS, query)).count == Count(61)


def test_counts_are_remembered_for_the_side_bar(
    site: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lists.undone(site):
        assert counts.remembered(THINGS) is None
        lists.add(THINGS, named(2))
        records.page(lists.state(THINGS, "name=1"))
        assert counts.remembered(THINGS) is None  # only part of the table was counted
        records.page(ListState(THINGS))
        assert counts.remembered(THINGS) == Count(2)
        counts.changed(THINGS, -1)
        assert counts.remembered(THINGS) == Count(1)
        records.page(ListState(THINGS, size=1))
        assert counts.remembered(THINGS) == Count(2)
        counts.remember(THINGS, Count(1_000_000, "about"))
        counts.changed(THINGS, -1)
        assert counts.remembered(THINGS) == Count(1_000_000, "about")
        later = time.monotonic() + counts.REMEMBERED + 1
        monkeypatch.setattr(time, "monotonic", lambda: later)
        assert counts.remembered(THINGS) is None
