"""Keyset pages: the records after (or before) a place in a sorted list, without OFFSET.

No single predicate is quick on SQLite, PostgreSQL and MariaDB alike, so a page is a UNION ALL
of limited legs, nearest first: records equal up to the last key and beyond it there; those
beyond it in the key before; and so on; and for a key that may be NULL a leg of its own, since
NULLs come last in both directions.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Select, literal_column, select, type_coerce, union_all
from sqlalchemy.types import Double, NullType, String

from webadmin import values
from webadmin.columns import Column
from webadmin.resource import Resource

LONGEST_CURSOR = 8000


@dataclass(frozen=True)
class SortKey:
    """One key of a sort.

    Attributes:
        column: What is sorted by.
        expression: What ORDER BY and comparisons use.
        value: What is read into the cursor: exactly comparable with `expression`.
    """

    column: Column
    descending: bool
    expression: ColumnElement[Any]
    value: ColumnElement[Any]

    @property
    def nullable(self) -> bool:
        """Whether records without a value may exist."""
        return self.column.nullable

    def order(self, backward: bool) -> ColumnElement[Any]:
        """Return the ORDER BY term."""
        down = self.descending != backward
        return self.expression.desc() if down else self.expression.asc()

    def beyond(self, value: Any, backward: bool) -> ColumnElement[bool]:
        """Return the condition for records further on than `value`."""
        smaller = self.descending != backward
        found: ColumnElement[bool] = self.expression < value if smaller else self.expression > value
        return found


def sort_keys(resource: Resource, sort: Sequence[str], dialect: str) -> list[SortKey]:
    """Return the keys of a sort such as ("name", "-age"), closed by the primary key."""
    keys: dict[str, SortKey] = {}
    last_down = False
    for name in sort:
        bare, last_down = name.removeprefix("-"), name.startswith("-")
        keys.setdefault(bare, _sort_key(resource.columns[bare], last_down, dialect))
    for column in resource.key_columns:
        # The key runs in the direction of the last column: one index serves both.
        keys.setdefault(column.name, _sort_key(column, last_down, dialect))
    names = list(keys)
    complete = max(names.index(column.name) for column in resource.key_columns)
    return list(keys.values())[: complete + 1]


def _sort_key(column: Column, descending: bool, dialect: str) -> SortKey:
    expression: Any = column.attribute
    value: Any = expression
    if dialect == "sqlite":
        # What is stored, not what SQLAlchemy makes of it: other programs write it otherwise.
        expression = value = type_coerce(column.attribute, NullType())
    elif column.kind.name == "float":
        # A single-precision number is shown rounded; widened to double it compares exactly.
        value = column.attribute + literal_column("0e0", Double())
    elif column.kind.name == "choice" and dialect != "postgresql":
        # MariaDB sorts an ENUM by number but compares it with a text as a text.
        stored = type_coerce(column.attribute, String())
        expression = value = stored.concat(literal_column("''", String()))
    return SortKey(column, descending, expression, value)


Leg = tuple[list[ColumnElement[bool]], int]


def legs(keys: Sequence[SortKey], place: Sequence[Any] | None, backward: bool) -> list[Leg]:
    """Return the legs of a page, nearest first: conditions, and how many keys they pin.

    Args:
        keys: The sort.
        place: The values of the keys at the record to go on from; None begins at the end.
        backward: Whether the page lies before the place.
    """
    if place is None:
        return _end_legs(keys[0], backward)
    found: list[Leg] = []
    for depth in range(len(keys) - 1, -1, -1):
        key, value = keys[depth], place[depth]
        equal = [
            keys[i].expression.is_(None) if place[i] is None else keys[i].expression == place[i]
            for i in range(depth)
        ]
        if value is None:
            # NULLs are last: nothing beyond them, and every value before them.
            if backward:
                found.append(([*equal, key.expression.is_not(None)], depth))
            continue
        found.append(([*equal, key.beyond(value, backward)], depth))
        if key.nullable and not backward:
            found.append(([*equal, key.expression.is_(None)], depth + 1))
    return found


def _end_legs(first: SortKey, backward: bool) -> list[Leg]:
    if not first.nullable:
        return [([], 0)]
    both: list[Leg] = [([first.expression.is_not(None)], 0), ([first.expression.is_(None)], 1)]
    return both[::-1] if backward else both


def page(
    base: Select[Any],
    keys: Sequence[SortKey],
    place: Sequence[Any] | None,
    backward: bool,
    limit: int,
) -> Select[Any]:
    """Return the SELECT of at most `limit` records from a place on, nearest first.

    The records bear the columns of `base` and then k0, k1 ...: the values of the keys.
    """
    base = base.add_columns(*(key.value.label(f"k{i}") for i, key in enumerate(keys)))
    parts = legs(keys, place, backward)
    if len(parts) == 1:
        return _leg(base, keys, parts[0], backward, limit)
    union = _union(base, keys, parts, backward, limit).subquery()
    terms: list[ColumnElement[Any]] = [union.c.leg]
    for i, key in enumerate(keys):
        column = union.c[f"k{i}"]
        if key.nullable:
            terms.append(_nulls_last(column, backward))
        terms.append(column.desc() if key.descending != backward else column.asc())
    columns = [column for column in union.c if column.key != "leg"]
    return select(*columns).order_by(*terms).limit(limit)


def neighbours(base: Select[Any], keys: Sequence[SortKey], place: Sequence[Any]) -> Any:
    """Return one statement for the records next to a place: `leg` is negative before it."""
    both = []
    for backward in (True, False):
        for number, part in enumerate(legs(keys, place, backward), 1):
            leg: Any = literal_column(str(-number if backward else number)).label("leg")
            both.append(select(_leg(base.add_columns(leg), keys, part, backward, 1).subquery()))
    return union_all(*both)


def _union(
    base: Select[Any], keys: Sequence[SortKey], parts: Sequence[Leg], backward: bool, limit: int
) -> Any:
    numbered = (
        _leg(base.add_columns(literal_column(str(n)).label("leg")), keys, part, backward, limit)
        for n, part in enumerate(parts)
    )
    return union_all(*(select(leg.subquery()) for leg in numbered))


def _leg(
    base: Select[Any], keys: Sequence[SortKey], part: Leg, backward: bool, limit: int
) -> Select[Any]:
    conditions, pinned = part
    terms: list[ColumnElement[Any]] = []
    for i in range(pinned, len(keys)):
        # In the key that a leg runs along there are no NULLs: its index alone gives the order.
        if keys[i].nullable and i > pinned:
            terms.append(_nulls_last(keys[i].expression, backward))
        terms.append(keys[i].order(backward))
    return base.where(*conditions).order_by(*terms).limit(limit)


def _nulls_last(expression: ColumnElement[Any], backward: bool) -> ColumnElement[Any]:
    empty = expression.is_(None)
    return empty.desc() if backward else empty.asc()


def encode(position: int | None, keys: Sequence[SortKey], place: Sequence[Any]) -> str:
    """Return a cursor: the number of the record in the list, where known, and its keys."""
    dumped = [
        key.column.dump(value) if isinstance(value, Enum) else values.dump(value)
        for key, value in zip(keys, place, strict=True)
    ]
    data = json.dumps([position, dumped], separators=(",", ":"))
    return base64.urlsafe_b64encode(data.encode()).decode().rstrip("=")


def decode(text: str, keys: Sequence[SortKey], dialect: str) -> tuple[int | None, list[Any]]:
    """Return what `encode` was given.

    Raises:
        ValueError: The cursor was not made by `encode` for these keys.
    """
    if len(text) > LONGEST_CURSOR:
        raise ValueError("too long")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        position, place = json.loads(raw)
        place = [values.load(value) for value in place]
    except (binascii.Error, TypeError, RecursionError) as error:
        raise ValueError("not a cursor") from error
    if len(place) != len(keys) or not (position is None or type(position) is int):
        raise ValueError("a cursor of another list")
    for i, (key, value) in enumerate(zip(keys, place, strict=True)):
        if not _fits(key, value, dialect):
            raise ValueError("a cursor of another list")
        if key.column.kind.name == "choice" and dialect == "postgresql" and value is not None:
            place[i] = key.column.parse(value)
    return position, place


def _fits(key: SortKey, value: Any, dialect: str) -> bool:
    if value is None:
        return key.nullable
    if isinstance(value, str) and "\0" in value:
        return False
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return False
    if dialect == "sqlite":
        return isinstance(value, int | float | str | bytes)
    if key.column.kind.name == "choice":
        return isinstance(value, str)
    try:
        if key.column.kind.name == "integer":
            key.column.parse(str(value))
        expected = key.column.type.python_type
    except (ValueError, NotImplementedError):
        return False
    return isinstance(value, expected) or (expected is float and isinstance(value, int))
