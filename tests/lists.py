"""What tests of lists share: a model with a column of each type that sorts, and walks."""

import enum
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Flask
from hypothesis import strategies as st
from sqlalchemy import (
    REAL,
    URL,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Double,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    String,
    Text,
    Time,
    Uuid,
    delete,
    event,
    insert,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.wrappers import Request

from conftest import database_with_tables, site_on
from signing_in import ADMIN
from webadmin import listing, records, selects, sorting
from webadmin.database import db, writing
from webadmin.listing import ListState
from webadmin.resource import Resource
from webadmin.users import USERS

MARIADB = ("mysql", "mariadb")


class Base(DeclarativeBase):
    """The base of another program's models."""


class Colour(enum.Enum):
    """Names that sort otherwise than their order and their values."""

    red = "1"
    blue = "2"
    dark_green = "0"


class Thing(Base):
    """A column of each type that a list can be sorted by, and a key of two."""

    __tablename__ = "things"
    part: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str | None] = mapped_column(String(40))
    big: Mapped[int | None] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column(Integer)
    single: Mapped[float | None] = mapped_column(Float().with_variant(REAL(), "postgresql"))
    double: Mapped[float | None] = mapped_column(Double)
    price: Mapped[Decimal | None] = mapped_column(Numeric(30, 10))
    at: Mapped[datetime | None] = mapped_column(DateTime)
    zoned: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    day: Mapped[date | None] = mapped_column(Date)
    clock: Mapped[time | None] = mapped_column(Time)
    span: Mapped[timedelta | None] = mapped_column(Interval)
    colour: Mapped[Colour | None] = mapped_column(Enum(Colour))
    word: Mapped[str | None] = mapped_column(Enum("pear", "apple", "fig", name="word"))
    flag: Mapped[bool | None] = mapped_column(Boolean)
    token: Mapped[UUID | None] = mapped_column(Uuid)
    hexed: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    body: Mapped[str | None] = mapped_column(Text)
    sort: Mapped[str | None] = mapped_column(String(40))
    picture: Mapped[bytes | None] = mapped_column(LargeBinary)
    secret: Mapped[str | None] = mapped_column(String(40))


_SHOWN = tuple(column.key for column in Thing.__table__.columns if column.key != "secret")
THINGS = Resource(model=Thing, list_display=_SHOWN, list_filter=_SHOWN, search_fields=("name",))
SORTABLE = tuple(name for name in _SHOWN if name != "picture")

_IDS = [UUID(int=number) for number in (0, 1, 2**64, 2**127, 2**128 - 1)]
NAMES = ["", "a", "A", "á", "ä", "b", "B ", "b", "b  ", "B", "🙂", "🙃", "a b", "ß", "ss", "%", "_"]
POOLS: dict[str, list[Any]] = {
    "name": NAMES,
    "big": [-(2**63), 2**63 - 1, 2**53, 2**53 + 1, 0],
    "size": [-1, 0, 1, 2, 2**31 - 1],
    "single": [0.1, 0.2, 0.3, 1 / 3, -0.1, 1e30, 1e-30, 16777217.0, 0.0],
    "double": [0.1, 0.1 + 2**-56, 0.30000000000000004, 0.3, -1e300, 5e-324, 0.0],
    "price": [Decimal("0.1"), Decimal("0.1000000001"), Decimal("-5"), Decimal("1e15"), Decimal(0)],
    "at": [datetime(2026, 1, 1, hour, 0, second) for hour in (0, 9) for second in (0, 1)],
    "zoned": [datetime(2026, 10, 25, hour, tzinfo=UTC) for hour in (0, 1, 2)],
    "day": [date(2026, 1, 1), date(2026, 1, 2), date(1900, 12, 31)],
    "clock": [time(0, 0), time(9, 5, 1), time(23, 59, 59)],
    "span": [timedelta(0), timedelta(hours=-1), timedelta(days=40), timedelta(seconds=59)],
    "colour": list(Colour),
    "word": ["pear", "apple", "fig"],
    "flag": [True, False],
    "token": _IDS,
    "hexed": [str(each) for each in _IDS],
    "body": ["", "a", "b" * 300, "b" * 300 + "a", "b" * 300 + "c", "line\nbreak"],
    "sort": NAMES,
}
NOT_NULL = ("size",)
_KEYS = st.tuples(st.sampled_from(["", "a", "A", "a/b", "%,"]), st.integers(-3, 9))


def _value(name: str) -> st.SearchStrategy[Any]:
    pool = st.sampled_from(POOLS[name])
    return pool if name in NOT_NULL else st.none() | pool


def things(columns: list[str], most: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return a strategy of things that differ in some columns and in their keys.

    MariaDB's collation holds "a" and "A" equal: one of each key at most.
    """
    values = {name: _value(name) for name in columns}
    fixed = {name: st.just(1) for name in NOT_NULL if name not in columns}
    one = st.fixed_dictionaries({"key": _KEYS, **values, **fixed})
    return st.lists(
        one, max_size=most, unique_by=lambda thing: (thing["key"][0].lower(), thing["key"][1])
    ).map(lambda found: [_with_key(thing) for thing in found])


def _with_key(thing: dict[str, Any]) -> dict[str, Any]:
    part, number = thing["key"]
    rest = {name: value for name, value in thing.items() if name != "key"}
    return {"part": part, "number": number, **rest}


def sorts(names: tuple[str, ...], most: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    """Return a strategy of sorts by one to `most` columns."""
    key = st.tuples(st.sampled_from(["", "-"]), st.sampled_from(names))
    return st.lists(key, min_size=1, max_size=most, unique_by=lambda pair: pair[1]).map(
        lambda pairs: tuple("".join(pair) for pair in pairs)
    )


def site(
    kind: str, folder: Path, servers: dict[str, URL | str], resources: Sequence[str] = ("lists",)
) -> Iterator[Flask]:
    """Yield a site on a database of a kind, for all tests of a module."""
    uri = database_with_tables(kind, folder, servers, resources)
    with site_on(uri, folder, RESOURCES=list(resources), WTF_CSRF_ENABLED=False) as app:
        yield app


@contextmanager
def undone(app: Flask) -> Iterator[None]:
    """Run inside one transaction, and take it back: the next example finds empty tables."""
    with app.test_request_context("/"), writing():
        db.session.info["account"] = ADMIN
        try:
            yield
        finally:
            db.session.rollback()


@contextmanager
def kept(app: Flask, resource: Resource, rows: list[dict[str, Any]]) -> Iterator[None]:
    """Store records for requests to see, and delete all afterwards."""
    with app.app_context(), writing():
        add(resource, rows)
        db.session.commit()
    try:
        yield
    finally:
        with app.app_context(), writing():
            db.session.connection().execute(delete(resource.model))
            db.session.commit()


def add(resource: Resource, rows: list[dict[str, Any]]) -> None:
    """Store records past the forms."""
    if rows:
        db.session.execute(insert(resource.model), rows)


def state(resource: Resource, query: str) -> ListState:
    """Return the list that a query string asks for."""
    return listing.parse(resource, Request.from_values(query_string=query).args)


def users(most: int = 60) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return a strategy of users with equal, empty and missing names and ages."""
    name = st.none() | st.sampled_from(NAMES)
    age = st.none() | st.integers(0, 3)
    one = st.fixed_dictionaries({"name": name, "age": age})
    return st.lists(one, max_size=most).map(
        lambda found: [{"id": 3 * number, **user} for number, user in enumerate(found, 1)]
    )


def plain(state: ListState) -> list[str]:
    """Return the keys of a whole list by one query with a plain ORDER BY."""
    resource = state.resource
    terms: list[Any] = []
    for key in sorting.sort_keys(resource, state.ordering, records.dialect()):
        terms += [key.expression.is_(None), key.order(backward=False)]
    statement = selects.matching(state, *(c.attribute for c in resource.key_columns))
    found = db.session.execute(statement.order_by(*terms))
    return [records.key_text(resource, tuple(row)) for row in found]


def turn(state: ListState, page: records.Page, forward: bool) -> ListState | None:
    """Return the list after a click on "next" or "previous"; None where there is no link."""
    cursor = page.next if forward else page.previous
    if not cursor:
        return None
    turned = replace(state, after=cursor if forward else "", before="" if forward else cursor)
    listing._check_cursor(turned)
    return turned


def walk(state: ListState, forward: bool = True) -> list[records.Page]:
    """Return every page from the first one on, or from the last one back."""
    found: list[records.Page] = []
    now: ListState | None = state if forward else replace(state, before="end")
    for _ in itertools.repeat(None, 200):
        if now is None:
            return found
        found.append(records.page(now))
        now = turn(now, found[-1], forward)
    raise AssertionError("the walk does not end")


def keys_of(pages: list[records.Page]) -> list[str]:
    """Return the keys of the records of some pages."""
    return [record.key for page in pages for record in page.records]


class Run(list[tuple[str, Any]]):
    """Statements that were run, with their parameters, and SQLAlchemy's contexts of them."""

    def __init__(self) -> None:
        super().__init__()
        self.contexts: list[Any] = []


@contextmanager
def statements() -> Iterator[Run]:
    """Collect the statements that are run inside."""
    found = Run()

    def note(_link: Any, _cursor: Any, sql: str, parameters: Any, context: Any, _m: Any) -> None:
        if sql != "BEGIN":
            found.append((sql, parameters))
            found.contexts.append(context)

    engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def fill_users(number: int, distinct: int) -> None:
    """Store users 1 to `number`, every tenth without a name and an age, and gather statistics."""
    kind = db.engine.dialect.name
    tens = "SELECT 0 AS d" + "".join(f" UNION ALL SELECT {digit}" for digit in range(1, 10))
    digits = [f"({tens}) AS t{power}" for power in range(len(str(number - 1)))]
    value = "1 + " + " + ".join(f"{10**power} * t{power}.d" for power in range(len(digits)))
    age = f"n % {distinct}"
    with writing():
        db.session.execute(
            text(
                "INSERT INTO users (id, name, age) "
                f"SELECT n, CASE WHEN n % 10 = 0 THEN NULL ELSE {_text_of(age, kind)} END, "
                f"CASE WHEN n % 1000 = 0 THEN NULL ELSE {age} END "
                f"FROM (SELECT {value} AS n FROM {', '.join(digits)}) AS numbers "
                f"WHERE n <= {number}"
            )
        )
        db.session.commit()
        db.session.execute(text("ANALYZE TABLE users" if kind in MARIADB else "ANALYZE users"))
        db.session.commit()


def _text_of(number: str, kind: str) -> str:
    digits = f"CAST({number} AS {'CHAR' if kind in MARIADB else 'VARCHAR'})"
    return f"CONCAT('Name ', {digits})" if kind in MARIADB else f"'Name ' || {digits}"


def records_read(sql: str, parameters: Any) -> int:
    """Return how many records or entries of indexes a statement reads, as the DBMS counts them."""
    return {"sqlite": _read_by_sqlite, "postgresql": _read_by_postgresql}.get(
        db.engine.dialect.name, _read_by_mariadb
    )(sql, parameters)


def _read_by_sqlite(sql: str, parameters: Any) -> int:
    """SQLite counts steps of its virtual machine, about 15 to a record of ours."""
    connection = db.session.connection().connection.driver_connection
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(step, 10)
    try:
        connection.execute(sql, parameters).fetchall()
    finally:
        connection.set_progress_handler(None, 0)
    return steps * 10 // 15


def _read_by_postgresql(sql: str, parameters: Any) -> int:
    explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}"
    (plan,) = db.session.connection().exec_driver_sql(explained, parameters).scalar_one()

    def read(node: dict[str, Any]) -> int:
        own = 0
        if "Scan" in node["Node Type"]:
            lost = node.get("Rows Removed by Filter", 0) + node.get(
                "Rows Removed by Index Recheck", 0
            )
            own = (node["Actual Rows"] + lost) * node["Actual Loops"]
        return int(own + sum(read(each) for each in node.get("Plans", ())))

    return read(plan["Plan"])


def _read_by_mariadb(sql: str, parameters: Any) -> int:
    connection = db.session.connection()
    status = "SELECT SUM(variable_value) FROM information_schema.session_status WHERE "
    status += "variable_name LIKE 'Handler_read%%' AND variable_name <> 'Handler_read_rnd_deleted'"

    def handlers() -> int:
        return int(connection.exec_driver_sql(status).scalar_one())

    before = handlers()
    middle = handlers()  # what asking costs by itself
    connection.exec_driver_sql(sql, parameters).fetchall()
    return handlers() - middle - (middle - before)


__all__ = ["THINGS", "USERS", "Thing"]
