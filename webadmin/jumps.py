"""Jumps: a value of the first key of a sort, as people type it, names a place in a list."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from webadmin import filters, texts
from webadmin.columns import Column
from webadmin.database import db
from webadmin.filters import LONGEST_FILTER
from webadmin.messages import gettext
from webadmin.resource import Resource
from webadmin.sorting import SortKey

LAST = "\uffff"  # no letter, and behind all of them in every collation


def column(resource: Resource, ordering: tuple[str, ...]) -> Column | None:
    """Return what a jump names a value of; None where the list is sorted by what it hides.

    A jump by such a column would tell its values.
    """
    name = ordering[0].removeprefix("-") if ordering else resource.key_columns[0].name
    found = resource.columns[name]
    return found if found.primary_key or name in resource.list_display else None


def value(key: SortKey, text: str) -> Any:
    """Return the value that a text names, as the sort compares it.

    Args:
        key: The first key of the sort.
        text: A value of its column; where that holds times, also a whole day.

    Raises:
        ValueError: With a message that says what would be right.
    """
    if len(text) > LONGEST_FILTER:
        raise ValueError(gettext("Write at most %(most)s characters.", most=LONGEST_FILTER))
    found: Any = _of_day(key, text) if key.column.kind.name == "datetime" else None
    found = filters.held(key.column, found or key.column.parse(text))
    if key.descending and key.column.kind.name in ("string", "text"):
        found = f"{found}{LAST}"  # the last of those that begin so comes first
    if key.expression.type is key.column.type:
        return found  # SQLAlchemy makes of it what is stored
    dbms = db.engine.dialect
    convert = key.column.type.dialect_impl(dbms).bind_processor(dbms)
    stored = convert(found) if convert else found
    if isinstance(stored, str) and not isinstance(found, str) and not key.descending:
        return stored.removesuffix(".000000")  # other programs leave it out on SQLite
    return stored


def _of_day(key: SortKey, text: str) -> datetime | None:
    """Return the moment of a day that the sort comes to first; None where it is no day."""
    with suppress(ValueError):
        day = texts.parse_date(text, None)
        if key.descending:
            last: datetime = key.column.parse(f"{day} 23:59:59")
            return last + timedelta(microseconds=999_999)
        first: datetime = key.column.parse(f"{day} 00:00")
        return first
    return None
