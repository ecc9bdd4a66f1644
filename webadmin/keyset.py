"""Keyset pages: the records after (or before) a place in a sorted list, without OFFSET.

No single predicate is quick on SQLite, PostgreSQL and MariaDB alike, so a page is a UNION ALL
of limited legs, nearest first: records equal up to the last key and beyond it there; those
beyond it in the key before; and so on; and for a key that may be NULL a leg of its own, since
NULLs come last in both directions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.types import Double, Integer, NullType, String

from webadmin.columns import Column
from webadmin.resource import Resource

# Kinds of which MariaDB has values that Python has not: 0000-00-00, 30:00:00, a boolean 2.
ODD_IN_MARIADB = frozenset({"date", "datetime", "time", "interval", "boolean"})
# What MariaDB sorts of a longer text: 1,024 bytes of its sort key, but it compares the whole.
SORTED_LENGTH = 100


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

    def bound(self, name: str) -> ColumnElement[Any]:
        """Return the parameter that a value of this key is given in when the statement runs."""
        return bindparam(name, type_=self.expression.type)

    def equal(self, value: ColumnElement[Any] | None) -> ColumnElement[bool]:
        """Return the condition for records that have a value; None: that have none."""
        if value is None:
            return self.expression.is_(None)
        found: ColumnElement[bool] = self.expression == value
        return found

    def beyond(self, value: ColumnElement[Any], backward: bool) -> ColumnElement[bool]:
        """Return the condition for records further on than a value."""
        smaller = self.descending != backward
        found: ColumnElement[bool] = self.expression < value if smaller else self.expression > value
        return found

    def reached(self, value: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the condition for records at a value or further on."""
        down, expression = self.descending, self.expression
        found: ColumnElement[bool] = expression <= value if down else expression >= value
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
    if dialect == "sqlite" or (dialect != "postgresql" and column.kind.name in ODD_IN_MARIADB):
        # What is stored, not what SQLAlchemy makes of it: other programs write it otherwise.
        expression = value = type_coerce(column.attribute, NullType())
    elif column.kind.name == "float":
        # A single-precision number is shown rounded; widened to double it compares exactly.
        value = column.attribute + literal_column("0e0", Double())
    elif column.kind.name == "text" and dialect != "postgresql":
        expression = value = func.left(column.attribute, SORTED_LENGTH, type_=String())
    elif column.kind.name == "choice" and dialect != "postgresql":
        # MariaDB sorts an ENUM by number but compares it with a text as a text.
        stored = type_coerce(column.attribute, String())
        expression = value = stored.concat(literal_column("''", String()))
    return SortKey(column, descending, expression, value)


# Conditions, and the number of the key that the leg runs along: no NULL is in that key there.
Leg = tuple[list[ColumnElement[bool]], int]
Filled = tuple[bool, ...] | None
MOST: ColumnElement[int] = bindparam("most", type_=Integer())


def filled(place: Sequence[Any] | None) -> Filled:
    """Return the form of a place: which of its values are there; None is an end of the list."""
    return None if place is None else tuple(value is not None for value in place)


def parameters(place: Sequence[Any] | None, limit: int) -> dict[str, Any]:
    """Return what a statement of `page` or `neighbours` is run with."""
    named = {f"v{i}": value for i, value in enumerate(place or ()) if value is not None}
    return {**named, "most": limit}


def _legs(keys: Sequence[SortKey], there: Filled, backward: bool) -> list[Leg]:
    """Return the legs of a page, nearest first."""
    if there is None:
        return _whole(keys, 0, [], backward)
    place = [key.bound(f"v{i}") if there[i] else None for i, key in enumerate(keys)]
    found: list[Leg] = []
    for depth in range(len(keys) - 1, -1, -1):
        key, value = keys[depth], place[depth]
        equal = [keys[i].equal(place[i]) for i in range(depth)]
        if value is not None:
            found.append(([*equal, key.beyond(value, backward)], depth))
            if key.nullable and not backward:
                found += _whole(keys, depth + 1, [*equal, key.equal(None)], backward)
        elif backward:  # NULLs are last: every value lies before them, and nothing beyond
            found.append(([*equal, key.expression.is_not(None)], depth))
    return found


def _whole(
    keys: Sequence[SortKey], depth: int, equal: list[ColumnElement[bool]], backward: bool
) -> list[Leg]:
    """Return the legs of all records that are equal in the keys before `depth`."""
    key = keys[depth]
    if not key.nullable:
        return [(equal, depth)]
    filled: Leg = ([*equal, key.expression.is_not(None)], depth)
    empty = _whole(keys, depth + 1, [*equal, key.equal(None)], backward)
    return [*empty, filled] if backward else [filled, *empty]


def page(base: Select[Any], keys: Sequence[SortKey], there: Filled, backward: bool) -> Select[Any]:
    """Return the SELECT of the records from a place on, nearest first, to run with `parameters`.

    The records bear the columns of `base` and then k0, k1 ...: the values of the keys.

    Args:
        base: All records of the list.
        keys: The sort.
        there: The form of the place to go on from.
        backward: Whether the page lies before the place.
    """
    return _joined(base, keys, _legs(keys, there, backward), backward)


def reaching(base: Select[Any], keys: Sequence[SortKey]) -> Select[Any]:
    """Return the SELECT of the records from a value of the first key on.

    It is run with the `parameters` of a place that has this value only.
    """
    first = keys[0]
    parts: list[Leg] = [([first.reached(first.bound("v0"))], 0)]
    if first.nullable:
        parts += _whole(keys, 1, [first.equal(None)], False)
    return _joined(base, keys, parts, False)


def _joined(
    base: Select[Any], keys: Sequence[SortKey], parts: Sequence[Leg], backward: bool
) -> Select[Any]:
    base = base.add_columns(*(key.value.label(f"k{i}") for i, key in enumerate(keys)))
    if len(parts) == 1:
        return _leg(base, keys, parts[0], backward)
    numbered = (
        _leg(base.add_columns(literal_column(str(n)).label("leg")), keys, part, backward)
        for n, part in enumerate(parts)
    )
    union = union_all(*(select(leg.subquery()) for leg in numbered)).subquery()
    terms: list[ColumnElement[Any]] = [union.c.leg]
    for i, key in enumerate(keys):
        column = union.c[f"k{i}"]
        if key.nullable:
            terms.append(_nulls_last(column, backward))
        terms.append(column.desc() if key.descending != backward else column.asc())
    columns = [column for column in union.c if column.key != "leg"]
    return select(*columns).order_by(*terms).limit(MOST)


def whole(base: Select[Any], keys: Sequence[SortKey]) -> list[Select[Any]]:
    """Return the SELECTs that, one after the other, give a whole list in its order.

    Args:
        base: All records of the list.
        keys: The sort.
    """
    return [_leg(base, keys, part, False).limit(None) for part in _whole(keys, 0, [], False)]


def neighbours(base: Select[Any], keys: Sequence[SortKey], there: Filled) -> Any:
    """Return the statement for the records next to a place: `leg` is negative before it."""
    both = []
    for backward in (True, False):
        for number, part in enumerate(_legs(keys, there, backward), 1):
            leg: Any = literal_column(str(-number if backward else number)).label("leg")
            both.append(select(_leg(base.add_columns(leg), keys, part, backward).subquery()))
    return union_all(*both)


def _leg(base: Select[Any], keys: Sequence[SortKey], part: Leg, backward: bool) -> Select[Any]:
    conditions, along = part
    terms = [keys[along].order(backward)]
    for key in keys[along + 1 :]:
        if key.nullable:
            terms.append(_nulls_last(key.expression, backward))
        terms.append(key.order(backward))
    return base.where(*conditions).order_by(*terms).limit(MOST)


def _nulls_last(expression: ColumnElement[Any], backward: bool) -> ColumnElement[Any]:
    empty = expression.is_(None)
    return empty.desc() if backward else empty.asc()
