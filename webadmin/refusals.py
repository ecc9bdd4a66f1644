"""Refusals: what a database says of values that it does not take, in the words of a person."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext
from sqlalchemy import UniqueConstraint
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from webadmin import records
from webadmin.database import db
from webadmin.resource import Resource

# The causes, by SQLSTATE (PostgreSQL manual, appendix A), MariaDB's error numbers, and
# SQLite's names of extended result codes.
_CAUSES = {
    "23505": "unique", "23503": "reference", "23502": "missing", "23514": "check",
    "22001": "long", "22003": "range",
    1062: "unique", 1452: "reference", 1451: "reference", 1048: "missing", 1364: "missing",
    4025: "check", 1406: "long", 1264: "range",
    "SQLITE_CONSTRAINT_UNIQUE": "unique", "SQLITE_CONSTRAINT_PRIMARYKEY": "unique",
    "SQLITE_CONSTRAINT_ROWID": "unique", "SQLITE_CONSTRAINT_FOREIGNKEY": "reference",
    "SQLITE_CONSTRAINT_NOTNULL": "missing", "SQLITE_CONSTRAINT_CHECK": "check",
}  # fmt: skip


@dataclass(frozen=True)
class Refusal:
    """A refusal that a person can mend.

    Attributes:
        message: What is wrong and what would be right.
        columns: Names of the columns it is about, where the database tells.
    """

    message: str
    columns: list[str] = field(default_factory=list)


def _messages() -> dict[str, Callable[[], str]]:
    return {
        "unique": lambda: gettext("Another record has this value already. Choose another."),
        "reference": lambda: gettext("There is no such record to refer to. Choose one there is."),
        "missing": lambda: gettext("Fill in this field."),
        "check": lambda: gettext("The database does not allow this value."),
        "long": lambda: gettext("This text is longer than the database can store."),
        "range": lambda: gettext("This number is larger than the database can store."),
        "other": lambda: gettext("The database cannot store this value. Check what was typed."),
    }


def explain(resource: Resource, error: DBAPIError, values: dict[str, Any]) -> Refusal:
    """Return what a person can do about a refused insert or update.

    The caller has rolled back.

    Args:
        resource: What was written to.
        error: The refusal.
        values: What was to be written, by column.

    Raises:
        DBAPIError: `error` itself, where it is not about the values.
    """
    if not isinstance(error, IntegrityError | DataError):
        raise error
    cause = _cause(error)
    columns = [name for name in _columns(resource, error) if name in values]
    if cause == "reference" and not columns:
        columns = _dangling(resource, values)
    return Refusal(_messages()[cause](), columns)


def is_reference(error: DBAPIError) -> bool:
    """Return whether a delete was refused because other records need the record."""
    return isinstance(error, IntegrityError) and _cause(error) in ("reference", "missing")


def _cause(error: DBAPIError) -> str:
    original: Any = error.orig
    code = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None)
    if code is None and original.args:
        code = original.args[0]
    return _CAUSES.get(code, "other")


def _columns(resource: Resource, error: DBAPIError) -> list[str]:
    """Return the attributes of the columns that the message names, or whose constraint it does."""
    original: Any = error.orig
    diagnosis = getattr(original, "diag", None)
    if diagnosis is not None:
        named = [diagnosis.column_name] if diagnosis.column_name else []
        detail = re.search(r"\(([^()]*)\)=\(", diagnosis.message_detail or "")
        named += [part.strip(' "') for part in detail[1].split(",")] if detail else []
    else:
        message = str(original.args[-1]) if original.args else ""
        named = re.findall(r"\.([^.,]+)", message.rpartition("constraint failed: ")[2])
        named += re.findall(r"FOREIGN KEY \(`([^`]+)`\)|column '([^']+)'|Column '([^']+)'", message)
        named = [part for found in named for part in ([found] if isinstance(found, str) else found)]
        key = re.search(r"for key '(?:[^']*\.)?([^']+)'", message)
        named += _of_index(resource, key[1]) if key else []
    by_name = {column.source.name: name for name, column in resource.columns.items()}
    return [by_name[name] for name in named if name in by_name]


def _of_index(resource: Resource, name: str) -> list[str]:
    for constraint in resource.table.constraints:
        if isinstance(constraint, UniqueConstraint) and constraint.name == name:
            return [column.name for column in constraint.columns]
    for index in resource.table.indexes:
        if index.name == name:
            return [column.name for column in index.columns]
    if name == "PRIMARY":
        return [column.source.name for column in resource.key_columns]
    return [name]  # MariaDB names an index without a name after its first column


def _dangling(resource: Resource, values: dict[str, Any]) -> list[str]:
    """Return the foreign keys that name no record: SQLite does not say which it was."""
    found = []
    for name, value in values.items():
        column = resource.columns[name]
        target = records.resource_of(column)
        if target and value is not None and not records.exists(target, (value,)):
            found.append(name)
    db.session.rollback()
    return found
