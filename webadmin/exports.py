"""Records as files: CSV, JSON Lines and XLSX, read from a cursor of the server's as they go."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import get_timezone
from sqlalchemy import Connection, CursorResult, String, func, select
from sqlalchemy.exc import SQLAlchemyError

from webadmin import keyset, listing, notation, selects, sorting, xlsx
from webadmin.columns import Column
from webadmin.database import db, dialect, read, release
from webadmin.lenient import readable
from webadmin.listing import ListState
from webadmin.messages import gettext
from webadmin.notation import Writer
from webadmin.resource import Resource

BATCH = 1000  # records that are in memory at a time
COLUMNS = "_columns"  # the URL parameter that names columns
MOST_ROWS = xlsx.MOST_ROWS - 1  # one is the heading
MOST_CHARACTERS = xlsx.MOST_CHARACTERS - 1  # an apostrophe may come before them
BOM = "\ufeff"  # without it Excel takes UTF-8 for something else


class ExportError(ValueError):
    """The records do not fit into a file of the format; the message says what would do."""


def chosen(resource: Resource, names: Sequence[str]) -> list[str]:
    """Return the columns to export, in the order of the model: those named, else all.

    Raises:
        ListError: There is no such column.
    """
    for name in names:
        if name not in resource.columns:
            known = ", ".join(resource.columns)
            raise listing.ListError(
                COLUMNS, gettext("It is unknown. Known are: %(names)s.", names=known)
            )
    return [name for name in resource.columns if name in names or not names]


class Export:
    """The records of a whole list, read in batches on a connection of its own.

    The first batch is asked for at once, so that a refusal is raised before a file begins.

    Attributes:
        names: The columns.
        zone: The time zone of times that bear one.
        done: How many records were read so far.

    Args:
        state: The list; which page of it is shown counts for nothing.
        names: The columns.

    Raises:
        sqlalchemy.exc.DBAPIError: The database refuses.
    """

    def __init__(self, state: ListState, names: Sequence[str]) -> None:
        self.resource, self.names = state.resource, list(names)
        self.done = 0
        self.zone: tzinfo = get_timezone() or ZoneInfo("UTC")
        columns = (readable(self.resource.columns[name]) for name in names)
        base = selects.matching(state, *columns)
        keys = sorting.sort_keys(self.resource, state.ordering, dialect(), state.filters)
        self._statements = keyset.whole(base, keys)
        release()  # a request needs no second connection while it streams
        self._connection = _connection()
        try:
            self._result = self._run()
        except BaseException:
            self._connection.close()
            raise

    def _run(self) -> CursorResult[Any]:
        return self._connection.execute(self._statements.pop(0))

    def batches(self) -> Iterator[Sequence[Sequence[Any]]]:
        """Yield records, some at a time, in the order of the list; then close."""
        try:
            while True:
                for rows in self._result.partitions(BATCH):
                    self.done += len(rows)
                    yield rows
                if not self._statements:
                    break
                self._result = self._run()
            self.close(read=True)
        finally:
            self.close()

    def writers(self, make: Callable[..., Writer]) -> list[Writer]:
        """Return what writes each column."""
        return [make(self.resource.columns[name], self.zone) for name in self.names]

    def close(self, read: bool = False) -> None:
        """Give the connection back, also when nobody wants the rest; safe to call twice.

        Args:
            read: Whether everything was read.
        """
        if self._connection.closed:
            return
        if not read and self._connection.dialect.name in ("mysql", "mariadb"):
            _stop(self._connection)
        with suppress(Exception):  # "Query execution was interrupted", or a lost connection
            self._result.close()
        self._connection.close()


def _stop(connection: Connection) -> None:
    """End a query: the drivers of MariaDB would read all that is left of it before they close."""
    driver: Any = connection.connection.driver_connection
    with suppress(SQLAlchemyError), connection.engine.connect() as other:
        other.exec_driver_sql(f"KILL QUERY {int(driver.thread_id())}")


def _connection() -> Connection:
    """Return a connection whose statements see one state and are read in batches."""
    options: dict[str, Any] = {"yield_per": BATCH}
    if dialect() == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return db.engine.connect().execution_options(**options)


def _as_cells(rows: Sequence[Any], writers: Sequence[Writer]) -> Iterable[tuple[Any, ...]]:
    """Return records as cells; written column by column, which saves a third of the time."""
    columns = zip(*rows, strict=True)
    return zip(
        *(write(values) for write, values in zip(writers, columns, strict=True)), strict=True
    )


def as_csv(export: Export, mark: str = BOM) -> Iterator[bytes]:
    """Yield a CSV file as RFC 4180 defines it, in UTF-8.

    Args:
        export: The records.
        mark: What the file begins with.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(export.names)
    yield (mark + buffer.getvalue()).encode()
    writers = export.writers(notation.csv_writer)
    for rows in export.batches():
        buffer.seek(0)
        buffer.truncate()
        writer.writerows(_as_cells(rows, writers))
        yield buffer.getvalue().encode()


def as_jsonl(export: Export) -> Iterator[bytes]:
    """Yield one JSON object a line, in UTF-8."""
    writers = export.writers(notation.json_writer)
    pairs = (json.dumps(name).replace("%", "%%") + ": %s" for name in export.names)
    line = "{" + ", ".join(pairs) + "}\n"
    for rows in export.batches():
        text = "".join([line % cells for cells in _as_cells(rows, writers)])
        try:
            yield text.encode()
        except UnicodeEncodeError:  # half a surrogate pair: as an escape
            yield "".join(map(_escaped, text.split("\n")[:-1])).encode()


def _escaped(line: str) -> str:
    return json.dumps(json.loads(line)) + "\n"


def as_xlsx(export: Export) -> Iterator[bytes]:
    """Yield an XLSX file.

    Raises:
        ExportError: The records do not fit into a sheet after all, see `check_sheet`.
    """
    writers = export.writers(notation.sheet_writer)
    cells = (_as_cells(rows, writers) for rows in export.batches())
    return xlsx.stream(export.resource.name[:31], export.names, cells)


def _check_sheet(state: ListState, names: Sequence[str]) -> None:
    """Refuse what a sheet cannot hold before the file begins.

    Raises:
        ExportError: The list has too many records, or a text is too long.
    """
    limited = selects.matching(state).limit(MOST_ROWS + 1).subquery()
    if read(select(func.count()).select_from(limited)).scalar_one() > MOST_ROWS:
        raise ExportError(
            gettext(
                "An XLSX sheet holds at most %(most)s records, and this list has more. Narrow it, "
                "or export CSV.",
                most=f"{MOST_ROWS:,}",
            )
        )
    for name in names:
        column = state.resource.columns[name]
        length = _length(column)
        if length is None:
            continue
        longer = selects.matching(state, length).where(length > MOST_CHARACTERS).limit(1)
        if read(longer).first() is not None:
            raise _too_long(name)


def _length(column: Column) -> Any:
    """Return the number of characters in cells of a column; None where it is always small."""
    if column.is_text and not (column.max_length and column.max_length < MOST_CHARACTERS):
        return (
            func.length(column.attribute)
            if dialect() == "sqlite"
            else func.char_length(column.attribute)
        )
    if column.kind.name == "binary":
        return func.length(column.attribute) * 4 / 3  # as base64
    if column.kind.name == "json":
        return func.length(column.attribute.cast(String))
    return None


def _too_long(name: str) -> ExportError:
    return ExportError(
        gettext(
            "A cell of an XLSX sheet holds at most %(most)s characters, and a value of "
            "“%(name)s” has more. Leave that column out, or export CSV.",
            most=f"{MOST_CHARACTERS:,}",
            name=name,
        )
    )


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of files: its content type, and what writes it."""

    content_type: str
    write: Callable[[Export], Iterator[bytes]]


FORMATS = {
    "csv": Format(content_type="text/csv; charset=utf-8", write=as_csv),
    "jsonl": Format(content_type="application/jsonl; charset=utf-8", write=as_jsonl),
    "xlsx": Format(
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        write=as_xlsx,
    ),
}


def start(state: ListState, names: Sequence[str], form: str) -> Export:
    """Return an export that has begun.

    Raises:
        ExportError: The format cannot hold it.
        sqlalchemy.exc.DBAPIError: The database refuses.
    """
    if form == "xlsx":
        _check_sheet(state, names)
    return Export(state, names)


def file_name(resource: Resource, form: str) -> str:
    """Return the name of a file: the resource and today's date in the site's time zone."""
    today = datetime.now(get_timezone() or ZoneInfo("UTC")).date()
    return f"{resource.name}-{today.isoformat()}.{form}"
