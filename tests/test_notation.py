"""How values are written in files: harmless to spreadsheets, and exactly reversible."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from lists import POOLS, THINGS

from library import BOOKS
from webadmin import notation

BERLIN = ZoneInfo("Europe/Berlin")
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "\u00a0=1",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_looks_like_a_formula_is_guarded(text: str) -> None:
    assert notation.guard(text) == f"'{text}"
    assert notation.guard(f"'{text}") == f"''{text}"


@pytest.mark.parametrize(
    "text", ["a", "'t Hooft", "'s-Gravenhage", "a=1", "1", "''a", "a'", "é", " a"]
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert notation.guard(text) == text
    assert notation.unguard(text) == text


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_in_a_file_of_somebody_elses_stays_as_it_is(text: str) -> None:
    assert notation.unguard(text) == text


texts = st.text() | st.text(alphabet="'=+-@ \t\r\n＝a", max_size=6)


@given(texts)
def test_guarding_is_undone(text: str) -> None:
    guarded = notation.guard(text)
    assert notation.unguard(guarded) == text
    assert guarded
    assert guarded.lstrip()[:1] not in set("=+-@＝＋－＠")


@given(texts)
def test_the_quick_look_at_texts_is_right(text: str) -> None:
    """CSV writes a text whose first letter is above suspicion past `guard`."""
    (cell,) = notation.csv_writer(BOOKS.columns["title"], UTC)([text])
    assert cell == notation.guard(text)


@pytest.mark.parametrize("name", POOLS)
def test_texts_of_values_are_parsed_back(name: str) -> None:
    column = THINGS.columns[name]
    text = notation.text_of(column, BERLIN)
    for value in POOLS[name]:
        assert column.parse(text(value)) == value


@pytest.mark.parametrize("name", POOLS)
def test_cells_of_csv_keep_no_value_and_empty_text_apart(name: str) -> None:
    column = THINGS.columns[name]
    values = [*POOLS[name], None]
    *cells, empty = notation.csv_writer(column, BERLIN)(values)
    assert empty in ("", None)  # csv writes either as nothing
    for value, cell in zip(values[:-1], cells, strict=True):
        assert cell != ""
        plain = str(cell) if column.kind.numeric else notation.unguard(str(cell))
        assert column.parse(plain) == value


def test_times_with_a_zone_bear_their_offset_also_when_clocks_go_back() -> None:
    text = notation.text_of(BOOKS.columns["sold_at"], BERLIN)
    shown = [text(datetime(2026, 10, 25, hour, 30, tzinfo=UTC)) for hour in (0, 1)]
    assert shown == ["2026-10-25 02:30:00+02:00", "2026-10-25 02:30:00+01:00"]
    assert text(datetime(9999, 12, 31, 23, 59, tzinfo=UTC)) == "9999-12-31 23:59:00+00:00"


@pytest.mark.parametrize(
    ("name", "value", "cell"),
    [
        ("copies", 42, 42),
        ("copies", -42, -42),
        ("copies", 2**53, "9007199254740992"),
        ("height", 0.1, 0.1),
        ("height", 1 / 3, 1 / 3),
        ("height", 0.1 + 0.2, 0.1 + 0.2),
        ("height", float("inf"), "inf"),
        ("price", Decimal("12.50"), 12.5),
        ("price", Decimal("NaN"), "NaN"),
        ("ratio", Decimal("0.1234567890123456789"), "0.1234567890123456789"),
        ("in_print", True, True),
        ("published", date(2026, 3, 31), date(2026, 3, 31)),
        ("published", date(1900, 2, 28), "1900-02-28"),
        ("printed_at", datetime(2026, 3, 31, 16, 20, 5), datetime(2026, 3, 31, 16, 20, 5)),
        ("printed_at", datetime(2026, 3, 31, 16, 20, 5, 1), "2026-03-31 16:20:05.000001"),
        ("sold_at", datetime(2026, 3, 31, tzinfo=UTC), "2026-03-31 02:00:00+02:00"),
        ("title", "=1", "'=1"),
        ("title", "", "'"),
        ("title", None, None),
        ("pages", "=1", "'=1"),  # SQLite may hold any value in any column
    ],
)
def test_cells_of_sheets_are_exact(app: Flask, name: str, value: Any, cell: Any) -> None:
    (found,) = notation.sheet_writer(BOOKS.columns[name], BERLIN)([value])
    assert (found, type(found)) == (cell, type(cell))


def test_cells_of_json() -> None:
    def written(name: str, value: Any) -> str:
        (found,) = notation.json_writer(BOOKS.columns[name], UTC)([value])
        return found

    assert written("pages", 5) == "5"
    assert written("height", 0.5) == "0.5"
    assert written("height", float("nan")) == '"nan"'
    assert written("price", Decimal("12.50")) == '"12.50"'
    assert written("in_print", False) == "false"
    assert written("title", "=é\n") == '"=é\\n"'
    assert written("title", "") == '""'
    assert written("title", None) == "null"
    assert written("extra", {"a": [1]}) == '{"a":[1]}'
    assert written("cover", b"\0\xff") == '"AP8="'
