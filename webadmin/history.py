"""History: what happened to each record, written in the transaction that does it.

Nothing can forget it: listeners on the session write the changes of every resource's model, and
`bulk` writes those of many records at once. All changes of one transaction are a batch.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Index,
    Integer,
    String,
    Text,
    bindparam,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, SessionTransaction, mapped_column

from webadmin import prepared
from webadmin.database import asking, db, session_connection
from webadmin.permissions import Action

MARIADB = ("mysql", "mariadb")
CREATE, EDIT, DELETE = Action.CREATE.value, Action.EDIT.value, Action.DELETE.value
PRUNE = "prune"


class Change(db.Model):  # type: ignore[name-defined,misc]
    """What happened to one record.

    Attributes:
        at: When, in UTC.
        account_id: Who, or None: the command line.
        account: What the account was called then.
        resource: The name of the resource; "table:" and a name where a table has none.
        key: The text of the record's key.
        action: "create", "edit" or "delete"; "prune" where old changes were removed.
        before: The values before as JSON (see `images`): all of a deleted record, of an edited one
            those that changed.
        after: The values after: all of a created record, of an edited one those that changed.
        batch: What else happened in the same transaction bears the same.
        number: From 1 on, for each resource and action within a batch: the first stands for all
            of them in lists, the last tells how many there are.
        source: The file that it came from, or None.
        undoes: The id of the change that this one takes back, or None.
        submission: What identifies the form that made the record, or None (see `submissions`).
    """

    __tablename__ = "webadmin_change"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime().with_variant(mysql.DATETIME(fsp=6), *MARIADB))
    account_id: Mapped[int | None] = mapped_column(BigInteger)
    account: Mapped[str | None] = mapped_column(String(255))
    resource: Mapped[str] = mapped_column(String(150))
    key: Mapped[str] = mapped_column(
        Text().with_variant(mysql.TEXT(collation="utf8mb4_bin"), *MARIADB)
    )
    action: Mapped[str] = mapped_column(String(10))
    before: Mapped[str | None] = mapped_column(Text().with_variant(mysql.LONGTEXT(), *MARIADB))
    after: Mapped[str | None] = mapped_column(Text().with_variant(mysql.LONGTEXT(), *MARIADB))
    batch: Mapped[str] = mapped_column(String(16))
    number: Mapped[int] = mapped_column(Integer)
    source: Mapped[str | None] = mapped_column(String(255))
    undoes: Mapped[int | None] = mapped_column(BigInteger)
    submission: Mapped[str | None] = mapped_column(String(64))


# Of those that begin with `number` only the first change of a batch is ever asked for: where the
# DBMS can, they are partial, as the migration says. To say it here would load PostgreSQL's dialect.
INDEXES = (
    Index("ix_webadmin_change_record", Change.resource, Change.key, Change.id,
          mysql_length={"key": 255}, mariadb_length={"key": 255}),
    Index("ix_webadmin_change_batch", Change.batch, Change.id),
    Index("ix_webadmin_change_first", Change.number, Change.id),
    Index("ix_webadmin_change_resource", Change.number, Change.resource, Change.id),
    Index("ix_webadmin_change_account", Change.number, Change.account_id, Change.id),
    Index("ix_webadmin_change_at", Change.number, Change.at),
    Index("ix_webadmin_change_undoes", Change.undoes),
    Index("ix_webadmin_change_submission", Change.submission, unique=True),
)  # fmt: skip


class Entry(NamedTuple):
    """What is to be kept of one change: see `Change`."""

    key: str
    before: str | None
    after: str | None
    undoes: int | None = None
    submission: str | None = None


@dataclass(frozen=True)
class Batch:
    """What the changes of one transaction, or made inside one `batch()`, have in common.

    Attributes:
        source: The file that they come from, or None.
        id: What they bear.
    """

    source: str | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(8))


Numbers = Counter[tuple[str, str, str]]


@dataclass
class Work:
    """What is known of the transaction in progress.

    Attributes:
        batch: Its changes' batch, where no `batch()` says otherwise.
        numbers: How many changes there are, by batch, resource and action.
        saved: The numbers as they were at each savepoint.
        seen: What the flush in progress has met (see `recording`).
        silent: Whether whoever flushes records it.
    """

    batch: Batch = field(default_factory=Batch)
    numbers: Numbers = field(default_factory=Counter)
    saved: dict[SessionTransaction, Numbers] = field(default_factory=dict)
    seen: list[Any] = field(default_factory=list)
    silent: bool = False


def work() -> Work:
    """Return what is known of the transaction in progress."""
    known = db.session.info
    if "work" not in known:
        known["work"] = Work()
    found: Work = known["work"]
    return found


def current() -> Batch:
    """Return the batch of changes that are made now."""
    named: Batch | None = db.session.info.get("batch")
    return named or work().batch


@contextmanager
def silence() -> Iterator[None]:
    """Let the session flush without a history: the caller writes it."""
    found = work()
    found.silent = True
    try:
        yield
    finally:
        found.silent = False


def recorded() -> str:
    """Return the batch of what the transaction in progress has changed, "" where nothing was."""
    own = current().id
    return own if any(key[0] == own for key in work().numbers) else ""


@contextmanager
def batch(source: str | None = None) -> Iterator[str]:
    """Give the changes that are made inside a batch of their own, and yield its id.

    Without it each transaction is a batch. It neither begins nor ends a transaction, and should
    not outlast one.

    Args:
        source: The name of the file that they come from, where they do.
    """
    own = Batch(source[:255] if source else None)
    outer, db.session.info["batch"] = db.session.info.get("batch"), own
    try:
        yield own.id
    finally:
        db.session.info["batch"] = outer


def record(name: str, action: str, entries: Sequence[Entry]) -> None:
    """Write changes in the current transaction.

    Args:
        name: What they are filed under: see `Kept.name`.
        action: "create", "edit" or "delete".
        entries: One for each record, in the order in which they were changed.
    """
    if not entries:
        return
    own, account, numbers = current(), asking(), work().numbers
    first = numbers[own.id, name, action] + 1
    numbers[own.id, name, action] += len(entries)
    sql, now = _insert(session_connection().dialect)
    who = (now(), getattr(account, "id", None), getattr(account, "email", None), name, action)
    rest = (own.id, own.source)
    rows = [(*who, *rest, number, *entry) for number, entry in enumerate(entries, first)]
    prepared.write_raw(sql, rows)


def sent(name: str, key: str, submission: str) -> None:
    """Note which form made a record, in the change that the transaction has written of it."""
    change = (
        update(Change)
        .where(Change.resource == name, Change.key == key)
        .where(Change.action == CREATE, Change.batch == current().id)
    )
    db.session.execute(change.values(submission=submission))


def of_record() -> list[ColumnElement[bool]]:
    """Return the conditions for the changes of the record that `naming` names."""
    return [Change.resource == bindparam("its_resource"), Change.key == bindparam("its_key")]


def naming(name: str, key: str) -> dict[str, str]:
    """Return what `of_record` and `changed` are run with.

    Args:
        name: What its changes are filed under: see `Kept.name`.
        key: The text of its key.
    """
    return {"its_resource": name, "its_key": key}


def changed() -> ColumnElement[bool]:
    """Return whether a record has changes, as a column of any other SELECT."""
    return select(literal_column("1")).where(*of_record()).correlate(None).exists()


_COLUMNS = ("at", "account_id", "account", "resource", "action", "batch", "source", "number")


@lru_cache(maxsize=10)
def _insert(dialect: Dialect) -> tuple[str, Callable[[], Any]]:
    """Return the INSERT of a change as the driver takes it, and what gives the time.

    SQLAlchemy's own way with parameters would take three times as long.
    """
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    quote = dialect.identifier_preparer.quote
    names = [quote(name) for name in (*_COLUMNS, *Entry._fields)]
    marks = ", ".join([mark] * len(names))
    sql = f"INSERT INTO {Change.__tablename__} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608  # nosec B608
    return sql, _now_as_text if dialect.name == "sqlite" else _now


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _now_as_text() -> str:
    """Return the time as SQLAlchemy writes it on SQLite."""
    return _now().isoformat(" ", "microseconds")
