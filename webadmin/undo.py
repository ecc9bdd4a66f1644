"""Undo: a change, or a whole batch, taken back, as a change like any other.

Backwards from the last one, and only where nobody has changed the values since.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import select

from webadmin import bulk, filters, images, keys, records
from webadmin.database import asking, db, dialect
from webadmin.history import CREATE, DELETE, EDIT, Change
from webadmin.images import MOST_KEYS, Kept, Row
from webadmin.messages import gettext
from webadmin.permissions import Action, Role
from webadmin.removing import NeededError, Removal

MOST_PROBLEMS = 50  # so many are shown
ACTIONS = {CREATE: Action.CREATE, EDIT: Action.EDIT, DELETE: Action.DELETE}


@dataclass(frozen=True)
class Side:
    """A value that somebody has changed since, as data of an image."""

    name: str
    before: Any
    after: Any
    now: Any


@dataclass(frozen=True)
class Problem:
    """Why a change cannot be taken back.

    Attributes:
        name: What the change is filed under.
        key: The text of the record's key.
        message: What is in the way.
        sides: The values that were changed since; they can be overwritten.
    """

    name: str
    key: str
    message: str
    sides: tuple[Side, ...] = ()


@dataclass
class Outcome:
    """What came of an undo: if there are problems, the caller rolls back.

    Attributes:
        number: How many changes were taken back.
        problems: The first ones of what is in the way.
    """

    number: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def forcible(self) -> bool:
        """Whether all that is in the way are values which can be overwritten."""
        return bool(self.problems) and all(problem.sides for problem in self.problems)

    @property
    def digest(self) -> str:
        """What stands for the problems: one who overwrites values has seen them."""
        return hashlib.sha256(repr(self.problems).encode()).hexdigest()[:16]


def may(change: Change) -> bool:
    """Return whether the account that asks may take a change back.

    One's own needs the right to have made it; that of another an administrator.
    """
    account = asking()
    resource = records.resources().get(change.resource)
    action = ACTIONS.get(change.action)
    if action is None or (resource is not None and bulk.has_rules(resource)):
        return False
    if account is None or resource is None:
        return account is None or account.role is Role.ADMIN
    own = change.account_id is not None and change.account_id == account.id
    return filters.may(action, resource) and (own or account.role is Role.ADMIN)


def change(one: Change, seen: str = "") -> Outcome:
    """Take one change back; the caller commits, or rolls back where there are problems.

    Args:
        one: The change.
        seen: The digest of the problems that may be overwritten.

    Raises:
        PermissionError: The account that asks may not.
        sqlalchemy.exc.DBAPIError: The database refuses.
    """
    return _undo(iter([[one]]), seen)


def batch(identifier: str, seen: str = "") -> Outcome:
    """Take a whole batch back, as `change` does one.

    Raises:
        PermissionError: The account that asks may not take all of it back.
        sqlalchemy.exc.DBAPIError: The database refuses.
    """
    return _undo(_backwards(identifier), seen)


def _backwards(identifier: str) -> Iterator[list[Change]]:
    # Rows, not objects, which take four times as long to make.
    statement = select(Change.__table__).where(Change.batch == identifier)
    statement = statement.order_by(Change.id.desc()).limit(MOST_KEYS)
    connection = db.session.connection()
    found: list[Any] = list(connection.execute(statement))
    while found:
        yield found
        found = list(connection.execute(statement.where(Change.id < found[-1].id)))


def _undo(chunks: Iterator[list[Change]], seen: str) -> Outcome:
    outcome = _attempt(chunks, force=False) if not seen else _attempt(chunks, force=True)
    if seen and outcome.digest == seen and outcome.forcible:
        outcome.problems = []
    return outcome


def _attempt(chunks: Iterator[list[Change]], force: bool) -> Outcome:
    work = _Undoing(force)
    for found in chunks:
        for (name, action), group in groupby(found, key=lambda one: (one.resource, one.action)):
            for run in _without_repeats(list(group)):
                work.take_back(name, action, run)
    return work.outcome


def _without_repeats(group: list[Change]) -> Iterator[list[Change]]:
    """Yield runs in which no record is named twice."""
    run: dict[str, Change] = {}
    for one in group:
        if one.key in run:
            yield list(run.values())
            run = {}
        run[one.key] = one
    if run:
        yield list(run.values())


class _Undoing:
    """An undo in progress.

    Args:
        force: Whether values that were changed since are overwritten.
    """

    def __init__(self, force: bool) -> None:
        self.force = force
        self.outcome = Outcome()
        self.plain: dict[str, Kept] = {}

    def take_back(self, name: str, action: str, run: list[Change]) -> None:
        """Take back changes of one kind, each of another record."""
        if not all(map(may, run)):
            raise PermissionError
        kept = self._kept(name)
        if kept is None or action not in ACTIONS:
            self._blame(run[0], gettext("This site does not know what it is about any more."))
            return
        undo = {CREATE: self._delete, EDIT: self._edit, DELETE: self._create}[action]
        undo(kept, run)
        self.outcome.number += len(run)

    def _kept(self, name: str) -> Kept | None:
        resource = records.resources().get(name)
        if resource is not None:
            return images.kept(resource)
        return images.named(name)

    def _blame(self, one: Change, message: str, sides: Sequence[Side] = ()) -> None:
        if len(self.outcome.problems) < MOST_PROBLEMS:
            problem = Problem(one.resource, one.key, message, tuple(sides))
            self.outcome.problems.append(problem)

    def _current(self, kept: Kept, run: list[Change]) -> dict[str, Row]:
        """Return the rows that changes are about as they are now, by key, locked."""
        parsed = [keys.parse_key(kept, one.key, dialect()) for one in run]
        scope = filters.scope(kept.resource) if kept.resource else []
        found = images.read(kept, [key for key in parsed if key is not None], True, *scope)
        return dict(images.by_key(kept, found))

    def _fits(self, kept: Kept, one: Change, row: Row | None) -> bool:
        """Return whether the values that a change left are still there; else say so."""
        if row is None:
            self._blame(one, gettext("The record is gone, or you may not see it any more."))
            return False
        if _has_hidden(one.before):
            self._blame(one, _hidden())
            return False
        after = json.loads(one.after or "{}")
        changed = [(n, now) for n, now in kept.data(row, after).items() if now != after[n]]
        before = json.loads(one.before or "{}") if changed else {}
        sides = [Side(name, before.get(name), after[name], now) for name, now in changed]
        if sides:
            message = gettext("Somebody has changed these values since.")
            self._blame(one, message, sides if one.action == EDIT else ())
        return not sides or (self.force and one.action == EDIT)

    def _delete(self, kept: Kept, run: list[Change]) -> None:
        rows = self._current(kept, run)
        fit = [one for one in run if self._fits(kept, one, rows.get(one.key))]
        removal = Removal({one.key: one.id for one in fit}, alone=True)
        try:
            removal.remove(kept, [rows[one.key] for one in fit])
        except NeededError as error:
            message = gettext("Other records refer to it now, such as %(name)s.", name=error)
            self._blame(run[0], message)

    def _edit(self, kept: Kept, run: list[Change]) -> None:
        rows = self._current(kept, run)
        fit = [one for one in run if self._fits(kept, one, rows.get(one.key))]
        edits = []
        for one in fit:
            values = _writable(kept, kept.load(one.before))
            edits.append((kept.key(rows[one.key]), values))
        scope = filters.scope(kept.resource) if kept.resource else []
        bulk.update_rows(kept, edits, scope, {one.key: one.id for one in fit})

    def _create(self, kept: Kept, run: list[Change]) -> None:
        rows = self._current(kept, run)
        fit = []
        for one in run:
            if one.key in rows:
                self._blame(one, gettext("There is a record with this key again."))
            elif _has_hidden(one.before):
                self._blame(one, _hidden())
            else:
                fit.append(one)
        values = [_writable(kept, kept.load(one.before)) for one in fit]
        undoes = {one.key: one.id for one in fit}
        scope = filters.scope(kept.resource) if kept.resource else []
        for _, same in groupby(values, key=tuple):
            bulk.insert_rows(kept, list(same), undoes, scope)


def _has_hidden(image: str | None) -> bool:
    """Return whether an image lacks a value that it would need to be written back."""
    if image is None or images.HIDDEN not in image:
        return False
    return any(images.is_hidden(value) for value in json.loads(image).values())


def _hidden() -> str:
    return gettext("It holds a value that the history does not keep, such as a secret or a file.")


def _writable(kept: Kept, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values that may be written: others the database works out itself."""
    return {
        name: value
        for name, value in values.items()
        if name in kept.columns and kept.columns[name].source.computed is None
    }
