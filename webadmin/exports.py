"""Records as files: CSV, JSON Lines and XLSX, read from a cursor of the server's as they go."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import IO, Any
from zoneinfo import ZoneInfo

from flask_babel import get_timezone
from sqlalchemy import Connection, CursorResult, func, select
from sqlalchemy.exc import SQLAlchemyError

from webadmin import keyset, listing, notation, records
from webadmin.database import db, dialect, read
from webadmin.lenient import readable
from webadmin.listing import ListState
from webadmin.messages import gettext
from webadmin.notation import Writer
from webadmin.resource import Resource

BATCH = 1000  # records that are in memory at a time
CHUNK = 1 << 16
COLUMNS = "_columns"  # the URL parameter that names columns
# Excel's specification: rows of a sheet, the heading among them, and characters of a cell.
MOST_ROWS = 1_048_575
MOST_CHARACTERS = 32_767
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
        base = records.matching(state, *columns)
        keys = keyset.sort_keys(self.resource, state.ordering, dialect())
        self._statements = keyset.whole(base, keys)
        db.session.rollback()  # a request needs no second connection while it streams
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
    """Yield an XLSX file; it is made in a temporary file first, with one row in memory.

    Raises:
        ExportError: The records do not fit into a sheet. It is raised before the first byte.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the generator below
    try:
        _fill(file, export)
        file.seek(0)
    except BaseException:
        file.close()
        export.close()
        raise

    def chunks() -> Iterator[bytes]:
        with file:
            yield from iter(lambda: file.read(CHUNK), b"")

    return chunks()


def _fill(file: IO[bytes], export: Export) -> None:
    from xlsxwriter import Workbook

    with (
        tempfile.TemporaryDirectory() as folder,
        Workbook(file, {"constant_memory": True, "tmpdir": folder}) as book,
    ):
        sheet = book.add_worksheet(export.resource.name[:31])
        sheet.freeze_panes(1, 0)
        formats = {
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        sheet.write_row(0, 0, export.names, book.add_format({"bold": True}))
        writers, row = export.writers(notation.sheet_writer), 0
        for rows in export.batches():
            for cells in _as_cells(rows, writers):
                row += 1
                if row > MOST_ROWS:
                    raise too_many()
                for place, cell in enumerate(cells):
                    if isinstance(cell, str) and len(cell) > MOST_CHARACTERS:
                        raise _too_long(row, export.names[place], len(cell))
                    _put(sheet, row, place, cell, formats)


def _put(sheet: Any, row: int, place: int, cell: Any, formats: Mapping[Any, Any]) -> None:
    """Write a cell by its type: XlsxWriter's own guess takes texts for numbers and links."""
    if type(cell) is str:
        sheet.write_string(row, place, cell)
    elif type(cell) is float:
        sheet.write_number(row, place, cell)
    elif type(cell) is bool:
        sheet.write_boolean(row, place, cell)
    elif cell is not None:
        sheet.write_datetime(row, place, cell, formats[type(cell)])


def too_many() -> ExportError:
    """Return the error for a list that is longer than a sheet."""
    return ExportError(
        gettext(
            "An XLSX sheet holds at most %(most)s records, and this list has more. Narrow it, or "
            "export CSV.",
            most=f"{MOST_ROWS:,}",
        )
    )


def _too_long(row: int, name: str, length: int) -> ExportError:
    return ExportError(
        gettext(
            "A cell of an XLSX sheet holds at most %(most)s characters, and “%(name)s” of record "
            "%(row)s has %(length)s. Leave that column out, or export CSV.",
            most=f"{MOST_CHARACTERS:,}",
            name=name,
            row=f"{row:,}",
            length=f"{length:,}",
        )
    )


def check_length(state: ListState) -> None:
    """Refuse a list that is longer than a sheet before it is read.

    Raises:
        ExportError: It is.
    """
    limited = records.matching(state).limit(MOST_ROWS + 1).subquery()
    if read(select(func.count()).select_from(limited)).scalar_one() > MOST_ROWS:
        raise too_many()


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
        ExportError: The list is too long for the format.
        sqlalchemy.exc.DBAPIError: The database refuses.
    """
    if form == "xlsx":
        check_length(state)
    return Export(state, names)


def file_name(resource: Resource, form: str) -> str:
    """Return the name of a file: the resource and today's date in the site's time zone."""
    today = datetime.now(get_timezone() or ZoneInfo("UTC")).date()
    return f"{resource.name}-{today.isoformat()}.{form}"
