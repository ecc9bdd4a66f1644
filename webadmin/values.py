"""Values as JSON, exact for every type that a column can hold: cursors, signed originals."""

import base64
import binascii
import json
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID


def _timedelta(microseconds: Any) -> timedelta:
    return timedelta(microseconds=int(microseconds))


# tag -> (Python type, to JSON, from JSON); datetime stands before date, which it inherits from.
_TAGS: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "interval": (timedelta, lambda value: value // timedelta(microseconds=1), _timedelta),
    "decimal": (Decimal, str, Decimal),
    "uuid": (UUID, str, UUID),
    "bytes": (bytes, lambda value: base64.b64encode(value).decode(), base64.b64decode),
    # As ASCII text: a JSON column may hold half a surrogate pair, which UTF-8 cannot.
    "json": (dict, json.dumps, json.loads),
    "float": (float, repr, float),
}


def dump(value: object) -> Any:
    """Return JSON data for a value: itself where JSON has the type, else `{tag: text}`."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str) and _is_unicode(value):
        return value
    if isinstance(value, str | list):
        return {"json": json.dumps(value)}
    for tag, (type_, to_json, _) in _TAGS.items():
        if isinstance(value, type_):
            return {tag: to_json(value)}
    return str(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def load(data: Any) -> Any:
    """Return the value that `dump` was given.

    Raises:
        ValueError: The data was not made by `dump`.
    """
    if data is None or isinstance(data, bool | int | float | str):
        return data
    try:
        ((tag, inner),) = data.items()
        return _TAGS[tag][2](inner)
    except (
        AttributeError,
        KeyError,
        TypeError,
        InvalidOperation,
        OverflowError,
        binascii.Error,
    ) as error:
        raise ValueError("not a value of webadmin's") from error
