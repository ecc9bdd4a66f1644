"""The first sheet of an XLSX file as CSV on standard output: a program that `tables` starts.

It imports nothing of webadmin, so that it starts at once.
"""

import csv
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TextIO

try:
    import resource
except ImportError:  # no POSIX limits
    resource = None  # type: ignore[assignment]

MOST_MEMORY = 4 << 30  # bytes of addresses


def text(cell: Any) -> str:
    """Return a cell as the text that columns parse."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e21 else _digits(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return _length(cell)
    return "" if cell is None else str(cell)


def _digits(number: float) -> str:
    plain = format(Decimal(repr(number)), "f")
    return plain if len(plain) < 40 else repr(number)


def _length(value: timedelta) -> str:
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    hours, rest = divmod(value.seconds, 3600)
    days = f"{value.days} " if value.days else ""
    return f"{sign}{days}{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"


def write(path: str, file: TextIO) -> None:
    """Write the first sheet of a file as CSV."""
    from python_calamine import CalamineWorkbook

    sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
    writer = csv.writer(file)
    for row in sheet.iter_rows():
        writer.writerow(list(map(text, row)))


if __name__ == "__main__":
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
    write(sys.argv[1], sys.stdout)
