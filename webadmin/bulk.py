"""Many records written at once, with their history, in the transaction of the caller.

The session writes and records one object at a time; these functions write a thousand records by
one statement, and their changes by another. The caller commits, or rolls back where one raises.
Changes of one transaction are a batch (see `history.batch`), undone together.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import bindparam, cast, func, inspect, null, select
from sqlalchemy import insert as insert_into
from sqlalchemy import update as update_of
from sqlalchemy.orm import Mapper

from webadmin import filters, history, images, removing, search_indexes
from webadmin.database import db
from webadmin.history import CREATE, EDIT, Entry
from webadmin.images import Kept, Key, Row
from webadmin.messages import gettext
from webadmin.resource import Resource
from webadmin.saving import RefusedError, new_object, stored

Values = Mapping[str, Any]
Undoes = Mapping[str, int]
T = TypeVar("T")


def has_rules(resource: Resource) -> bool:
    """Return whether rules listen to the objects of a model: no statement writes past them."""
    return bool(resource.table.info.get("rules"))


def _check_rules(resource: Resource) -> None:
    if has_rules(resource):
        label = resource.labels[1]
        raise RefusedError(
            gettext("“%(label)s” are changed one by one, on their pages.", label=label)
        )


def insert(resource: Resource, rows: Iterable[Values], undoes: Undoes | None = None) -> int:
    """Create records, read from an iterable as they are written; return how many.

    Args:
        resource: What they are of.
        rows: Values by column for each. A column that is left out gets its default.
        undoes: By the text of a key, the change that creating the record takes back.

    Raises:
        RefusedError: The account that asks could not see one of them.
        sqlalchemy.exc.DBAPIError: The database refuses; a thousand records at most before it in
            `rows` were not written either.
    """
    _check_rules(resource)
    kept, number = images.kept(resource), 0
    for chunk in images.chunks(rows):
        for _, same in groupby(chunk, key=lambda values: _names(kept, values)):
            number += insert_rows(kept, list(same), undoes or {}, filters.scope(resource))
    _advance_sequence(kept)
    return number


def update(
    resource: Resource, edits: Iterable[tuple[Key, Values]], undoes: Undoes | None = None
) -> int:
    """Change records; return how many there were that the account that asks may see.

    One whose values stay as they are is left alone and has no change in the history.

    Args:
        resource: What they are of.
        edits: The values of a key and what is to be written to the record, for each.
        undoes: By the text of a key, the change that the edit takes back.

    Raises:
        RefusedError: The account that asks could not see one of them any more.
        sqlalchemy.exc.DBAPIError: The database refuses.
    """
    _check_rules(resource)
    kept = images.kept(resource)
    scope = filters.scope(resource)
    return sum(update_rows(kept, chunk, scope, undoes or {}) for chunk in images.chunks(edits))


def delete(
    resource: Resource, keys: Iterable[Key], where: Sequence[Any] = (), undoes: Undoes | None = None
) -> int:
    """Delete records with what goes along; return how many of their own resource.

    What goes along are records that a mapper's cascade or the database's ON DELETE takes, and
    references that it empties: they are written, and recorded, one by one.

    Args:
        resource: What they are of.
        keys: Their keys; one that the account that asks may not see counts as missing.
        where: Conditions that they still have to meet.
        undoes: By the text of a key, the change that deleting the record takes back.

    Raises:
        NeededError: Other records refer to one, and would be left without.
        sqlalchemy.exc.DBAPIError: The database refuses.
    """
    _check_rules(resource)
    kept, removal, number = images.kept(resource), removing.Removal(undoes), 0
    conditions = [*filters.scope(resource), *where]
    for chunk in images.chunks(keys):
        rows = images.read(kept, chunk, True, *conditions)
        removal.remove(kept, rows)
        number += len(rows)
    return number


def _names(kept: Kept, values: Values) -> tuple[str, ...]:
    """Return the columns that a new record names; None in a JSON column would be JSON's null."""
    if not kept.json:
        return tuple(values)
    return tuple(name for name in values if values[name] is not None or name not in kept.json)


def insert_rows(kept: Kept, rows: list[Values], undoes: Undoes, where: Sequence[Any]) -> int:
    """Create rows that name the same columns, and meet conditions then (see `insert`)."""
    names = _names(kept, rows[0])
    if not kept.in_one_table:
        stored = _insert_objects(kept, names, rows)
        _record_created(kept, stored, undoes)
        _check_scope(kept, list(map(kept.key, stored)), where)
        return len(stored)
    keys = [kept.columns[name].source.key for name in names]
    given = [dict(zip(keys, map(values.__getitem__, names), strict=True)) for values in rows]
    connection, statement = db.session.connection(), insert_into(kept.table)
    if connection.dialect.insert_executemany_returning:
        with search_indexes.paused(connection, kept.table) as written:
            made = connection.execute(statement.returning(*kept.shown(plain=True)), given)
            stored = list(made)
            written.extend(kept.key(row)[0] for row in stored)
    else:  # MySQL
        new = [connection.execute(statement, values).inserted_primary_key for values in given]
        stored = images.read(kept, [tuple(key) for key in new if key is not None])
    _record_created(kept, stored, undoes)
    _check_scope(kept, list(map(kept.key, stored)) if where else (), where)
    return len(stored)


def _record_created(kept: Kept, stored: Sequence[Row], undoes: Undoes) -> None:
    made = list(map(kept.key, stored))
    texts = map(kept.key_text, made)
    history.record(
        kept.name,
        CREATE,
        [
            Entry(text, None, kept.text(row), undoes.get(text))
            for text, row in zip(texts, stored, strict=True)
        ],
    )


def _advance_sequence(kept: Kept) -> None:
    """Let PostgreSQL go on after keys that were given: its sequences do not see them."""
    column = kept.table.autoincrement_column
    connection = db.session.connection()
    if connection.dialect.name != "postgresql" or column is None:
        return
    from sqlalchemy.dialects.postgresql import REGCLASS

    table = connection.dialect.identifier_preparer.format_table(kept.table)
    named = func.pg_get_serial_sequence(table, column.name).label("name")
    found = select(named, select(func.max(column)).scalar_subquery().label("most")).subquery()
    last = func.coalesce(func.pg_sequence_last_value(cast(found.c.name, REGCLASS)), 0)
    wanted = select(func.setval(cast(found.c.name, REGCLASS), found.c.most))
    connection.execute(wanted.where(found.c.name.is_not(None), found.c.most > last))


def _insert_objects(kept: Kept, names: Sequence[str], rows: list[Values]) -> list[Row]:
    """Create records of a model that inherits, which may be rows of several tables."""
    made = []
    mapper: Mapper[Any] = inspect(kept.resource.model)  # type: ignore[union-attr]
    for values in rows:
        record = new_object(mapper)
        for name in names:
            setattr(record, name, values[name])
        made.append(record)
    db.session.add_all(made)
    with history.silence():
        db.session.flush()
    found = [tuple(mapper.primary_key_from_instance(record)) for record in made]
    by_key = images.by_key(kept, images.read(kept, found))
    return [by_key[kept.key_text(key)] for key in found]


def _check_scope(kept: Kept, keys: Sequence[Key], scope: Sequence[Any]) -> None:
    """Refuse to leave records where the account that wrote them could not see them."""
    if not scope or not keys:
        return
    count = select(func.count()).select_from(kept.table).where(kept.among(keys), *scope)
    if db.session.connection().execute(count).scalar_one() < len(keys):
        raise RefusedError(gettext("With these values you could not see the record any more."))


def update_rows(
    kept: Kept, edits: Sequence[tuple[Key, Values]], where: Sequence[Any], undoes: Undoes
) -> int:
    """Change at most `MOST_KEYS` rows, each named once (see `update`)."""
    found = images.read(kept, [key for key, _ in edits], True, *where)
    old, places = images.by_key(kept, found), {name: i for i, name in enumerate(kept.columns)}
    wanted: dict[str, tuple[Key, Values]] = {}
    for key, values in edits:
        text = kept.key_text(key)
        row = old.get(text)
        if row is not None and any(_differs(row[places[each]], values[each]) for each in values):
            wanted[text] = (key, values)
    with search_indexes.paused(db.session.connection(), kept.table) as written:
        _write(kept, list(wanted.values()))
        written.extend(key[0] for key, _ in wanted.values())
    entries = []
    keys = [key for key, _ in wanted.values()]
    for text, row in images.by_key(kept, images.read(kept, keys)).items():
        pair = kept.difference(old[text], row)
        if pair:
            entries.append(Entry(text, *pair, undoes.get(text)))
    history.record(kept.name, EDIT, entries)
    _check_scope(kept, keys, where)
    return len(found)


def _differs(old: Any, new: Any) -> bool:
    return old is not new and (type(old) is not type(new) or bool(old != new))


def _write(kept: Kept, edits: list[tuple[Key, Values]]) -> None:
    """Write values to records, those with the same ones by one statement."""
    connection = db.session.connection()
    for names, same in groupby(edits, key=lambda edit: (tuple(edit[1]), _names(kept, edit[1]))):
        group, values = list(same), edits[0][1]
        if not kept.in_one_table:
            _update_objects(kept, group)
        elif all(each is values or each == values for _, each in group):
            statement = update_of(kept.table).where(kept.among([key for key, _ in group]))
            connection.execute(statement.values(_assigned(kept, names[0], values)))
        else:
            connection.execute(*_one_by_one(kept, names, group))


def _assigned(kept: Kept, names: Sequence[str], values: Values) -> dict[Any, Any]:
    """Return what UPDATE is to set."""
    columns = [kept.columns[name] for name in names]
    return {column.source: stored(column, values[column.name]) for column in columns}


def _one_by_one(
    kept: Kept, names: tuple[tuple[str, ...], tuple[str, ...]], group: list[tuple[Key, Values]]
) -> tuple[Any, list[dict[str, Any]]]:
    """Return the UPDATE of records each with values of its own, and what it is run with."""
    every, bound = names
    columns = [kept.columns[name] for name in every]
    statement = update_of(kept.table).where(
        *(
            column.source == bindparam(f"k{i}", type_=column.type)
            for i, column in enumerate(kept.key_columns)
        )
    )
    statement = statement.values(
        {
            column.source: bindparam(f"v{i}", type_=column.type) if column.name in bound else null()
            for i, column in enumerate(columns)
        }
    )
    parameters = [
        {
            **{f"k{i}": part for i, part in enumerate(key)},
            **{f"v{i}": values[name] for i, name in enumerate(every) if name in bound},
        }
        for key, values in group
    ]
    return statement, parameters


def _update_objects(kept: Kept, edits: list[tuple[Key, Values]]) -> None:
    model = kept.resource.model  # type: ignore[union-attr]
    with history.silence():
        for key, values in edits:
            record = db.session.get_one(model, key if len(key) > 1 else key[0])
            for name, value in values.items():
                setattr(record, name, stored(kept.columns[name], value))
        db.session.flush()
