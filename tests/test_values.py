"""Values as JSON: what is dumped comes back, exactly."""

import json
import math
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webadmin import values

OFFSETS = st.integers(-23 * 3600, 23 * 3600).map(lambda each: timezone(timedelta(seconds=each)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
EVERY_TYPE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text(st.characters()),  # halves of surrogate pairs too
    st.dates(),
    st.times(),
    st.times(timezones=OFFSETS),
    st.datetimes(),
    st.datetimes(timezones=OFFSETS | st.just(UTC)),
    st.timedeltas(),
    st.decimals(),
    st.uuids(),
    st.binary(),
    st.lists(JSON),
    st.dictionaries(st.text(), JSON),
)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float | Decimal) and math.isnan(one):
        return str(one) == str(other)
    if isinstance(one, datetime | time) and isinstance(other, datetime | time):
        one, other = one.replace(fold=0), other.replace(fold=0)  # no database stores it
    return type(one) is type(other) and one == other and repr(one) == repr(other)


@given(EVERY_TYPE.filter(lambda value: not (isinstance(value, Decimal) and value.is_snan())))
def test_every_value_comes_back(value: Any) -> None:
    text = json.dumps(values.dump(value), ensure_ascii=False)
    text.encode()  # it can be sent
    assert same(values.load(json.loads(text)), value)


@pytest.mark.parametrize(
    "data",
    [
        [],
        ["text"],
        {},
        {"int": "1"},
        {"date": "2026-01-01", "time": "10:00"},
        {"date": "yesterday"},
        {"date": 5},
        {"datetime": None},
        {"interval": "long"},
        {"interval": math.inf},
        {"interval": "9" * 40},
        {"decimal": "many"},
        {"decimal": []},
        {"uuid": "1"},
        {"uuid": 1},
        {"bytes": "é"},
        {"bytes": "a"},
        {"bytes": None},
        {"json": "{"},
        {"json": {}},
        {"float": "x"},
        {"float": None},
    ],
)
def test_what_dump_did_not_make_is_refused(data: Any) -> None:
    with pytest.raises(ValueError):
        values.load(data)
