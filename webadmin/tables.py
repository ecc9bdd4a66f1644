"""Tables in files: CSV in any usual encoding, and XLSX, read as rows of texts.

Whatever comes is turned once into plain CSV, which is then read as often as it is needed.
"""

import codecs
import csv
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flask import current_app

from webadmin.messages import gettext

DELIMITERS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8", "utf-16", "windows-1252")
_LOOKED_AT = 1 << 20  # bytes whose encoding is looked at
_SHEET_SECONDS = 300
# Rows whose cells are looked at to tell how dates and numbers are written.
_SAMPLE = 1000
_DMY = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-]\d{4}\b.*", re.ASCII)
_COMMA = re.compile(r"-?\d+,\d+", re.ASCII)


class TableError(ValueError):
    """A file cannot be read as a table; the message says what would be right."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a file holds.

    Attributes:
        form: "csv" or "xlsx".
        encoding: That of a CSV file, "" for a sheet.
        delimiter: What stands between the cells of a CSV file.
        heading: The cells of the first row.
        rows: How many there are below it.
        dates: How dates are written: "ymd" (ISO 8601), "dmy" or "mdy".
        comma: Whether decimals are written with a comma.
        sample: The first rows.
    """

    form: str
    encoding: str
    delimiter: str
    heading: list[str]
    rows: int
    dates: str
    comma: bool
    sample: list[list[str]]


def prepare(raw: Path, plain: Path, encoding: str = "") -> Table:
    """Turn a file into plain CSV, and return what it holds.

    Args:
        raw: What was sent.
        plain: Where the CSV goes, in UTF-8 with commas.
        encoding: That of a CSV file where a person knows better; "": it is found out.

    Raises:
        TableError: It cannot be read, or is larger than a setting allows.
        OSError: The disk is full.
    """
    csv.field_size_limit(int(current_app.config["IMPORT_MAX_CELL"]) + 1)
    with raw.open("rb") as file:
        start = file.read(_LOOKED_AT)
    if not start.strip():
        raise TableError(gettext("The file is empty."))
    if start.startswith(b"PK\x03\x04"):
        return _from_sheet(raw, plain)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise TableError(
            gettext("This is an old Excel file. Save it as XLSX or CSV, and send that.")
        )
    found = encoding or _encoding(start)
    try:
        with raw.open(encoding=found, newline="") as text:
            delimiter = _delimiter(text.read(1 << 16))
        with raw.open(encoding=found, newline="") as text:
            rows = csv.reader(text, delimiter=delimiter, strict=False)
            return _copy(rows, plain, "csv", found, delimiter)
    except (UnicodeError, LookupError):
        raise TableError(
            gettext(
                "The file is not text in %(encoding)s. Save it as CSV in UTF-8, or as XLSX.",
                encoding=found,
            )
        ) from None
    except csv.Error as error:
        if "limit" not in str(error):
            raise TableError(gettext("The file is not CSV: %(why)s.", why=str(error))) from None
        raise TableError(
            gettext(
                "A cell has more than %(most)s characters. Perhaps a quotation mark is not closed.",
                most=f"{current_app.config['IMPORT_MAX_CELL']:,}",
            )
        ) from None


def _encoding(start: bytes) -> str:
    """Return the encoding of a text by its beginning."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if start.startswith(mark):
            return name
    with suppress(UnicodeDecodeError):
        codecs.getincrementaldecoder("utf-8")().decode(start)  # may end amid a character
        if b"\0" not in start:
            return "utf-8-sig"
    from charset_normalizer import from_bytes  # its tables take a moment to load

    # Bytes 0x80 to 0x9f are no characters in Latin-1, which spreadsheets never write.
    best = from_bytes(start[: 1 << 16], cp_isolation=["utf_16_le", "utf_16_be", "cp1252"]).best()
    return {"utf_16_le": "utf-16-le", "utf_16_be": "utf-16-be"}.get(
        best.encoding if best else "", "windows-1252"
    )


def _delimiter(text: str) -> str:
    """Return what parts the cells of the heading: what stands in it most often, out of quotes."""
    heading = re.sub(r'"[^"]*"', "", text.lstrip("\r\n").partition("\n")[0])
    return max(DELIMITERS, key=heading.count)


def _copy(
    rows: Iterator[Sequence[str]], plain: Path, form: str, encoding: str, delimiter: str
) -> Table:
    """Write rows as plain CSV, and hold them against the limits."""
    heading = [cell.strip() for cell in next(rows, [])]
    while heading and not heading[-1]:
        heading.pop()
    if not heading:
        raise TableError(gettext("The first line is empty. It must name the columns."))
    limits = _Limits(len(heading))
    number = 1
    sample: list[list[str]] = []
    with plain.open("w", encoding="utf-8", newline="", errors="surrogatepass") as file:
        writer = csv.writer(file)
        writer.writerow(heading)
        for number, row in enumerate(rows, 2):
            limits.check(number, row)
            writer.writerow(row)
            if len(sample) < _SAMPLE:
                sample.append([cell[:80] for cell in row])
    return Table(
        form=form,
        encoding=encoding.removesuffix("-sig"),
        delimiter=delimiter,
        heading=heading,
        rows=number - 1,
        dates=_dates(sample),
        comma=delimiter != "," and _commas(sample),
        sample=sample[:5],
    )


class _Limits:
    """The settings that a table is held against.

    Args:
        columns: How many the heading has.

    Raises:
        TableError: They are too many.
    """

    def __init__(self, columns: int) -> None:
        config = current_app.config
        self.rows, self.cell = config["IMPORT_MAX_ROWS"], config["IMPORT_MAX_CELL"]
        self.columns = columns
        if columns > config["IMPORT_MAX_COLUMNS"]:
            raise TableError(
                gettext(
                    "The file has %(number)s columns; at most %(most)s are taken.",
                    number=columns,
                    most=config["IMPORT_MAX_COLUMNS"],
                )
            )

    def check(self, number: int, row: Sequence[str]) -> None:
        """Check a row.

        Raises:
            TableError: It goes beyond a limit.
        """
        if number - 1 > self.rows:
            raise TableError(
                gettext(
                    "The file has more than %(most)s records. Divide it, and send the parts.",
                    most=f"{self.rows:,}",
                )
            )
        if len(row) > self.columns and any(row[self.columns :]):
            raise TableError(
                gettext(
                    "Line %(line)s has %(number)s cells, but the heading only %(columns)s.",
                    line=f"{number:,}",
                    number=len(row),
                    columns=self.columns,
                )
            )
        if row and len(max(row, key=len)) > self.cell:
            raise TableError(
                gettext(
                    "A cell of line %(line)s has more than %(most)s characters.",
                    line=f"{number:,}",
                    most=f"{self.cell:,}",
                )
            )


def _dates(rows: Sequence[Sequence[str]]) -> str:
    """Return how dates are written, as far as some rows tell: a day is beyond 12."""
    found = [match for row in rows for cell in row if (match := _DMY.fullmatch(cell))]
    if not found:
        return "ymd"
    american = any(int(each[2]) > 12 for each in found) and all(
        int(each[1]) <= 12 for each in found
    )
    return "mdy" if american else "dmy"


def _commas(rows: Sequence[Sequence[str]]) -> bool:
    return any(_COMMA.fullmatch(cell) for row in rows for cell in row)


def _from_sheet(raw: Path, plain: Path) -> Table:
    """Turn the first sheet of an XLSX file into plain CSV, in a process of its own.

    There it may take the memory that a whole sheet needs, and no file can do harm by a crash.
    """
    _check_archive(raw)
    rough = plain.with_suffix(".rough")
    try:
        with rough.open("xb") as output:
            done = subprocess.run(  # noqa: S603 - no shell, and no name that was sent
                [_python(), "-P", str(Path(__file__).with_name("sheets.py")), str(raw)],
                stdout=output,
                stderr=subprocess.DEVNULL,
                timeout=_SHEET_SECONDS,
                check=False,
            )
        if done.returncode:
            raise _damaged()
        with rough.open(encoding="utf-8", newline="") as text:
            return _copy(csv.reader(text), plain, "xlsx", "", ",")
    except subprocess.TimeoutExpired:
        raise _damaged() from None
    finally:
        rough.unlink(missing_ok=True)


def _python() -> str:
    """Return the interpreter: some servers are the executable themselves."""
    name = Path(sys.executable or "").name
    return sys.executable if name.startswith("python") else f"{sys.prefix}/bin/python"


def _damaged() -> TableError:
    return TableError(gettext("The file cannot be read as XLSX. Save it again, or as CSV."))


def _check_archive(raw: Path) -> None:
    """Refuse a file that would be too large when it is unpacked, or is not what it says.

    Raises:
        TableError: It is.
    """
    most = current_app.config["IMPORT_MAX_UNPACKED"]
    try:
        with zipfile.ZipFile(raw) as archive:
            if sum(info.file_size for info in archive.infolist()) > most:
                raise TableError(
                    gettext(
                        "The file would take more than %(most)s bytes when it is unpacked.",
                        most=f"{most:,}",
                    )
                )
            for info in archive.infolist():  # what it says of sizes may be wrong
                with archive.open(info) as part:
                    while part.read(1 << 20):
                        pass
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        raise _damaged() from None


def heading(plain: Path) -> list[str]:
    """Return the first row of a prepared file."""
    with plain.open(encoding="utf-8", newline="", errors="surrogatepass") as file:
        return next(csv.reader(file), [])


def read(plain: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a prepared file below the heading, each with its line; empty ones not."""
    with plain.open(encoding="utf-8", newline="", errors="surrogatepass") as file:
        rows = csv.reader(file)
        next(rows, None)
        for line, row in enumerate(rows, 2):
            if any(row):
                yield line, row


def length(plain: Path) -> int:
    """Return how many lines a prepared file has: as many rows, or some more."""
    with plain.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
