"""Values as they stand in files: how they are written, and what undoes it when they are read.

A spreadsheet takes a cell for a formula by how it begins (OWASP, CSV Injection), and cannot tell
an empty text from no value. Both are settled by one apostrophe, which reading takes off again.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from webadmin.columns import Column
from webadmin.xlsx import FIRST_DAY

_STARTS = "=+\\-@\uff1d\uff0b\uff0d\uff20"  # the last four: the same signs in full width
# An empty text and what would begin a formula, perhaps after spaces, and either behind
# apostrophes, so that those of a text itself are told from the one put before it.
_GUARDED = re.compile(rf"'*(?:\s*[{_STARTS}]|[\t\r\n]|\Z)")
# What a guarded text can begin with: all others are passed by.
SUSPECTS = frozenset("'=+-@\uff1d\uff0b\uff0d\uff20") | {
    chr(code) for code in range(0x3001) if chr(code).isspace()
}
_NUMBERS = frozenset({int, float, Decimal})
# What a double holds exactly, and Excel shows in full (its specification: 15 digits).
_MOST_IN_CELL = 10**15

_quote = json.JSONEncoder(ensure_ascii=False).encode
Writer = Callable[[Sequence[Any]], Iterable[Any]]


def guard(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula or for an empty cell."""
    return f"'{text}" if _GUARDED.match(text) else text


def unguard(text: str) -> str:
    """Return the text that `guard` was given; any other stays as it is, "'t Hooft" too."""
    return text[1:] if text[:1] == "'" and _GUARDED.match(text) else text


def text_of(column: Column, zone: tzinfo) -> Callable[[Any], str]:
    """Return what makes the text of values, not None, of a column: `Column.parse` undoes it.

    Args:
        column: The column.
        zone: Where times with a zone are shown; their offset is written too.
    """
    kind = column.kind.name
    if kind == "json":
        return _json
    if kind == "datetime" and getattr(column.type, "timezone", False):
        return lambda value: _moment(column.exact(value), zone)

    def text(value: Any) -> str:
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        try:
            return column.text(value)
        except (AttributeError, TypeError):
            return str(value)  # SQLite may hold a value that its column's type does not allow

    return text


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Half a surrogate pair, which UTF-8 cannot hold, is written as an escape.
    return text if _is_unicode(text) else json.dumps(value, separators=(",", ":"))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _moment(value: Any, zone: tzinfo) -> str:
    if not isinstance(value, datetime):
        return str(value)
    try:
        return value.astimezone(zone).isoformat(" ")
    except OverflowError:  # at the ends of the calendar
        return value.astimezone(UTC).isoformat(" ")


def csv_writer(column: Column, zone: tzinfo) -> Writer:
    """Return what turns values of a column into the cells of a CSV file; None is empty there."""
    text = text_of(column, zone)
    numeric = column.kind.name in ("integer", "float", "decimal")

    def cell(value: Any) -> str:
        if value is None:
            return ""
        # A negative number begins like a formula, and is none.
        plain = numeric and type(value) in _NUMBERS
        return text(value) if plain else guard(text(value))

    def cells(values: Sequence[Any]) -> Iterable[Any]:
        types = set(map(type, values))
        if column.kind.name == "integer" and types <= {int, type(None)}:
            return values  # csv writes them so itself
        if column.is_text and types <= {str, type(None)}:
            suspects = SUSPECTS
            return [v if v and v[0] not in suspects else cell(v) for v in values]
        return map(cell, values)

    return cells


def json_writer(column: Column, zone: tzinfo) -> Writer:
    """Return what turns values of a column into JSON texts: a number, a text, true, null ..."""
    text = text_of(column, zone)
    kind = column.kind.name

    def data(value: Any) -> Any:
        if kind == "json":
            return _json(value)
        if type(value) is bool:
            return "true" if value else "false"
        if type(value) is int or (type(value) is float and value - value == 0):
            return repr(value)  # neither infinite nor NaN, which JSON has not
        return _quote(value if type(value) is str else text(value))

    return lambda values: ["null" if value is None else data(value) for value in values]


def sheet_writer(column: Column, zone: tzinfo) -> Writer:
    """Return what turns values of a column into cells of a sheet: numbers, dates, guarded texts.

    What a spreadsheet cannot hold exactly as a number or date is written as text.
    """
    text = text_of(column, zone)
    zoned = getattr(column.type, "timezone", False)

    def cell(value: Any) -> Any:
        if value is None or type(value) is bool:
            return value
        if type(value) in _NUMBERS:
            number = _number(value)
            return text(value) if number is None else number
        if isinstance(value, date) and not zoned and _is_day(value):
            return value
        return guard(text(value))

    return lambda values: map(cell, values)


def _number(value: Any) -> int | float | None:
    """Return the number that stands for one in a cell; None where no double is exactly it."""
    if value - value != 0:
        return None  # infinite or NaN
    if type(value) is float:
        return value
    if not -_MOST_IN_CELL < value < _MOST_IN_CELL:
        return None
    if type(value) is int:
        return value
    double = float(value)
    return double if Decimal(repr(double)) == value else None


def _is_day(value: date) -> bool:
    if isinstance(value, datetime):
        return value.microsecond == 0 and value.tzinfo is None and value.date() >= FIRST_DAY
    return value >= FIRST_DAY
