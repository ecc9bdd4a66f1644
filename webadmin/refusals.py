"""Refusals: what a database says of values that it does not take, in the words of a person."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import CheckConstraint, UniqueConstraint, literal, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from webadmin.database import db
from webadmin.messages import gettext
from webadmin.resource import Resource
from webadmin.saving import RefusedError

# The causes, by SQLSTATE (PostgreSQL manual, appendix A), MariaDB's error numbers, and
# SQLite's names of extended result codes.
_CAUSES = {
    "23505": "unique", "23503": "reference", "23001": "needed", "23502": "missing",
    "23514": "check", "22001": "long", "54000": "long", "22003": "range", "P0001": "other",
    1062: "unique", 1452: "reference", 1451: "needed", 1048: "missing", 1364: "missing",
    1263: "missing",
    4025: "check", 3819: "check", 1406: "long", 1264: "range", 1644: "other",
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
        "together": lambda: gettext(
            "Another record has these values together already. Change one of them."
        ),
        "reference": lambda: gettext("There is no such record to refer to. Choose one there is."),
        "needed": lambda: gettext("Other records refer to this value, so it has to stay."),
        "missing": lambda: gettext("Fill in this field."),
        "check": lambda: gettext("The database does not allow this value."),
        "long": lambda: gettext("This text is longer than the database can store."),
        "range": lambda: gettext("This number is larger than the database can store."),
        "other": lambda: gettext("The database cannot store this value. Check what was typed."),
    }


def explain(
    resource: Resource, error: DBAPIError | RefusedError, values: dict[str, Any]
) -> Refusal:
    """Return what a person can do about a refused insert or update.

    The caller has rolled back.

    Args:
        resource: What was written to.
        error: The refusal.
        values: What was to be written, by column.

    Raises:
        DBAPIError: `error` itself, where it is not about the values.
    """
    if isinstance(error, RefusedError):
        return Refusal(str(error), list(error.columns))
    if not isinstance(error, IntegrityError | DataError) and _code(error) not in _CAUSES:
        raise error
    cause = _cause(error)
    if cause == "reference" and _is_needed(resource, error):
        cause = "needed"
    named = _columns(resource, error, cause)
    if not named and cause == "reference":
        named = _dangling(resource, values)
        cause = "reference" if named else "needed"
    named = named or _unfit(resource, values, cause)
    columns = [name for name in named if name in values]
    if cause == "missing" and named and not columns:
        return Refusal(
            gettext(
                "The database wants a value for %(names)s, which this form does not offer.",
                names=", ".join(named),
            )
        )
    if cause == "unique" and len(columns) > 1:
        cause = "together"
    return Refusal(_messages()[cause](), columns)


def is_reference(error: DBAPIError) -> bool:
    """Return whether a delete was refused because other records need the record."""
    return isinstance(error, IntegrityError) and _cause(error) in ("reference", "needed", "missing")


def _code(error: DBAPIError) -> Any:
    original: Any = error.orig
    if hasattr(original, "diag"):  # psycopg; PyMySQL has an SQLSTATE too, which says less
        return original.sqlstate
    name = getattr(original, "sqlite_errorname", None)
    return original.args[0] if name is None and original.args else name


def _cause(error: DBAPIError) -> str:
    # SQLite enforces ON DELETE RESTRICT by a trigger of its own, and says so.
    if str(error.orig) == "FOREIGN KEY constraint failed":
        return "reference"
    return _CAUSES.get(_code(error), "other")


def _is_needed(resource: Resource, error: DBAPIError) -> bool:
    """Return whether PostgreSQL speaks of a key in another table that names this record."""
    diagnosis = getattr(error.orig, "diag", None)
    return diagnosis is not None and diagnosis.table_name not in (None, resource.table.name)


def _columns(resource: Resource, error: DBAPIError, cause: str) -> list[str]:
    """Return the attributes of the columns that the message names, or whose constraint it does."""
    original: Any = error.orig
    if getattr(original, "diag", None) is not None:
        named = _named_by_postgresql(resource, original.diag)
    elif hasattr(original, "sqlite_errorname"):
        named = _named_by_sqlite(resource, str(original), cause)
    else:
        named = _named_by_mariadb(resource, str(original.args[-1]), cause)
    by_name = {column.source.name: name for name, column in resource.columns.items()}
    return [by_name[name] for name in named if name in by_name]


def _named_by_postgresql(resource: Resource, diagnosis: Any) -> list[str]:
    if diagnosis.column_name:
        return [diagnosis.column_name]
    detail = re.search(r"\((.*?)\)=\(", diagnosis.message_detail or "")
    if detail:
        return _words(resource, detail[1])
    if diagnosis.sqlstate == "23514":
        table = resource.table.name
        name = diagnosis.constraint_name or ""
        return _of_check(resource, name, name.removeprefix(f"{table}_").removesuffix("_check"))
    return []


def _named_by_sqlite(resource: Resource, message: str, cause: str) -> list[str]:
    subject = message.partition("constraint failed: ")[2]
    if cause == "check":
        return _of_check(resource, subject, subject)
    if subject.startswith("index "):  # an index of expressions, named in quotes
        return _of_index(resource, subject.removeprefix("index ").strip("'"))
    return re.findall(r"\.([^.,]+)(?:,|$)", subject)


def _named_by_mariadb(resource: Resource, message: str, cause: str) -> list[str]:
    patterns = {
        "unique": r"for key '(?:[^'.]*\.)?([^']+)'$",
        "reference": r"FOREIGN KEY \(([^)]+)\)",
        "needed": r"REFERENCES [^(]*\(([^)]+)\)",
        "check": r"CONSTRAINT `(.+?)` failed|Check constraint '([^']+)'",
    }
    found = re.search(patterns.get(cause, r"(?:[Cc]olumn|Field) '?([^' ]+)'?"), message)
    name = next(filter(None, found.groups()), "") if found else ""
    if cause == "unique":
        return _of_index(resource, name)
    if cause == "check":
        return _of_check(resource, name, name.rpartition(".")[2])
    return _words(resource, name.rpartition(".")[2])


def _of_index(resource: Resource, name: str) -> list[str]:
    """Return the columns of a unique index; MariaDB names one without a name after its first."""
    if name == "PRIMARY":
        return [column.source.name for column in resource.key_columns]
    unique = [each for each in resource.table.constraints if isinstance(each, UniqueConstraint)]
    named: Iterable[Any] = [*unique, *resource.table.indexes]
    for each in named:
        if each.name == name:
            return [column.name for column in each.columns]
    bare = re.sub(r"_\d+$", "", name)
    alike = [each for each in unique if each.name is None and each.columns[0].name in (name, bare)]
    return [column.name for column in alike[0].columns] if len(alike) == 1 else [name]


def _of_check(resource: Resource, name: str, text: str) -> list[str]:
    """Return the columns of a CHECK constraint, by its name, else those that a text names."""
    checks = [each for each in resource.table.constraints if isinstance(each, CheckConstraint)]
    for check in checks:
        if check.name == name:
            return _words(resource, str(check.sqltext))
    unnamed = [each for each in checks if each.name is None]
    if re.search(r"(CONSTRAINT|_chk)_\d+$", name) and len(unnamed) == 1:  # a name of MariaDB's
        return _words(resource, str(unnamed[0].sqltext))
    return _words(resource, text)


def _words(resource: Resource, text: str) -> list[str]:
    """Return the columns that stand in a text as words."""
    words = set(re.findall(r"\w+", text))
    return [column.name for column in resource.table.columns if column.name in words]


def _dangling(resource: Resource, values: dict[str, Any]) -> list[str]:
    """Return the foreign keys that name no record: SQLite does not say which it was."""
    found = []
    names = {column.source: name for name, column in resource.columns.items()}
    for constraint in resource.table.foreign_key_constraints:
        pairs = [(values.get(names[each.parent]), each.column) for each in constraint.elements]
        if any(value is None for value, _ in pairs):
            continue
        statement = select(literal(1)).where(*(column == value for value, column in pairs))
        if db.session.execute(statement.limit(1)).first() is None:
            found += [names[each.parent] for each in constraint.elements]
    if not db.session().in_nested_transaction():  # else the caller's work goes on
        db.session.rollback()
    return found


def _unfit(resource: Resource, values: dict[str, Any], cause: str) -> list[str]:
    """Return the columns whose values cannot be right, else the only one that may be meant."""
    found = [name for name, value in values.items() if resource.columns[name].problem(value)]
    if found or cause not in ("long", "range"):
        return found
    texts = cause == "long"
    likely = [
        name
        for name, value in values.items()
        if value is not None
        and (resource.columns[name].is_text if texts else resource.columns[name].kind.numeric)
    ]
    return likely if len(likely) == 1 else []
