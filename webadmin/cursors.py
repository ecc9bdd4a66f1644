"""Cursors: the place of a record in a sorted list as a text in a URL, and back."""

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement

from webadmin import values
from webadmin.sorting import ODD_IN_MARIADB, SortKey

# Characters of a cursor: nginx takes a request line of 8,000 bytes, and the rest needs room too.
LONGEST_CURSOR = 3000
# Digits of a decimal before or after the point: MariaDB has at most 65, and its driver writes
# out every one of them.
MOST_DIGITS = 2000


@dataclass(frozen=True)
class Cursor:
    """A place in a list.

    Attributes:
        position: The number of the record there, from 1, or None where it is not known.
        values: Those of the keys at the record; only those of the primary key if `long`.
        long: Whether the other keys are too long for a URL and must be read from the record.
    """

    position: int | None
    values: list[Any]
    long: bool = False

    def record(self, keys: Sequence[SortKey]) -> list[ColumnElement[bool]]:
        """Return the conditions that find the record of a `long` cursor."""
        pairs = zip(_of_record(keys), self.values, strict=True)
        return [key.expression == value for key, value in pairs]


def _of_record(keys: Sequence[SortKey]) -> list[SortKey]:
    return [key for key in keys if key.column.primary_key]


def encode(
    position: int | None, keys: Sequence[SortKey], place: Sequence[Any], hidden: bool = False
) -> str:
    """Return a cursor: the number of the record in the list, where known, and its keys.

    Args:
        position: The number.
        keys: The sort.
        place: The values of the keys.
        hidden: Whether only the key of the record may stand in it: the list shows no more.
    """
    dumped = [
        key.column.dump(value) if isinstance(value, Enum) else values.dump(value)
        for key, value in zip(keys, place, strict=True)
    ]
    text = _base64([position, dumped])
    if len(text) <= LONGEST_CURSOR and not hidden:
        return text
    short = [each for key, each in zip(keys, dumped, strict=True) if key.column.primary_key]
    return _base64([position, short, 1])


def _base64(data: list[Any]) -> str:
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(text: str, keys: Sequence[SortKey], dialect: str) -> Cursor:
    """Return what `encode` was given.

    Raises:
        ValueError: The cursor was not made by `encode` for these keys.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        position, place, *long = json.loads(raw)
        place = [values.load(value) for value in place]
    except (TypeError, RecursionError) as error:
        raise ValueError("not a cursor") from error
    keys = _of_record(keys) if long else keys
    known = position is None or (type(position) is int and 0 < position < 2**63)
    if len(place) != len(keys) or not known:
        raise ValueError("a cursor of another list")
    for i, (key, value) in enumerate(zip(keys, place, strict=True)):
        if not _fits(key, value, dialect):
            raise ValueError("a cursor of another list")
        if key.column.kind.name == "choice" and dialect == "postgresql" and value is not None:
            place[i] = key.column.parse(value)
    return Cursor(position, place, bool(long))


def _fits(key: SortKey, value: Any, dialect: str) -> bool:
    """Return whether a list can hold a value there, so that the DBMS can be asked about it."""
    if value is None:
        return key.nullable
    if isinstance(value, str) and not _storable(value, dialect):
        return False
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return False
    if isinstance(value, float | Decimal) and not _number_fits(value, dialect):
        return False
    if dialect == "sqlite":
        return isinstance(value, int | float | str | bytes)
    if key.column.kind.name == "choice":
        return isinstance(value, str)
    if key.column.kind.name in ODD_IN_MARIADB and dialect != "postgresql":
        return isinstance(value, date | timedelta | str | int)
    try:
        if key.column.kind.name in ("integer", "uuid"):
            key.column.parse(str(value))
        expected = key.column.type.python_type
    except (ValueError, NotImplementedError):
        return False
    return isinstance(value, expected) or (expected is float and isinstance(value, int))


def _storable(value: str, dialect: str) -> bool:
    lone = any("\ud800" <= letter <= "\udfff" for letter in value)  # half a UTF-16 pair
    return not lone and not (dialect == "postgresql" and "\0" in value)


def _number_fits(value: float | Decimal, dialect: str) -> bool:
    if isinstance(value, Decimal) and value.is_finite():
        return abs(value.adjusted()) <= MOST_DIGITS
    if isinstance(value, Decimal) and value.is_snan():
        return False
    if math.isfinite(value) or dialect == "postgresql":
        return True
    # SQLite takes NaN for NULL; MariaDB has no infinities either.
    return dialect == "sqlite" and not math.isnan(value)
