"""Keyset pages: the records after (or before) a place in a sorted list, without OFFSET.

No single predicate is quick on SQLite, PostgreSQL and MariaDB alike, so a page is a UNION ALL
of limited legs, nearest first: records equal up to the last key and beyond it there; those
beyond it in the key before; and so on; and for a key that may be NULL a leg of its own, since
NULLs come last in both directions.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    literal_column,
    or_,
    select,
    union_all,
)

from webadmin.sorting import SortKey


class Leg(NamedTuple):
    """A part of a page that one index finds in order.

    Attributes:
        conditions: What its records meet.
        along: The number of the key that it runs along: no NULL is in that key there.
        empty: The keys before that one which are NULL in all of its records.
    """

    conditions: list[ColumnElement[bool]]
    along: int
    empty: list[SortKey]


Filled = tuple[bool, ...] | None


def filled(place: Sequence[Any] | None) -> Filled:
    """Return the form of a place: which of its values are there; None is an end of the list."""
    return None if place is None else tuple(value is not None for value in place)


def parameters(place: Sequence[Any] | None) -> dict[str, Any]:
    """Return what a statement of `page` or `neighbours` is run with."""
    return {f"v{i}": value for i, value in enumerate(place or ()) if value is not None}


def _legs(
    keys: Sequence[SortKey], there: Filled, backward: bool, reaching: bool = False
) -> list[Leg]:
    """Return the legs of a page, nearest first."""
    if reaching:
        first = keys[0]
        start = Leg([], 0, [])
        empty = _whole(keys, _without(start, first), backward) if first.nullable else []
        return [_and(start, first.reached(first.bound("v0"))), *empty]
    if there is None:
        return _whole(keys, Leg([], 0, []), backward)
    place = [key.bound(f"v{i}") if there[i] else None for i, key in enumerate(keys)]
    found: list[Leg] = []
    for depth in range(len(keys) - 1, -1, -1):
        key, value = keys[depth], place[depth]
        if key.fixed:
            continue
        equal = Leg(
            [keys[i].equal(place[i]) for i in range(depth) if not keys[i].fixed],
            depth,
            [keys[i] for i in range(depth) if place[i] is None],
        )
        if value is not None:
            found.append(_and(equal, key.beyond(value, backward)))
            if key.nullable and not backward:
                found += _whole(keys, _without(equal, key), backward)
        elif backward:  # NULLs are last: every value lies before them
            found.append(_and(equal, key.expression.is_not(None)))
    return found


def _whole(keys: Sequence[SortKey], equal: Leg, backward: bool) -> list[Leg]:
    """Return the legs of all records of one that is to run along any value of its key."""
    key = keys[equal.along]
    if key.fixed and not key.nullable:
        # Left out: MariaDB would sort by it, where spellings that are equal may differ.
        return _whole(keys, equal._replace(along=equal.along + 1), backward)
    if not key.nullable:
        return [equal]
    filled = [] if key.fixed else [_and(equal, key.expression.is_not(None))]
    empty = _whole(keys, _without(equal, key), backward)
    return [*empty, *filled] if backward else [*filled, *empty]


def _and(leg: Leg, condition: ColumnElement[bool]) -> Leg:
    return leg._replace(conditions=[*leg.conditions, condition])


def _without(leg: Leg, key: SortKey) -> Leg:
    """Return the leg of the records without a value in a key: it runs along the next one."""
    # Said twice, PostgreSQL would take it for rarer than it is.
    conditions = leg.conditions if key.fixed else [*leg.conditions, key.equal(None)]
    return Leg(conditions, leg.along + 1, [*leg.empty, key])


def page(
    base: Select[Any],
    keys: Sequence[SortKey],
    there: Filled,
    backward: bool,
    limit: int,
    reaching: bool = False,
) -> Select[Any]:
    """Return the SELECT of the records from a place on, nearest first, to run with `parameters`.

    The records bear the columns of `base` and then k0, k1 ...: the values of the keys.

    Args:
        base: All records of the list.
        keys: The sort.
        there: The form of the place to go on from.
        backward: Whether the page lies before the place.
        limit: How many records at most.
        reaching: Whether the place is a value of the first key only, at which the page begins.
    """
    base = base.add_columns(*(key.value.label(f"k{i}") for i, key in enumerate(keys)))
    parts = _legs(keys, there, backward, reaching)
    if len(parts) == 1:
        return _leg(base, keys, parts[0], backward, limit)
    numbered = (
        _leg(base.add_columns(literal_column(str(n)).label("leg")), keys, part, backward, limit)
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
    return select(*columns).order_by(*terms).limit(_literal(limit))


def gathered(
    base: Select[Any],
    keys: Sequence[SortKey],
    there: Filled,
    backward: bool,
    limit: int,
    reaching: bool = False,
    *,
    most: int,
) -> Select[Any]:
    """Return a SELECT of what `page` finds, for a list of few records: all are read and sorted.

    No DBMS looks through a LIMIT, so that it reads the records by the index of a filter.

    Args:
        base: All records of the list.
        keys: The sort.
        there: The form of the place to go on from.
        backward: Whether the page lies before the place.
        limit: How many records at most.
        reaching: Whether the place is a value of the first key only, at which the page begins.
        most: No list of more records is asked for.
    """
    values = [key.value.label(f"k{i}") for i, key in enumerate(keys)]
    sorted_by = [key.expression.label(f"e{i}") for i, key in enumerate(keys)]
    few = base.add_columns(*sorted_by, *values).limit(most).subquery()
    mine = [replace(key, expression=few.c[f"e{i}"]) for i, key in enumerate(keys)]
    terms: list[ColumnElement[Any]] = []
    for key in mine:
        terms += [_nulls_last(key.expression, backward), key.order(backward)]
    shown = [column for column in few.c if column.key not in {each.key for each in sorted_by}]
    statement = select(*shown).order_by(*terms).limit(_literal(limit))
    if there is None:
        return statement
    legs = _legs(mine, there, backward, reaching)
    return statement.where(or_(*(and_(*leg.conditions) for leg in legs)))


def whole(base: Select[Any], keys: Sequence[SortKey]) -> list[Select[Any]]:
    """Return the SELECTs that, one after the other, give a whole list in its order.

    Args:
        base: All records of the list.
        keys: The sort.
    """
    parts = _whole(keys, Leg([], 0, []), False)
    return [_leg(base, keys, part, False, None) for part in parts]


def neighbours(base: Select[Any], keys: Sequence[SortKey], there: Filled) -> Any:
    """Return the statement for the records next to a place: `leg` is negative before it."""
    both = []
    for backward in (True, False):
        for number, part in enumerate(_legs(keys, there, backward), 1):
            leg: Any = literal_column(str(-number if backward else number)).label("leg")
            nearest = _leg(base.add_columns(leg), keys, part, backward, 1)
            both.append(select(nearest.subquery()))
    return union_all(*both)


def nearest(
    base: Select[Any], key: SortKey, value: ColumnElement[Any], backward: bool
) -> ColumnElement[Any]:
    """Return what is next to a value in a list of one key, as a column of any other SELECT.

    Args:
        base: One column of all records of the list.
        key: The sort.
        value: The value of one of them.
        backward: Whether it lies before.
    """
    part = Leg([key.beyond(value, backward)], 0, [])
    return _leg(base, [key], part, backward, 1).correlate(None).scalar_subquery()


def _leg(
    base: Select[Any], keys: Sequence[SortKey], part: Leg, backward: bool, limit: int | None
) -> Select[Any]:
    # PostgreSQL walks an index only in the order of all its columns, also those that are NULL.
    empty = part.empty if keys[0].dialect == "postgresql" else []
    terms = [key.order(backward) for key in (*empty, keys[part.along])]
    for key in keys[part.along + 1 :]:
        if key.nullable:
            terms.append(_nulls_last(key.expression, backward))
        terms.append(key.order(backward))
    found = base.where(*part.conditions).order_by(*terms)
    return found if limit is None else found.limit(_literal(limit))


def _literal(limit: int) -> ColumnElement[int]:
    """Return a limit as a part of the statement.

    PostgreSQL takes one that it does not know for a tenth of the table: it would plan a prepared
    statement anew each time (its manual, PREPARE).
    """
    return literal_column(str(limit))


def _nulls_last(expression: ColumnElement[Any], backward: bool) -> ColumnElement[Any]:
    empty = expression.is_(None)
    return empty.desc() if backward else empty.asc()
