"""Neighbours: a record together with those before and after it in a list."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from webadmin import history, images, keyset, plans, prepared, records, selects, sorting
from webadmin.database import dialect
from webadmin.keys import key_text
from webadmin.keyset import Filled
from webadmin.listing import ListState
from webadmin.records import Record
from webadmin.resource import Resource
from webadmin.time_limit import TookTooLongError, limited


class Placed(NamedTuple):
    """A record in its list.

    Attributes:
        record: The record.
        previous: The key of the one before, or None.
        next: The key of the one after, or None.
        changed: Whether it has changes in the history; None where that was not read.
    """

    record: Record
    previous: str | None
    next: str | None
    changed: bool | None = None


def between(state: ListState, names: Sequence[str], key: tuple[Any, ...]) -> Placed | None:
    """Return a record with the named columns in its list, None where none has that key."""
    resource = state.resource
    sort = sorting.sort_keys(resource, state.ordering, dialect())
    if len(sort) > 1 or state.narrowed or resource.scope:
        found = records.get(state, names, key)
        return Placed(found[0], *_neighbours(state, found[1])) if found else None
    # Its place in a list that is sorted by the key alone is known before it is read.
    form = resource, state.ordering, dialect(), tuple(names)
    named = history.naming(images.home(resource).name, key_text(resource, key))
    rows = prepared.rows(selects.kept(_between_statement, *form), {"key0": key[0], **named})
    if not rows:
        return None
    *values, own, before, after, changed = rows[0]
    previous, following = (
        None if each is None else key_text(resource, [each]) for each in (before, after)
    )
    record = Record(key_text(resource, [own]), tuple(values))
    return Placed(record, previous, following, changed)


def _between_statement(
    resource: Resource, ordering: tuple[str, ...], name: str, names: tuple[str, ...]
) -> Any:
    (key,) = sorting.sort_keys(resource, ordering, name)
    itself = bindparam("key0", type_=key.column.type)
    others = select(key.column.attribute)
    beside = (keyset.nearest(others, key, itself, backward) for backward in (True, False))
    return records.record_statement(resource, names).add_columns(*beside, history.changed())


def _neighbours(state: ListState, place: list[Any]) -> tuple[str | None, str | None]:
    values = keyset.parameters(place)
    nearest: dict[bool, tuple[int, str]] = {}
    try:
        with limited(plans.patience(state)) if state.narrowed else nullcontext():
            rows = selects.rows(_neighbours_statement, state, values, keyset.filled(place))
    except TookTooLongError:
        return None, None
    for *key, leg in rows:
        before, distance = leg < 0, abs(leg)
        if before not in nearest or distance < nearest[before][0]:
            nearest[before] = (distance, key_text(state.resource, key))
    return tuple(nearest.get(side, (0, None))[1] for side in (True, False))  # type: ignore[return-value]


def _neighbours_statement(state: ListState, name: str, there: Filled) -> Any:
    keys = sorting.sort_keys(state.resource, state.ordering, name, state.filters)
    base = selects.matching(state, *selects.labelled(state.resource, (), True))
    return keyset.neighbours(base, plans.along(state, keys), there)
