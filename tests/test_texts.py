"""Parsers: the text of a value is read back as that value, and other texts get a message."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from test_values import JSON, same

from library import Mood
from webadmin import create_app, texts
from webadmin.columns import Kind, kind_of

TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "choice": sa.Enum(Mood),
    "word": sa.Enum("a_b", "", "c d"),
    "text": sa.Text(),
    "string": sa.String(5),
    "boolean": sa.Boolean(),
    "small": sa.SmallInteger(),
    "integer": sa.Integer(),
    "big": sa.BigInteger(),
    "float": sa.Float(),
    "decimal": sa.Numeric(),
    "money": sa.Numeric(12, 2),
    "datetime": sa.DateTime(),
    "zoned": sa.DateTime(timezone=True),
    "date": sa.Date(),
    "time": sa.Time(),
    "interval": sa.Interval(),
    "uuid": sa.Uuid(),
    "hex": sa.Uuid(as_uuid=False),
    "json": sa.JSON(),
}
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "choice": st.sampled_from(Mood),
    "word": st.sampled_from(["a_b", "", "c d"]),
    "text": TEXT,
    "string": TEXT,
    "boolean": st.booleans(),
    "small": st.integers(-(2**15), 2**15 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "big": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "decimal": st.decimals(-(10**30), 10**30, places=12),
    "money": st.decimals(-(10**10) + 1, 10**10 - 1, places=2),
    "datetime": st.datetimes(),
    "zoned": st.datetimes(timezones=st.just(UTC)),
    "date": st.dates(),
    "time": st.times(),
    "interval": st.timedeltas(timedelta(days=-700_000), timedelta(days=700_000)),
    "uuid": st.uuids(),
    "hex": st.uuids().map(str),
    "json": JSON.filter(lambda value: value is not None and _is_sendable(value)),
}


def _is_sendable(value: Any) -> bool:
    try:
        texts.parse_json(texts.json_text(value), None)
    except ValueError:  # an infinity, or half a surrogate pair
        return False
    return True


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """A site in Berlin: clocks that go forward and back, and an odd offset before 1893."""
    folder = tmp_path_factory.mktemp("texts")
    return create_app(
        {"SECRET_KEY": "x", "INSTANCE_PATH": str(folder), "TIMEZONE": "Europe/Berlin"}
    )


def read(name: str, text: str) -> Any:
    kind: Kind = kind_of(TYPES[name])
    assert kind.parse is not None
    return kind.parse(text, TYPES[name])


def test_every_kind_of_value_is_tried() -> None:
    from webadmin.columns import KINDS

    assert {kind_of(type_).name for type_ in TYPES.values()} | {"binary"} == {
        kind.name for kind in KINDS
    }
    assert set(TYPES) == set(VALUES)


@pytest.mark.parametrize("name", sorted(set(TYPES) - {"zoned"}))
def test_the_text_of_a_value_is_read_back(name: str) -> None:
    @given(VALUES[name])
    def check(value: Any) -> None:
        text = kind_of(TYPES[name]).text(value)
        assert same(read(name, text), value)

    check()


@given(VALUES["zoned"])
def test_zoned_times_are_read_back_in_the_zone_of_the_site(app: Flask, value: datetime) -> None:
    with app.test_request_context():
        assert read("zoned", texts.datetime_text(value)) == value


@pytest.mark.parametrize("name", sorted(set(TYPES) - {"text", "string", "zoned"}))
def test_no_text_breaks_a_parser(name: str) -> None:
    refused: list[str] = []

    @given(st.text() | st.from_regex(r"\A[-+0-9٣1２eE.:TZ {}\[\]\"nulltrefas]{0,12}\Z"))
    def check(text: str) -> None:
        try:
            value = read(name, text)
        except ValueError as error:
            refused.append(str(error))
        else:
            kind_of(TYPES[name]).text(value)

    check()
    assert refused
    assert all(message.endswith(".") for message in refused)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            ("integer", text)
            for text in ("", "+5", "5.0", "1_0", "٣", "１２", "1e2", " 7", "--1", "0x1")
        ),
        *(("integer", text) for text in ("2147483648", "-2147483649", "9" * 41)),
        *(("float", text) for text in ("", ".5", "5.", "1,5", "inf", "nan", "1e400", "١", "1_0.0")),
        *(("money", text) for text in ("1.001", "10000000000", "1e2", "NaN", "+1", "1.")),
        *(("boolean", text) for text in ("", "True", "1", "yes")),
        *(
            ("date", text)
            for text in ("2026-1-1", "20260101", "2026-02-30", "0000-01-01", "٢٠٢٦-01-01")
        ),
        *(("time", text) for text in ("24:00", "9:00", "09:60", "09:00:60", "09:00+01:00", "0900")),
        *(("datetime", text) for text in ("2026-01-01", "2026-01-01 24:00", "2026-01-01 10:00Z")),
        *(("interval", text) for text in ("1", "1:00", "00:60:00", "-1 day", "700001 00:00:00")),
        *(("uuid", text) for text in ("", "{123e4567-e89b-12d3-a456-426614174000}", "0" * 32)),
        *(("json", text) for text in ("", "{", "NaN", "1e400", "'a'", '"\\udfff"', "[" * 9999)),
        ("choice", "calm and quiet"),
        ("word", "a b"),
        ("string", "a\0b"),
    ],
)
def test_other_texts_are_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        read(name, text)


@pytest.mark.parametrize(
    ("scale", "text"),
    [
        (30, "0." + "1" * 31),
        (30, "9" * 8 + "." + "1" * 31),
        (0, "0.5"),
        (2, "0.009"),
        (None, "0.5"),
    ],
)
def test_digits_are_counted_beyond_the_precision_of_decimal(scale: int | None, text: str) -> None:
    with pytest.raises(ValueError, match="after the decimal point"):
        texts.parse_decimal(text, sa.Numeric(38, scale))
    zeros = texts.parse_decimal("1." + "0" * 60, sa.Numeric(38, scale))
    assert zeros == Decimal(1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-07-01 12:30", datetime(2026, 7, 1, 10, 30, tzinfo=UTC)),
        ("2026-07-01T12:30:00Z", datetime(2026, 7, 1, 12, 30, tzinfo=UTC)),
        ("2026-10-25 02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-10-25 02:30+01:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("1890-01-01 00:53:28", datetime(1890, 1, 1, tzinfo=UTC)),
    ],
)
def test_zoned_times_are_read_as_the_site_has_them(
    app: Flask, text: str, expected: datetime
) -> None:
    with app.test_request_context():
        assert read("zoned", text) == expected


@pytest.mark.parametrize("text", ["2026-03-29 02:30", "0001-01-01 00:00", "9999-12-31 23:59-01:00"])
def test_times_that_are_not_are_refused(app: Flask, text: str) -> None:
    with app.test_request_context(), pytest.raises(ValueError):
        read("zoned", text)


def test_only_a_time_that_comes_twice_bears_its_offset(app: Flask) -> None:
    with app.test_request_context():
        shown = [
            texts.datetime_text(datetime(2026, 10, 24 + day, 0, 30, tzinfo=UTC)) for day in (0, 1)
        ]
        assert shown == ["2026-10-24 02:30:00", "2026-10-25 02:30:00+02:00"]
        last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
        assert texts.datetime_text(last) == "9999-12-31 23:59:00+00:00"


def test_a_time_with_a_zone_keeps_it() -> None:
    zoned = sa.Time(timezone=True)
    value = texts.parse_time("10:00:00+02:00", zoned)
    assert value.isoformat() == "10:00:00+02:00"
    assert texts.parse_time("10:00", zoned) == time(10)


def test_sqlite_takes_no_more_digits_than_it_keeps(app: Flask) -> None:
    with app.test_request_context():
        for text in ("1234567890.12345", "0.0123456789", "12" + "0" * 20):
            assert texts.parse_decimal(text, sa.Numeric()) == Decimal(text)
        for text in ("1234567890.123456", "0.12345678901", "1234567890123456"):
            with pytest.raises(ValueError, match="digits"):
                texts.parse_decimal(text, sa.Numeric())
