"""Imports: the rows of a file become records, all or none of them, in one transaction.

A rehearsal is the same work, taken back at the end: so every rule of the forms and every
constraint of the database has spoken before a person decides.
"""

import csv
import gc
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import get_timezone
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from webadmin import bulk, forms, history, images, notation, refusals, rows, tables
from webadmin.database import db, dialect, writing
from webadmin.deferred_indexes import deferred
from webadmin.images import Key
from webadmin.import_report import Report
from webadmin.matching import Choices
from webadmin.messages import gettext
from webadmin.resource import Resource
from webadmin.rows import Cell, Problem, Rules
from webadmin.saving import RefusedError
from webadmin.search_indexes import paused

CHUNK = 1000  # records written by one statement
SHOWN = 100  # differences and refusals that a page shows
MOST_REFUSED = 10_000  # after so many a file is wrong as a whole
LINE, REASON = "_line", "_reason"  # the columns that a file of refused records has in addition


@dataclass(slots=True)
class _Row:
    """A row on its way: its line, what stands there, what it says, the record that it names."""

    line: int
    raw: list[str]
    cells: dict[str, Cell]
    key: Key | None = None
    stored: dict[str, Any] | None = None
    values: dict[str, Any] = field(default_factory=dict)


class Import:
    """One run over a file, rehearsed or meant.

    Attributes:
        report: What came of it so far.
        batch: What its changes bear in the history, once it has begun.

    Args:
        resource: What the records are of.
        path: The file, prepared by `tables.prepare`.
        choices: What was chosen for it.
        refused: Where the refused rows go, with the reasons.
    """

    def __init__(self, resource: Resource, path: Path, choices: Choices, refused: Path) -> None:
        self.resource, self.path, self.choices = resource, path, choices
        self.refused, self.report, self.batch = refused, Report(), ""
        self._rules = Rules(resource, choices.dates, choices.comma)
        self._keys = [column.name for column in resource.key_columns]
        zone = get_timezone() or ZoneInfo("UTC")
        self._places = {name: i for i, name in enumerate(choices.columns) if name}
        self._columns = {name: resource.columns[name] for name in self._places}
        self._text = {
            name: notation.text_of(column, zone) for name, column in self._columns.items()
        }
        self._keyed = set(self._keys) <= set(self._places)
        self._seen: set[Any] = set()

    def steps(self, source: str = "", keep: bool = False) -> Generator[Report, None, None]:
        """Do the work, and yield how far it is: before the first row, after some rows, at the end.

        What was written is taken back unless `keep` is given and nothing was refused (or
        `Choices.partly` allows it), also where the caller goes away.

        Args:
            source: The name of the file, for the history.
            keep: Whether it is meant.

        Raises:
            sqlalchemy.exc.DBAPIError: The database refuses something else than values.
            OSError: The disk is full.
        """
        self._keeps = keep
        try:
            with writing():
                self._begin()
            with (
                self.refused.open("w", encoding="utf-8", newline="") as file,
                history.batch(source or None) as self.batch,
            ):
                self._refusals = csv.writer(file)
                self._refusals.writerow([LINE, REASON, *tables.heading(self.path)])
                yield self.report
                coming = tables.length(self.path)
                with deferred(db.session.connection(), self.resource.table, coming, again=keep):
                    yield from self._chunks()
            whole = not (self.report.refused or self.report.stopped)
            if keep and (whole or (self.choices.partly and not self.report.stopped)):
                db.session.commit()
                self.report.written = True
            yield self.report
        finally:
            db.session.rollback()

    def _chunks(self) -> Iterator[Report]:
        lines = tables.read(self.path)
        while chunk := list(islice(lines, CHUNK)):
            with _undisturbed():
                self._chunk(chunk)
            yield self.report
            if self.report.refused >= MOST_REFUSED:
                self.report.stopped = next(lines, None) is not None
                return

    def _begin(self) -> None:
        db.session.rollback()  # what was read before is read again, behind the write lock
        db.session.connection()
        if dialect() == "postgresql":
            db.session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))

    def _chunk(self, lines: Sequence[tuple[int, list[str]]]) -> None:
        columns = []
        for name, place in self._places.items():
            raw = [_at(cells, place) for _, cells in lines]
            self._rules.foresee(name, raw)
            columns.append(self._rules.column(name, raw))
        names = list(self._places)
        found = [
            _Row(line, given, dict(zip(names, cells, strict=True)))
            for (line, given), cells in zip(lines, zip(*columns, strict=True), strict=True)
        ]
        found = [row for row in found if self._keyed_right(row)]
        keys = [row.key for row in found if row.key is not None]
        stored = rows.existing(self.resource, self._rules.wanted(names), keys)
        new, changed = [], []
        for row in found:
            row.stored = stored.get(row.key) if row.key is not None else None
            problems = self._judge(row)
            if problems:
                self._refused(row, problems)
            elif row.stored is None:
                new.append(row)
            elif row.values:
                changed.append(row)
            else:
                self.report.unchanged += 1
        # Keys that are made must not be those of later lines.
        self._write([row for row in new if row.key is not None])
        self._write([row for row in new if row.key is None])
        self._write(changed)

    def _keyed_right(self, row: _Row) -> bool:
        """Read the key of a row; a row that has a wrong one, or one that was met, is refused."""
        parts = [row.cells[name] for name in self._keys] if self._keyed else []
        if all(part.text is None for part in parts):
            if self.choices.mode != "update":
                return True
            return self._refused(row, [Problem(self._keys[0], gettext("Fill in this field."))])
        try:
            row.key = tuple([self._part(*pair) for pair in zip(self._keys, parts, strict=True)])
        except ValueError as error:
            return self._refused(row, [Problem(self._keys[0], str(error))])
        mark = row.key[0] if len(row.key) == 1 else row.key
        if mark in self._seen:
            message = gettext("A line before has this key already.")
            return self._refused(row, [Problem(self._keys[0], message)])
        self._seen.add(mark)
        return True

    def _part(self, name: str, cell: Cell) -> Any:
        """Return a part of a key; what a form says of it counts for new records only."""
        if cell.problems or cell.value is None:
            return self._columns[name].parse(cell.text or "")
        return cell.value

    def _judge(self, row: _Row) -> list[Problem]:
        """Fill in the values that a row writes, and return what is wrong with them."""
        mode, keys = self.choices.mode, self._keys
        if row.stored is None:
            if mode == "update":
                return [Problem(keys[0], gettext("There is no record with this key."))]
            # An empty key is made, not given.
            cells = {n: c for n, c in row.cells.items() if c.text is not None or n not in keys}
            row.values, problems = self._rules.create(cells)
            return problems
        if mode == "create":
            return [Problem(keys[0], gettext("There is a record with this key already."))]
        stored, changed = row.stored, {}
        for name, cell in row.cells.items():
            old = stored[name]
            if name not in keys and cell.text != (None if old is None else self._text[name](old)):
                changed[name] = cell
        if not changed:
            return []
        values, problems = self._rules.update(changed, stored)
        row.values = {n: value for n, value in values.items() if self._differs(n, value, stored[n])}
        return problems

    def _differs(self, name: str, value: Any, stored: Any) -> bool:
        if type(value) is type(stored) and value == stored:
            return False  # 0.10 is 0.1
        text = self._columns[name].text
        return (value is None) != (stored is None) or text(value) != text(stored)

    def _write(self, found: Sequence[_Row]) -> None:
        """Write rows, or those of them that the database takes: it is asked for ever fewer."""
        if not found:
            return
        try:
            with db.session.begin_nested():
                if found[0].stored is None:
                    self._insert([row.values for row in found])
                else:
                    bulk.update(self.resource, [(row.key or (), row.values) for row in found])
        except (DBAPIError, RefusedError) as error:
            if len(found) > 1:
                half = len(found) // 2
                self._write(found[:half])
                self._write(found[half:])
            else:
                with db.session.begin_nested():
                    refusal = refusals.explain(self.resource, error, found[0].values)
                columns = refusal.columns or [""]
                self._refused(found[0], [Problem(name, refusal.message) for name in columns])
            return
        for row in found:
            self._written(row)

    def _insert(self, values: list[dict[str, Any]]) -> None:
        kept = images.kept(self.resource)
        if self._keeps or self.resource.scope or not kept.in_one_table or kept.json:
            bulk.insert(self.resource, values)
            return
        # The history, a third of the work, can refuse nothing: a rehearsal goes without.
        connection, statement = db.session.connection(), insert(kept.table)
        for names, same in groupby(values, key=tuple):
            keys = [kept.columns[name].source.key for name in names]
            given = [dict(zip(keys, each.values(), strict=True)) for each in same]
            with paused(connection, kept.table):  # for it is rolled back
                connection.execute(statement, given)

    def _written(self, row: _Row) -> None:
        if row.stored is None:
            self.report.new += 1
            return
        self.report.changed += 1
        if len(self.report.changes) < SHOWN:
            differences = [
                (
                    str(forms.label_of(self.resource, name)),
                    self._shown(name, row.stored[name]),
                    self._shown(name, value),
                )
                for name, value in row.values.items()
            ]
            self.report.changes.append((row.line, self._key_of(row), differences))

    def _shown(self, name: str, value: Any) -> str:
        return "" if value is None else self._text[name](value)[:200]

    def _key_of(self, row: _Row) -> str:
        return ", ".join(row.cells[name].text or "" for name in self._keys)

    def _refused(self, row: _Row, problems: Sequence[Problem]) -> bool:
        self.report.refused += 1
        reasons = []
        for problem in problems:
            label, cell = "", ""
            if problem.column:
                label = str(forms.label_of(self.resource, problem.column))
                cell = _at(row.raw, self._places.get(problem.column, len(row.raw)))
            reasons.append(f"{label}: {problem.message}" if label else problem.message)
            if len(self.report.refusals) < SHOWN:
                self.report.refusals.append((row.line, label, cell[:200], problem.message))
        cells = [notation.guard(notation.unguard(cell)) if cell else "" for cell in row.raw]
        self._refusals.writerow([row.line, " ".join(reasons), *cells])
        return False


def _at(cells: Sequence[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the collector of cycles away for a moment: it would take a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
