"""Filters and search find what they say, and take no character for a wildcard."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import lists
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from lists import THINGS, Colour
from sqlalchemy import text

from webadmin import filters, records
from webadmin.database import db
from webadmin.folding import SHORT
from webadmin.users import USERS

quick = bounds(max_examples=30, deadline=None, database=None)


def found(resource: Any, query: str) -> list[str]:
    return lists.keys_of([records.page(lists.state(resource, query))])


def is_mariadb() -> bool:
    """Return whether searches look inside of words where nothing begins so."""
    return records.dialect() in ("mysql", "mariadb")


SPECIAL = "%_/\\'\"&+#?=;<[]*^$"
PIECES = st.text(st.sampled_from(SPECIAL + "ab"), min_size=1, max_size=4)


@given(names=st.lists(PIECES, max_size=12), piece=PIECES)
@quick
def test_no_character_is_a_wildcard(site: Flask, names: list[str], piece: str) -> None:
    with lists.undone(site):
        lists.add(USERS, [{"id": i, "name": f"x{name}y"} for i, name in enumerate(names, 1)])
        numbered = [(str(i), f"x{name}y") for i, name in enumerate(names, 1)]
        inside = [key for key, name in numbered if piece in name]
        begun = [key for key, name in numbered if name.startswith(f"x{piece}")]
        same = [key for key, name in numbered if name == f"x{piece}y"]
        # What has neither letters nor digits is looked for everywhere.
        signs = not any(each.isalnum() for each in piece)
        everywhere = len(piece) >= SHORT or is_mariadb() or signs
        for query, expected in [
            (f"q={quote(piece)}", inside if everywhere else []),
            (f"q=x{quote(piece)}", begun),
            (f"name__contains={quote(piece)}", inside),
            (f"name__startswith=x{quote(piece)}", begun),
            (f"name=x{quote(piece)}y", same),
        ]:  # fmt: skip
            assert found(USERS, query) == expected, query


def test_search_takes_upper_and_lower_case_as_equal(site: Flask) -> None:
    with lists.undone(site):
        lists.add(USERS, [{"id": i, "name": n} for i, n in enumerate(["Ada Byron", "ada", "B"], 1)])
        assert found(USERS, "q=ADA") == found(USERS, "name__startswith=aDa") == ["1", "2"]
        assert found(USERS, "q=byr ADA") == ["1"]
        assert found(USERS, "q=Ada x") == []


def test_search_finds_a_key(site: Flask) -> None:
    with lists.undone(site):
        lists.add(USERS, [{"id": 7, "name": "Ada"}, {"id": 12, "name": "7 of 9"}])
        assert found(USERS, "q=7") == ["7", "12"]
        assert found(USERS, "q=007") == ["7"]
        assert found(USERS, f"q={2**31}") == found(USERS, f"q={10**18}") == []


def test_search_without_text_columns_finds_nothing(site: Flask) -> None:
    plain = type(USERS)(model=USERS.model, search_fields=())
    with lists.undone(site):
        lists.add(USERS, [{"id": 7, "name": "Ada"}])
        assert found(plain, "q=Ada") == []
        assert found(plain, "q=7") == ["7"]


ROW: dict[str, Any] = {
    "name": "Ada", "big": 2**62, "size": 5, "single": 0.1, "double": 0.1, "price": Decimal("0.10"),
    "at": datetime(2026, 3, 31, 16, 20), "zoned": datetime(2026, 3, 31, 16, 20, tzinfo=UTC),
    "day": datetime(2026, 3, 31).date(), "clock": datetime(2026, 3, 31, 16, 20).time(),
    "span": datetime(2026, 1, 2) - datetime(2026, 1, 1), "colour": Colour.dark_green, "word": "fig",
    "flag": False, "token": lists.POOLS["token"][3], "hexed": lists.POOLS["hexed"][3],
    "body": "b" * 300 + "c", "sort": "s",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ROW))
def test_a_value_filters_by_itself(site: Flask, name: str) -> None:
    """Whatever the type, what is shown of a record finds the record."""
    column = THINGS.columns[name]
    with lists.undone(site):
        nothing = {} if name == "size" else {name: None}
        lists.add(THINGS, [{"part": "a", "number": 1, **ROW}])
        lists.add(THINGS, [{"part": "a", "number": 2, **ROW, "size": -1, **nothing}])
        value = column.text(ROW[name])
        expected = {
            "exact": 1,
            "gte": 1,
            "lte": 1,
            "gt": 0,
            "lt": 0,
            "startswith": 1,
            "contains": 1,
        }
        for operator in set(column.kind.operators) - {"isnull"}:
            query = f"{filters.parameter(name, operator)}={value}"
            keys = [key for key in found(THINGS, query) if key == "a,1"]
            assert len(keys) == expected[operator], query
        assert found(THINGS, f"{name}__isnull=0")[:1] == ["a,1"]
        assert found(THINGS, f"{name}__isnull=1") == ([] if name == "size" else ["a,2"])


@pytest.mark.parametrize("query", ["single__gte=0.1", "single__lte=0.1", "single=1e300"])
def test_single_precision_is_compared_as_such(site: Flask, query: str) -> None:
    with lists.undone(site):
        lists.add(THINGS, [{"part": "a", "number": 1, "size": 1, "single": 0.1}])
        assert found(THINGS, query) == ([] if "1e300" in query else ["a,1"])


@pytest.mark.parametrize("written", ["2026-03-31 16:20:00", "2026-03-31 16:20:00.000000"])
def test_times_written_by_other_programs_are_found(tmp_path: Any, written: str) -> None:
    for site in lists.site("sqlite", tmp_path, {}):
        with lists.undone(site):
            statement = "INSERT INTO things (part, number, size, at) VALUES ('a', 1, 1, :at)"
            db.session.execute(text(statement), {"at": written})
            for operator, hit in {
                "exact": 1, "gte": 1, "lte": 1, "gt": 0, "lt": 0,
            }.items():  # fmt: skip
                query = f"{filters.parameter('at', operator)}=2026-03-31 16:20"
                assert len(found(THINGS, query)) == hit, operator
            assert found(THINGS, "at__lt=2026-03-31 16:20:00.000001") == ["a,1"]
            assert found(THINGS, "at__gt=2026-03-31 16:19:59.999999") == ["a,1"]
