"""How many records there are: exactly up to a bound, beyond it by the DBMS's own statistics."""

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, column, func, select, text

from webadmin import context, prepared
from webadmin.database import db, dialect, read
from webadmin.resource import Resource
from webadmin.time_limit import limited

BOUND = 10_000
REMEMBERED = 30.0  # seconds
MOST_REMEMBERED = 1000  # parts of a table


@dataclass(frozen=True)
class Count:
    """A number of records.

    Attributes:
        number: How many.
        kind: "exact", "about" (an estimate) or "more" (at least so many).
    """

    number: int
    kind: str = "exact"


def bounded(matching: Select[Any]) -> Count:
    """Count the records of a SELECT, reading no more than `BOUND` + 1 of them."""
    return told(read(bounding(matching)).scalar_one())


def bounding(matching: Select[Any]) -> Select[Any]:
    """Return the SELECT that gives `told` its number."""
    return select(_bounded(matching))


def told(number: int) -> Count:
    """Return the count of records that were counted up to `BOUND` + 1."""
    return Count(number) if number <= BOUND else Count(BOUND, "more")


def _bounded(matching: Select[Any]) -> Any:
    limited = matching.limit(BOUND + 1).subquery()
    return select(func.count()).select_from(limited).scalar_subquery()


def exact(matching: Select[Any]) -> Count:
    """Count the records of a SELECT, however many there are.

    Raises:
        TookTooLongError: There are too many for `COUNT_TIMEOUT`.
    """
    statement = select(func.count()).select_from(matching.subquery())
    with limited(context.app().config["COUNT_TIMEOUT"]):
        return Count(read(statement).scalar_one())


def of_table(resource: Resource) -> Count:
    """Return the count of a whole table in one statement, and remember it for the side bar."""
    (row,) = prepared.rows(_of_table(resource, dialect()), {})
    return _of_row(resource, row)


@lru_cache(maxsize=200)
def _of_table(resource: Resource, dbms: str) -> Select[Any]:
    estimate = {"sqlite": _sqlite, "postgresql": _postgresql}.get(dbms, _mariadb)(resource)
    return select(whole(resource), *estimate)


def whole(resource: Resource) -> Any:
    """Return the number that `of_few` is given, as a column of any SELECT."""
    key = resource.key_columns[0].attribute
    return _bounded(select(key).select_from(resource.model))


def of_few(resource: Resource, number: int) -> Count | None:
    """Return the count of a whole table that had few records, None where it has more by now."""
    return _of_row(resource, [number]) if number <= BOUND else None


def _of_row(resource: Resource, row: Sequence[Any]) -> Count:
    """Return the count that a row of `_of_table` tells, and remember it for the side bar.

    Beyond `BOUND` it is what the DBMS's own statistics say.
    """
    number, *guess = row
    count = Count(number)
    if number > BOUND:
        about = _about(guess)
        count = Count(about, "about") if about > BOUND else Count(BOUND, "more")
    remember(resource, count)
    return count


def _about(guess: list[Any]) -> int:
    """Return the number that an estimate amounts to: one column, or the ends of a range."""
    if not all(isinstance(each, int | Decimal) for each in guess):
        return 0  # a view has no statistics; SQLite may hold a text in a column of numbers
    return int(guess[0]) - int(guess[1]) + 1 if len(guess) == 2 else int(sum(guess))


def _sqlite(resource: Resource) -> list[Any]:
    """The range of the key: sqlite_stat1 was wrong by a factor of five after a short ANALYZE."""
    keys = resource.key_columns
    if len(keys) > 1 or keys[0].kind.name != "integer":
        return []
    key = keys[0].attribute
    # Two subqueries: SQLite reads one end of the index for each, but scans for both in one.
    return [select(func.max(key)).scalar_subquery(), select(func.min(key)).scalar_subquery()]


def _postgresql(resource: Resource) -> list[Any]:
    name = db.engine.dialect.identifier_preparer.format_table(resource.table)
    statement = text("SELECT reltuples::bigint AS n FROM pg_class WHERE oid = to_regclass(:name)")
    return [statement.bindparams(name=name).columns(column("n")).scalar_subquery()]


def _mariadb(resource: Resource) -> list[Any]:
    statement = text(
        "SELECT table_rows AS n FROM information_schema.tables "
        "WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name = :name"
    )
    table = resource.table
    bound = statement.bindparams(schema=table.schema, name=table.name)
    return [bound.columns(column("n")).scalar_subquery()]


def remember(resource: Resource, count: Count) -> None:
    """Keep a count of a whole table, for the side bar and for the next pages."""
    _memory()[resource.name] = (time.monotonic(), count)


def remembered(resource: Resource, seconds: float = REMEMBERED) -> Count | None:
    """Return the count kept for a table, or None where there is none so fresh."""
    then, count = _memory().get(resource.name, (0.0, None))
    return count if time.monotonic() - then < seconds else None


def changed(resource: Resource, by: int) -> None:
    """Correct what is kept of a table: this process has just added or removed records."""
    _beyond().pop(resource.name, None)
    then, count = _memory().get(resource.name, (0.0, None))
    if count is not None and count.kind == "exact":  # an estimate is no worse for a few
        _memory()[resource.name] = (then, replace(count, number=max(0, count.number + by)))


def beyond(resource: Resource, what: Hashable) -> Count | None:
    """Return the count kept for a part of a table, or None where there is none so fresh."""
    then, count = _beyond().get(resource.name, {}).get(what, (0.0, None))
    return count if time.monotonic() - then < REMEMBERED else None


def keep_beyond(resource: Resource, what: Hashable, count: Count) -> None:
    """Keep the count of a part of a table, unless it is exact: that one would soon be wrong."""
    if count.kind == "exact":
        return
    kept = _beyond().setdefault(resource.name, {})
    if len(kept) >= MOST_REMEMBERED:
        kept.clear()
    kept[what] = (time.monotonic(), count)


def _beyond() -> dict[str, dict[Hashable, tuple[float, Count]]]:
    found: dict[str, dict[Hashable, tuple[float, Count]]] = context.app().extensions.setdefault(
        "webadmin_counts_beyond", {}
    )
    return found


def _memory() -> dict[str, tuple[float, Count]]:
    memory: dict[str, tuple[float, Count]] = context.app().extensions.setdefault(
        "webadmin_counts", {}
    )
    return memory
