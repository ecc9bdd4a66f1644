"""Removing: rows deleted with what goes along, each of them recorded.

The database could take rows along by itself, but then nobody would know which they were.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, update

from webadmin import history, images, links
from webadmin.database import db
from webadmin.history import DELETE, EDIT, Entry
from webadmin.images import MOST_KEYS, Kept, Key, Row
from webadmin.links import Effect, Graph, Link


class NeededError(Exception):
    """Other records refer to one that was to be deleted.

    Attributes:
        kept: The table that they are in.
        key: The text of the key of one of them.
    """

    def __init__(self, kept: Kept, key: str) -> None:
        super().__init__(f"{kept.name} {key}")
        self.kept, self.key = kept, key


def remove(
    kept: Kept,
    rows: Sequence[Row],
    graph: Graph,
    undoes: Mapping[str, int] | None = None,
    doomed: set[tuple[str, Key]] | None = None,
) -> None:
    """Delete rows of a table: first what refers to them, as the links say.

    Args:
        kept: The table.
        rows: The rows, locked.
        graph: The links.
        undoes: By the text of a key, the change that deleting the record takes back.
        doomed: Rows that are being deleted already.

    Raises:
        NeededError: Other records refer to one, and would be left without.
    """
    if not rows:
        return
    doomed = set() if doomed is None else doomed
    doomed.update((kept.name, kept.key(row)) for row in rows)
    for link in graph.to(kept.table):
        child = images.of_table(link.table)
        if link.table not in links.own_tables(kept) or link.table is kept.table:
            _follow(link, child, _Others(link, child, kept, rows, doomed), graph, doomed)
    keys = [kept.key(row) for row in rows]
    entries = [
        Entry(text, kept.text(row), None, (undoes or {}).get(text))
        for text, row in zip(map(kept.key_text, keys), rows, strict=True)
    ]
    if kept.in_one_table:
        history.record(kept.name, DELETE, entries)
        for chunk in images.chunks(keys):
            db.session.connection().execute(delete(kept.table).where(kept.among(chunk)))
    else:
        _delete_objects(kept, keys)


class _Others:
    """Rows that refer to rows which are deleted, without those that are deleted themselves."""

    def __init__(
        self,
        link: Link,
        child: Kept,
        parent: Kept,
        rows: Sequence[Row],
        doomed: set[tuple[str, Key]],
    ) -> None:
        self.next: Callable[[], list[Row]] = lambda: [
            row
            for row in links.rows(link, child, parent, rows, MOST_KEYS + len(doomed))
            if (child.name, child.key(row)) not in doomed
        ]


def _follow(
    link: Link, child: Kept, others: _Others, graph: Graph, doomed: set[tuple[str, Key]]
) -> None:
    """Do to the rows that refer to others what their link says, a thousand at a time."""
    while found := others.next():
        if link.effect is Effect.NEEDED:
            raise NeededError(child, child.key_text(child.key(found[0])))
        if link.effect is Effect.TAKEN:
            remove(child, found, graph, None, doomed)
        else:
            _empty(link, child, found)


def _delete_objects(kept: Kept, keys: Sequence[Key]) -> None:
    for key in keys:
        db.session.delete(_object(kept, key))
    db.session.flush()


def _empty(link: Link, child: Kept, rows: Sequence[Row]) -> None:
    """Set the reference of rows to NULL."""
    names, keys = link.names(child), [child.key(row) for row in rows]
    if not child.in_one_table:
        for key in keys:
            record = _object(child, key)
            for name in names:
                setattr(record, name, None)
        db.session.flush()
        return
    columns = {child.columns[name].source: None for name in names}
    for chunk in images.chunks(keys):
        statement = update(child.table).where(child.among(chunk)).values(columns)
        db.session.connection().execute(statement)
    after = images.by_key(child, images.read(child, keys))
    pairs = [
        (text, child.difference(row, after[text]))
        for text, row in zip(map(child.key_text, keys), rows, strict=True)
    ]
    entries = [Entry(text, *pair) for text, pair in pairs if pair]
    history.record(child.name, EDIT, entries)


def _object(kept: Kept, key: Key) -> Any:
    """Return the object of a model that inherits, whose record may be rows of several tables."""
    return db.session.get_one(kept.resource.model, key if len(key) > 1 else key[0])  # type: ignore[union-attr]
