"""How many records there are: exactly up to a bound, beyond it by the DBMS's own statistics."""

import time
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy import Select, func, select, text

from webadmin.database import db
from webadmin.resource import Resource

BOUND = 10_000
REMEMBERED = 30.0


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
    limited = matching.limit(BOUND + 1).subquery()
    number = db.session.execute(select(func.count()).select_from(limited)).scalar_one()
    return Count(number) if number <= BOUND else Count(BOUND, "more")


def exact(matching: Select[Any]) -> Count:
    """Count the records of a SELECT, however many there are."""
    statement = select(func.count()).select_from(matching.subquery())
    return Count(db.session.execute(statement).scalar_one())


def estimate(resource: Resource) -> Count:
    """Return what the DBMS's statistics say of a table that has more than `BOUND` records."""
    estimates = {"sqlite": _sqlite, "postgresql": _postgresql}
    number = estimates.get(db.engine.dialect.name, _mariadb)(resource)
    return Count(number, "about") if number > BOUND else Count(BOUND, "more")


def _sqlite(resource: Resource) -> int:
    """The range of the key: sqlite_stat1 was wrong by a factor of five after a short ANALYZE."""
    keys = resource.key_columns
    if len(keys) > 1 or keys[0].kind.name != "integer":
        return 0
    key = keys[0].attribute
    # Two subqueries: SQLite reads one end of the index for each, but scans for both in one.
    ends = select(select(func.max(key)).scalar_subquery(), select(func.min(key)).scalar_subquery())
    most, least = db.session.execute(ends).one()
    return int(most) - int(least) + 1 if most is not None else 0


def _postgresql(resource: Resource) -> int:
    statement = text("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(:name)")
    name = db.engine.dialect.identifier_preparer.format_table(resource.table)
    return int(db.session.execute(statement, {"name": name}).scalar() or 0)


def _mariadb(resource: Resource) -> int:
    statement = text(
        "SELECT table_rows FROM information_schema.tables "
        "WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name = :name"
    )
    table = resource.table
    found = db.session.execute(statement, {"schema": table.schema, "name": table.name}).scalar()
    return int(found or 0)


def of_table(resource: Resource, matching: Select[Any]) -> Count:
    """Return the count of a whole table, and remember it for the side bar."""
    count = bounded(matching)
    if count.kind != "exact":
        count = estimate(resource)
    remember(resource, count)
    return count


def remember(resource: Resource, count: Count) -> None:
    """Keep a count of a whole table for `REMEMBERED` seconds."""
    _memory()[resource.name] = (time.monotonic(), count)


def remembered(resource: Resource) -> Count | None:
    """Return the count kept for a table, or None."""
    then, count = _memory().get(resource.name, (0.0, None))
    return count if time.monotonic() - then < REMEMBERED else None


def forget(resource: Resource) -> None:
    """Drop the count kept for a table: this process has just changed it."""
    _memory().pop(resource.name, None)


def _memory() -> dict[str, tuple[float, Count]]:
    memory: dict[str, tuple[float, Count]] = current_app.extensions.setdefault(
        "webadmin_counts", {}
    )
    return memory
