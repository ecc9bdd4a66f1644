"""Recording: listeners on the site's session that write the history of each flush."""

from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

from flask import Flask, has_app_context
from sqlalchemy import event, inspect
from sqlalchemy.orm import (
    Mapper,
    ORMExecuteState,
    Session,
    SessionTransaction,
    object_session,
)

from webadmin import counts, history, images, records
from webadmin.database import db
from webadmin.history import CREATE, DELETE, EDIT, Entry
from webadmin.images import Kept, Key, Row


class UntrackedWriteError(RuntimeError):
    """A statement would change records behind the back of their history."""


class Seen(NamedTuple):
    """What a flush is about to do to one record."""

    kept: Kept
    action: str
    key: Key | None
    row: Row | None
    hidden: list[str]
    record: Any


def _tracked(mapper: Mapper[Any], record: Any) -> Kept | None:
    """Return the table of an object that the site's session is about to write, if it is kept."""
    if not has_app_context() or object_session(record) is not db.session():
        return None
    return images.of_mapper(mapper)


def _stored(kept: Kept, record: Any) -> tuple[Key, Row | None]:
    """Return the key of an object as it is stored, and its row, locked."""
    key = tuple(inspect(record).identity)
    rows = images.read(kept, [key], lock=True)
    return key, rows[0] if rows else None


def _inserted(mapper: Mapper[Any], _connection: object, record: Any) -> None:
    kept = _tracked(mapper, record)
    if kept is not None:
        history.work().seen.append(Seen(kept, CREATE, None, None, [], record))


def _updating(mapper: Mapper[Any], _connection: object, record: Any) -> None:
    kept = _tracked(mapper, record)
    if kept is None or not object_session(record).is_modified(record, include_collections=False):  # type: ignore[union-attr]
        return
    state = inspect(record)
    hidden = [name for name in kept.hidden if state.attrs[name].history.has_changes()]
    history.work().seen.append(Seen(kept, EDIT, *_stored(kept, record), hidden, record))


def _deleting(mapper: Mapper[Any], _connection: object, record: Any) -> None:
    kept = _tracked(mapper, record)
    if kept is not None:
        history.work().seen.append(Seen(kept, DELETE, *_stored(kept, record), [], record))


def _flushed(session: Session, _context: object) -> None:
    """Write the changes of a flush: what is stored now is compared with what was before."""
    if not has_app_context() or session is not db.session():
        return
    work = history.work()
    seen, work.seen = [] if work.silent else work.seen, []
    for kept, group in groupby(seen, key=lambda each: each.kept):
        found = list(group)
        keys = [
            tuple(inspect(type(one.record)).primary_key_from_instance(one.record)) for one in found
        ]
        wanted = [key for key, one in zip(keys, found, strict=True) if one.action != DELETE]
        rows = images.by_key(kept, images.read(kept, wanted))
        entries = [
            entry
            for one, key in zip(found, keys, strict=True)
            for entry in _entries(one, rows.get(kept.key_text(key)), kept.key_text(key))
        ]
        for action, same in groupby(entries, key=lambda pair: pair[0]):
            history.record(kept.name, action, [entry for _, entry in same])


def _key(record: Any) -> Key:
    return tuple(inspect(type(record)).primary_key_from_instance(record))


def _entries(one: Seen, row: Row | None, key: str) -> list[tuple[str, Entry]]:
    """Return the changes of one record in a flush, each with its action."""
    kept, old = one.kept, one.row
    old_key = kept.key_text(one.key) if one.key is not None else key
    gone = old is not None and (one.action == DELETE or old_key != key)
    found = []
    if gone and old is not None:
        found.append((DELETE, Entry(old_key, kept.text(old), None)))
    if row is not None and (old is None or gone):
        found.append((CREATE, Entry(key, None, kept.text(row))))
    elif row is not None and old is not None:
        pair = kept.difference(old, row, one.hidden)
        found += [(EDIT, Entry(key, *pair))] if pair else []
    return found


def _refuse_untracked(state: ORMExecuteState) -> None:
    """Refuse UPDATE and DELETE of many records by the session: they have no history.

    Raises:
        UntrackedWriteError: `bulk` does the same with history.
    """
    if not (state.is_update or state.is_delete) or state.bind_mapper is None:
        return
    if has_app_context() and images.of_mapper(state.bind_mapper) is not None:
        raise UntrackedWriteError(
            f"This statement would change records of {state.bind_mapper.class_.__name__} past "
            "their history. Use webadmin.bulk.update() or webadmin.bulk.delete()."
        )


def _savepoint(_session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        work = history.work()
        work.saved = {each: kept for each, kept in work.saved.items() if each.is_active}
        work.saved[transaction] = work.numbers.copy()


def _rolled_back(session: Session, transaction: SessionTransaction) -> None:
    """Forget what a flush that failed had met, and what was counted since a savepoint."""
    work: history.Work | None = session.info.get("work")
    if work is None:
        return
    work.seen.clear()
    if transaction in work.saved:
        work.numbers = work.saved.pop(transaction)


def _committed(session: Session) -> None:
    """Correct the counts that are kept: an edit may change how many records a filter leaves."""
    work: history.Work | None = session.info.get("work")
    if work is None or session.in_nested_transaction():
        return
    by = {CREATE: 1, EDIT: 0, DELETE: -1}
    for (_, name, action), number in work.numbers.items():
        resource = records.resources().get(name)
        if resource is not None and action in by:
            counts.changed(resource, by[action] * number)


def _ended(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop("work", None)


def init_app(_app: Flask) -> None:
    """Let the site's session record."""
    _listen()


@cache
def _listen() -> None:
    """Register the listeners, once for all sites of the process."""
    event.listen(Mapper, "after_insert", _inserted)
    event.listen(Mapper, "before_update", _updating)
    event.listen(Mapper, "before_delete", _deleting)
    event.listen(db.session, "after_flush", _flushed)
    event.listen(db.session, "do_orm_execute", _refuse_untracked)
    event.listen(db.session, "after_transaction_create", _savepoint)
    event.listen(db.session, "after_soft_rollback", _rolled_back)
    event.listen(db.session, "after_commit", _committed)
    event.listen(db.session, "after_transaction_end", _ended)
