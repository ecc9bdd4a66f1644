"""Removing: rows deleted with what goes along, each of them recorded.

The database could take rows along by itself, but then nobody would know which they were.
"""

from collections.abc import Mapping, Sequence
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


class Removal:
    """A delete of records, in the transaction of the caller.

    Args:
        undoes: By the text of a key, the change that deleting the record takes back.
        alone: Whether whatever refers to a record keeps it, also what would go along.
    """

    def __init__(self, undoes: Mapping[str, int] | None = None, alone: bool = False) -> None:
        self.graph = Graph()
        self.undoes = undoes or {}
        self.alone = alone
        self.doomed: set[tuple[str, Key]] = set()

    def remove(self, kept: Kept, rows: Sequence[Row]) -> None:
        """Delete rows of a table, which are locked: first what refers to them, as the links say.

        Raises:
            NeededError: Other records refer to one, and would be left without.
        """
        self.doomed.clear()
        self._remove(kept, rows, self.undoes)

    def _remove(self, kept: Kept, rows: Sequence[Row], undoes: Mapping[str, int]) -> None:
        keys = [kept.key(row) for row in rows]
        self.doomed.update((kept.name, key) for key in keys)
        own = links.own_tables(kept) - {kept.table}
        for link in self.graph.to(kept.table):
            if link.table not in own:
                self._follow(link, kept, rows)
        pairs = zip(map(kept.key_text, keys), rows, strict=True)
        entries = [Entry(key, kept.text(row), None, undoes.get(key)) for key, row in pairs]
        history.record(kept.name, DELETE, entries)
        if not kept.in_one_table:
            _delete_objects(kept, keys)
            return
        for chunk in images.chunks(keys):
            db.session.connection().execute(delete(kept.table).where(kept.among(chunk)))

    def _follow(self, link: Link, parent: Kept, rows: Sequence[Row]) -> None:
        """Do to the rows that refer to others what their link says, a thousand at a time."""
        child = images.of_table(link.table)
        while found := self._others(link, child, parent, rows):
            if self.alone or link.effect is Effect.NEEDED:
                raise NeededError(child, child.key_text(child.key(found[0])))
            if link.effect is Effect.TAKEN:
                self._remove(child, found, {})
            else:
                _empty(link, child, found)

    def _others(self, link: Link, child: Kept, parent: Kept, rows: Sequence[Row]) -> list[Row]:
        """Return rows that refer to others, without those that are being deleted already."""
        found = links.rows(link, child, parent, rows, MOST_KEYS + len(self.doomed))
        return [row for row in found if (child.name, child.key(row)) not in self.doomed]


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
    history.record(child.name, EDIT, [Entry(text, *pair) for text, pair in pairs if pair])


def _delete_objects(kept: Kept, keys: Sequence[Key]) -> None:
    with history.silence():
        for key in keys:
            db.session.delete(_object(kept, key))
        db.session.flush()


def _object(kept: Kept, key: Key) -> Any:
    """Return the object of a model that inherits, whose record may be rows of several tables."""
    return db.session.get_one(kept.resource.model, key if len(key) > 1 else key[0])  # type: ignore[union-attr]
