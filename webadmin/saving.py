"""Records written: created once, updated without losing what others wrote."""

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Insert, bindparam, insert, inspect, null
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapper, load_only

from webadmin import history, images, listeners, prepared, records, submissions
from webadmin.columns import Column
from webadmin.database import db, dialect
from webadmin.history import CREATE, Entry
from webadmin.images import Kept, Key
from webadmin.keys import parse_key
from webadmin.messages import gettext
from webadmin.resource import Resource


class RefusedError(ValueError):
    """A rule of webadmin's own does not take the values; nothing is to be committed.

    Attributes:
        columns: Names of the columns it is about; none: the record as a whole.
    """

    def __init__(self, message: str, *columns: str) -> None:
        super().__init__(message)
        self.columns = columns


@dataclass(frozen=True)
class Conflict:
    """A field that two sides changed to different values."""

    name: str
    original: Any
    mine: Any
    theirs: Any


@dataclass(frozen=True)
class Update:
    """What came of an update.

    Attributes:
        conflicts: The fields that both sides changed; if there are any, nothing was written.
        theirs: The values as they are stored now, by name.
        merged: Whether others had changed fields that this update left alone.
    """

    conflicts: tuple[Conflict, ...]
    theirs: dict[str, Any]
    merged: bool


def create(resource: Resource, values: Mapping[str, Any], identifier: str) -> tuple[str, bool]:
    """Create a record once for each submission; the caller commits.

    Returns:
        The text of its key, and whether it is new.

    Raises:
        RefusedError: A rule of webadmin's own refuses the values; the caller rolls back.
        sqlalchemy.exc.DBAPIError: The database refuses the values; the caller rolls back.
    """
    earlier = submissions.find(identifier)
    if earlier is not None:
        key = parse_key(resource, earlier.key, dialect())
        if key is None or records.exists(resource, key):
            return earlier.key, False
        # Made once and deleted since: going back and saving again is meant.
        submissions.release(earlier)
    try:
        made = _insert(resource, values, identifier)
    except (DBAPIError, RefusedError):
        db.session.rollback()
        faster = submissions.find(identifier)  # of the same form, sent at the same time
        if faster is None or faster == earlier:
            raise
        return faster.key, False
    return made, True


def _insert(resource: Resource, values: Mapping[str, Any], identifier: str) -> str:
    kept = images.kept(resource)
    given = _given(resource, values)
    insert = _insert_row if _is_row(kept, given) else _insert_object
    key = insert(kept, given, identifier)
    _check_scope(resource, key)
    return kept.key_text(key)


def _given(resource: Resource, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is written of a new record; what is left out gets its default."""
    given = {}
    for name, value in values.items():
        column = resource.columns[name]
        left = column.has_default and (column.prefilled is None or not column.nullable)
        if value is not None or not left:
            given[name] = value
    return given


def _is_row(kept: Kept, given: Mapping[str, Any]) -> bool:
    """Return whether a statement makes a new record as the session would."""
    named = {kept.columns[name].source for name in given}
    return (
        bool(given)
        and kept.in_one_table
        and not listeners.hear(inspect(kept.resource.model))  # type: ignore[union-attr]
        and not any(each.default is not None and each not in named for each in kept.table.columns)
        and db.engine.dialect.insert_returning
    )


def _insert_row(kept: Kept, given: Mapping[str, Any], identifier: str) -> Key:
    nulls = frozenset(name for name in kept.json if given.get(name) is None)
    statement = prepared.kept(
        ("insert", kept, tuple(given), nulls), lambda: _insert_into(kept, given, nulls)
    )
    made = prepared.write(statement, {f"value{i}": each for i, each in enumerate(given.values())})
    key = tuple(made[0]) if made else tuple(given[column.name] for column in kept.key_columns)
    # Read anew, not returned: triggers of the database may change the row after RETURNING.
    for row in images.read(kept, [key]):
        entry = Entry(kept.key_text(key), None, kept.text(row), submission=identifier)
        history.record(kept.name, CREATE, [entry])
    return key


def _insert_into(kept: Kept, names: Collection[str], nulls: Container[str]) -> Insert:
    """Return the INSERT of a row, whose values are bound as `value0`, `value1` ...

    It returns the key, where that is not given: a trigger of PostgreSQL that writes the row
    elsewhere returns none.
    """
    values = {}
    for i, name in enumerate(names):
        source = kept.columns[name].source
        bound = bindparam(f"value{i}", type_=source.type)
        values[source] = null() if name in nulls else bound
    statement = insert(kept.table).values(values)
    if all(column.name in names for column in kept.key_columns):
        return statement.inline()
    return statement.returning(*(column.source for column in kept.key_columns))


def _insert_object(kept: Kept, given: Mapping[str, Any], identifier: str) -> Key:
    record = new_object(inspect(kept.resource.model))  # type: ignore[union-attr]
    for name, value in given.items():
        _set(record, name, value)
        column = kept.columns[name]
        if (column.has_default or name in kept.json) and getattr(record, name) is None:
            # The session would leave it out, or write JSON's null. No listener is to meet this.
            inspect(record).dict[name] = null()
    db.session.add(record)
    db.session.flush()
    key = tuple(getattr(record, column.name) for column in kept.key_columns)
    history.sent(kept.name, kept.key_text(key), identifier)
    return key


def new_object(mapper: Mapper[Any]) -> Any:
    """Return a new object of a model, whose own constructor may want arguments."""
    record = mapper.class_manager.new_instance()
    kind = mapper.polymorphic_identity  # which that would have set
    for attribute in mapper.column_attrs if kind is not None else ():
        if any(each is mapper.polymorphic_on for each in attribute.columns):
            setattr(record, attribute.key, kind)
    return record


def _check_scope(resource: Resource, key: tuple[Any, ...]) -> None:
    """Refuse to leave a record where the account that wrote it could not see it."""
    if resource.scope and not records.exists(resource, key):
        raise RefusedError(gettext("With these values you could not see the record any more."))


def _set(record: Any, name: str, value: Any) -> None:
    try:
        setattr(record, name, value)
    except ValueError as error:  # so the validators of a model refuse (SQLAlchemy manual)
        message = str(error) or gettext("The database does not allow this value.")
        raise RefusedError(message, name) from error


def stored(column: Column, value: Any) -> Any:
    """Return what stores a value: None would be stored as JSON's null."""
    return null() if value is None and column.kind.name == "json" else value


def _locked(resource: Resource, key: tuple[Any, ...], names: list[str]) -> Any:
    """Read a record and lock it against other writers; None if there is none in scope.

    SQLite has no row locks: the whole transaction holds its write lock (see `database`).
    """
    wanted = {*names, *(column.name for column in resource.key_columns)}
    record = db.session.get(
        resource.model,
        key if len(key) > 1 else key[0],
        options=[load_only(*(resource.columns[name].attribute for name in sorted(wanted)))],
        with_for_update=True,
        populate_existing=True,
    )
    hidden = record is not None and resource.scope and not records.exists(resource, key)
    return None if hidden else record


def update(
    resource: Resource,
    key: tuple[Any, ...],
    mine: Mapping[str, Any],
    original: Mapping[str, Any],
) -> Update | None:
    """Write the fields that `mine` changes from `original`; the caller commits.

    A field that only the other side changed keeps the other side's value. Where both changed
    one to different values nothing is written.

    Args:
        resource: What the record is of.
        key: The values of its key.
        mine: The values to write, by name.
        original: The values that the form was loaded with, by name.

    Returns:
        None if the record is gone.

    Raises:
        RefusedError: A rule of webadmin's own refuses the values; the caller rolls back.
        sqlalchemy.exc.DBAPIError: The database refuses the values; the caller rolls back.
    """
    record = _locked(resource, key, list(mine))
    if record is None:
        return None
    theirs = {name: getattr(record, name) for name in mine}
    conflicts, changed, merged = [], [], False
    for name, value in mine.items():
        text = resource.columns[name].text
        was, is_now, wanted = (_lines(text(v)) for v in (original[name], theirs[name], value))
        if is_now not in (was, wanted):
            merged = merged or wanted == was
            if wanted != was:
                conflicts.append(Conflict(name, original[name], value, theirs[name]))
        elif wanted != is_now:
            changed.append(name)
    if not conflicts:
        for name in changed:
            _set(record, name, stored(resource.columns[name], mine[name]))
        db.session.flush()
        _check_scope(resource, key)
    return Update(tuple(conflicts), theirs, merged)


def _lines(text: str) -> str:
    """Return text with the line ends that a browser sends back for it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
