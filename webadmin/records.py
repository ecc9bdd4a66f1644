"""Records read: the page of a list, one record, the page that it stands on."""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, select

from webadmin import (
    context,
    counts,
    cursors,
    filters,
    keyset,
    list_counts,
    listing,
    plans,
    prepared,
    selects,
    sorting,
)
from webadmin.counts import Count
from webadmin.database import dialect, read
from webadmin.keys import key_text
from webadmin.keyset import Filled
from webadmin.listing import ListState
from webadmin.resource import Resource
from webadmin.sorting import SortKey
from webadmin.time_limit import TookTooLongError, limited


class Record(NamedTuple):
    """One record: the text of its key, and its values in the order of the columns asked for."""

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Page:
    """One page of a list.

    Attributes:
        records: At most `size` of them, in order.
        count: How many the whole list has.
        first: The number of the first record, from 1; None where it is not known.
        previous: The cursor of the page before, "" where there is none.
        next: The cursor of the page after, "" where there is none.
        stopped: Whether reading it took too long, and was given up.
    """

    records: list[Record]
    count: Count
    first: int | None
    previous: str
    next: str
    stopped: bool = False


def resources() -> dict[str, Resource]:
    """Return the site's resources by name, in their order."""
    found: dict[str, Resource] = context.app().extensions["webadmin"]
    return found


def _records(resource: Resource, rows: Sequence[Sequence[Any]], width: int) -> list[Record]:
    end = width + len(resource.key_columns)
    return [Record(key_text(resource, row[width:end]), tuple(row[:width])) for row in rows]


def page(state: ListState) -> Page:
    """Return the page of a list that its state asks for.

    Raises:
        ListError: Its cursor names a record that is gone.
    """
    keys = sorting.sort_keys(state.resource, state.ordering, dialect(), state.filters)
    backward, at_end, size = bool(state.before), state.before == "end", state.size
    served = plans.served(state, keys)
    total = None if served and not at_end else list_counts.of_list(state)
    if total and at_end and total.kind == "exact":
        size = total.number % size or size  # so that walking back meets the usual pages
    position, place = _place(state, keys)
    values = keyset.parameters(place)
    few = plans.few(state, keys, total)
    counted = total is None and _is_small(state)
    form = keyset.filled(place), backward, state.size + 1, bool(state.goto), few, counted
    try:
        rows = _read(state, served or few, values, *form)
    except TookTooLongError:
        return Page([], Count(0, "more"), None, "", "", stopped=True)
    more, rows = len(rows) > size, rows[:size]
    if counted and rows:
        total, rows = _counted(state, rows, len(keys))
    if total is None or not (more or state.elsewhere):  # a page that shows all knows best
        beyond = more or state.elsewhere
        total = list_counts.of_list(state) if beyond else list_counts.whole(state, len(rows))
    if total.kind == "more":  # a count that took too long knows less than the page
        total = Count(max(total.number, len(rows)), "more")
    if backward:
        rows = rows[::-1]
    first = _first(state, more, position, len(rows), total)
    before, after = more if backward else state.elsewhere, not at_end if backward else more
    return Page(
        records=_records(state.resource, rows, len(state.resource.list_display)),
        count=total,
        first=first,
        previous=_cursor(state, keys, rows[:1] if before else [], first),
        next=_cursor(state, keys, rows[-1:] if after else [], first and first + len(rows) - 1),
    )


def _read(
    state: ListState, quick: bool, values: dict[str, Any], *form: Any
) -> Sequence[Sequence[Any]]:
    """Return the rows of a page, which may take long unless it is known to be quick.

    Raises:
        TookTooLongError: It took longer than a search may.
    """
    with nullcontext() if quick else limited(plans.patience(state)):
        return selects.rows(_page_statement, state, values, *form)


def _is_small(state: ListState) -> bool:
    """Return whether a list is the whole of a table that had few records when it was counted."""
    known = counts.remembered(state.resource, math.inf)
    whole = not (state.narrowed or state.resource.scope or state.exact)
    return whole and known is not None and known.kind == "exact"


def _counted(
    state: ListState, rows: Sequence[Sequence[Any]], keys: int
) -> tuple[Count | None, Sequence[Sequence[Any]]]:
    """Return the count that stands in rows of a page, if it tells that, and the rows without it."""
    width = len(state.resource.list_display) + len(state.resource.key_columns) + keys
    return counts.of_few(state.resource, rows[0][width]), [row[:width] for row in rows]


def _cursor(
    state: ListState, keys: Sequence[SortKey], rows: Sequence[Any], position: int | None
) -> str:
    if not rows:
        return ""
    shown = (
        key.column.primary_key or key.column.name in state.resource.list_display for key in keys
    )
    return cursors.encode(position, keys, rows[0][-len(keys) :], hidden=not all(shown))


def _page_statement(
    state: ListState,
    name: str,
    there: Filled,
    backward: bool,
    limit: int,
    reaching: bool = False,
    few: bool = False,
    counted: bool = False,
) -> Any:
    if counted:  # spares a journey to the server
        statement = _page_statement(state, name, there, backward, limit, reaching, few)
        return statement.add_columns(counts.whole(state.resource))
    keys = sorting.sort_keys(state.resource, state.ordering, name, state.filters)
    columns = selects.labelled(state.resource, state.resource.list_display, short=True)
    form = there, backward, limit, reaching
    if few:
        most = 2 * counts.BOUND  # some may have been added since they were counted
        return keyset.gathered(selects.matching(state, *columns), keys, *form, most=most)
    if plans.streams(state, keys):
        return keyset.page(selects.matching(state, *columns), plans.along(state, keys), *form)
    indexed = plans.indexed(state, keys, there, backward)
    return keyset.page(selects.matching(state, *columns, indexed=indexed), keys, *form)


def _place(state: ListState, keys: Sequence[SortKey]) -> tuple[int | None, list[Any] | None]:
    """Return the number and the values of the keys at the place of a list; None: not known.

    Raises:
        ListError: The cursor names a record that is gone.
    """
    if state.goto:
        return None, [listing.goto(state)]
    if not state.elsewhere or state.before == "end":
        return None, None
    cursor = cursors.decode(state.after or state.before, keys, dialect())
    if not cursor.long:
        return cursor.position, cursor.values
    statement = select(*(key.value for key in keys)).where(*cursor.record(keys))
    row = read(statement.where(*filters.scope(state.resource))).first()
    if row is None:
        raise listing.no_place(state)
    return cursor.position, list(row)


def _first(
    state: ListState, more: bool, position: int | None, length: int, total: Count
) -> int | None:
    """Return the number of the first record of a page, as far as its place knows it."""
    if not state.elsewhere or (state.before and not more):
        return 1
    if state.before == "end":
        return total.number - length + 1 if total.kind == "exact" else None
    if position is None:
        return None
    return max(1, position - length) if state.before else position + 1


def identity(resource: Resource, key: tuple[Any, ...]) -> ColumnElement[bool]:
    """Return the condition that finds the record with a key."""
    pairs = zip(resource.key_columns, key, strict=True)
    return and_(*(column.attribute == value for column, value in pairs))


def get(
    state: ListState, names: Sequence[str], key: tuple[Any, ...]
) -> tuple[Record, list[Any]] | None:
    """Return a record with the named columns, and its place in the list that a state describes.

    None where there is no record with that key.
    """
    statement = selects.kept(
        _placed_statement, state.resource, state.ordering, dialect(), tuple(names)
    )
    values = {f"key{i}": part for i, part in enumerate(key)}
    rows: Sequence[Sequence[Any]]
    if state.resource.scope:
        rows = read(statement.where(*filters.scope(state.resource)), values).all()
    else:
        rows = prepared.rows(statement, values)
    if not rows:
        return None
    (record,) = _records(state.resource, rows, len(names))
    return record, list(rows[0][len(names) + len(key) :])


def record_statement(resource: Resource, names: tuple[str, ...]) -> Any:
    """Return the SELECT of the named columns and the key of the record with `key0`, `key1` ..."""
    parts = enumerate(resource.key_columns)
    found = [each.attribute == bindparam(f"key{i}", type_=each.type) for i, each in parts]
    return select(*selects.labelled(resource, names, short=False)).where(*found)


def _placed_statement(
    resource: Resource, ordering: tuple[str, ...], name: str, names: tuple[str, ...]
) -> Any:
    keys = sorting.sort_keys(resource, ordering, name)
    place = (key.value.label(f"k{i}") for i, key in enumerate(keys))
    return record_statement(resource, names).add_columns(*place)


def around(state: ListState, key: tuple[Any, ...]) -> str | None:
    """Return the cursor that the page of a list begins after which has a record in its midst.

    "" is the first page; None: there is no record with that key.
    """
    found = get(state, (), key)
    if found is None:
        return None
    place, half = found[1], state.size // 2
    keys = sorting.sort_keys(state.resource, state.ordering, dialect(), state.filters)
    served = plans.served(state, keys)
    few = plans.few(state, keys, None if served else list_counts.of_list(state))
    form = keyset.filled(place), True, half, False, few
    try:
        rows = _read(state, served or few, keyset.parameters(place), *form)
    except TookTooLongError:
        return ""
    return _cursor(state, keys, rows[-1:], None) if len(rows) == half else ""


def exists(resource: Resource, key: tuple[Any, ...]) -> bool:
    """Return whether there is a record with a key that the asking account may see."""
    statement = select(resource.key_columns[0].attribute).where(identity(resource, key))
    return read(statement.where(*filters.scope(resource))).first() is not None
